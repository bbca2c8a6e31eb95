/**
 * The wall clock as it would be had nobody set it. The kernel stamps packets with CLOCK_REALTIME, which may be stepped while a
 * trace is under way (settimeofday(2), NTP, a machine that wakes up); CLOCK_MONOTONIC never is. Their difference shows a step.
 */
import { realtimeNs } from '../linux/socket.ts';

export interface SteadyClock {
  /** Compares the two clocks; to be called before times are read that were stamped since the last call. */
  look(): void;
  /** A time stamped a moment ago, as the clock would have told it when this one was made. */
  of(timeNs: bigint): bigint;
  /** Looks, and tells the time. */
  now(): bigint;
  /** By how much it was set, all steps together; 0 while nobody has. Nanoseconds. */
  readonly steppedNs: bigint;
}

/** Both clocks at one moment, nanoseconds. */
export interface ClockReading {
  readonly wallNs: bigint;
  readonly steadyNs: bigint;
}

/** Slewing (adjtimex(2)) is 0.5 ms in a second, and between the two readings this thread may have to wait. */
const LEAST_STEP_NS = 50_000_000n;
/** What was stamped just now may be this much younger than the reading. */
const FUTURE_NS = 5_000_000n;

export function createSteadyClock(read: () => ClockReading = readBoth): SteadyClock {
  const offset = () => {
    const { wallNs, steadyNs } = read();
    return wallNs - steadyNs;
  };
  const first = offset();
  /** Every difference there has been, the newest first. */
  const offsets = [first];
  const look = () => {
    const now = offset();
    const [last = first] = offsets;
    if (magnitude(now - last) < LEAST_STEP_NS) return;
    // Waiting between the two readings looks like a small step, once.
    const again = offset();
    if (magnitude(again - last) >= LEAST_STEP_NS) offsets.unshift(again);
  };
  const of = (timeNs: bigint): bigint => {
    if (offsets.length === 1) return timeNs;
    const { steadyNs } = read();
    let best: { readonly offset: bigint; readonly ageNs: bigint } | undefined;
    for (const each of offsets) {
      const ageNs = steadyNs + each - timeNs;
      if (ageNs >= -FUTURE_NS && (best === undefined || ageNs < best.ageNs)) best = { offset: each, ageNs };
    }
    return timeNs - (best?.offset ?? offsets[0] ?? first) + first;
  };
  return {
    look,
    of,
    now() {
      look();
      return of(read().wallNs);
    },
    get steppedNs() {
      return (offsets[0] ?? first) - first;
    },
  };
}

function readBoth(): ClockReading {
  return { wallNs: realtimeNs(), steadyNs: process.hrtime.bigint() };
}

function magnitude(ns: bigint): bigint {
  return ns < 0n ? -ns : ns;
}
