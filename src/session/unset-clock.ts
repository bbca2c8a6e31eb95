/** A run whose machine's clock is set while it is under way: everything it stamps is told as if nobody had. */
import type { Capture } from '../capture/capture.ts';
import { createSteadyClock, type SteadyClock } from '../capture/steady-clock.ts';
import type { EchoProbe } from '../probe/echo.ts';
import type { Coverage, Frame } from '../trace/frame.ts';

export interface UnsetClock {
  readonly clock: SteadyClock;
  /** A frame that was read just now. */
  frame(frame: Frame): Frame;
  probe(probe: EchoProbe): EchoProbe;
  /** Its coverage is told so, too. */
  capture<C extends Capture>(capture: C): C;
  /** One line where the clock was set. */
  gaps(): string[];
}

/** What the kernel may hold back before it hands it over. */
const HOLD_NS = 20_000_000n;

/** Frames come in batches, and under a flood by the hundred thousand: between two looks, milliseconds. */
const LOOK_MS = 10;

export function unsetClock(clock: SteadyClock = createSteadyClock()): UnsetClock {
  let lookedMs = performance.now();
  return {
    clock,
    frame(frame) {
      if (performance.now() - lookedMs > LOOK_MS) {
        lookedMs = performance.now();
        clock.look();
      }
      const timeNs = clock.of(frame.timeNs);
      return timeNs === frame.timeNs ? frame : { ...frame, timeNs };
    },
    probe: (probe) => ({
      ...probe,
      send(sequence) {
        const sent = probe.send(sequence);
        clock.look();
        return { ...sent, sentNs: clock.of(sent.sentNs) };
      },
      receive() {
        const events = probe.receive();
        if (events.length > 0) clock.look();
        return events.map((event) => ({ ...event, timeNs: clock.of(event.timeNs) }));
      },
    }),
    capture(capture) {
      return {
        ...capture,
        coverage(): Coverage {
          const coverage = capture.coverage();
          return clock.steppedNs === 0n ? coverage : { ...coverage, untilNs: clock.now() - HOLD_NS };
        },
      };
    },
    gaps() {
      const { steppedNs } = clock;
      if (steppedNs === 0n) return [];
      const seconds = (Math.abs(Number(steppedNs)) / 1e9).toFixed(1);
      return [
        `the clock was set ${steppedNs > 0n ? 'forward' : 'back'} by ${seconds} s during the trace: times are told as if it had not been`,
      ];
    },
  };
}
