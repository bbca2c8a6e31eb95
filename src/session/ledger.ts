/** What a live run has seen so far: frames in, journeys and exchanges out. */
import { buildExchanges, type Exchange } from '../trace/exchange.ts';
import { type Frame, type Place, type ProbeResult, placeKey } from '../trace/frame.ts';
import { createTracer, type Journey } from '../trace/journey.ts';
import type { RunIdentity } from '../trace/run.ts';
import { createSighter } from '../trace/sight.ts';

/** The rings of several namespaces hand over in turns: frames wait this long for earlier ones (nanoseconds). */
const HOLD_NS = 30_000_000n;

export interface Ledger {
  add(frame: Frame): void;
  /** Journeys so far. Frames younger than the hold time before `nowNs` may not be in it yet; without it all are. */
  journeys(nowNs?: bigint): readonly Journey[];
  exchanges(source: string, destination: string, probes: readonly ProbeResult[]): Exchange[];
  /** All frames that were settled, in order of time. */
  frames(): readonly Frame[];
  unfinishedChecksums(): ReadonlyMap<string, { place: Place; frames: number }>;
}

export function openLedger(run: RunIdentity): Ledger {
  const sight = createSighter(run);
  const tracer = createTracer();
  const checksums = new Map<string, { place: Place; frames: number }>();
  const settled: Frame[] = [];
  let held: Frame[] = [];

  const settle = (untilNs: bigint | undefined) => {
    if (held.length === 0) return;
    held.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
    const ready = untilNs === undefined ? held.length : held.findLastIndex(({ timeNs }) => timeNs <= untilNs) + 1;
    for (const frame of held.slice(0, ready)) {
      settled.push(frame);
      tracer.add(sight(frame));
    }
    held = held.slice(ready);
  };

  return {
    add(frame) {
      held.push(frame);
      if (!frame.checksumNotReady) return;
      const key = placeKey(frame.place);
      const count = checksums.get(key) ?? { place: frame.place, frames: 0 };
      checksums.set(key, { ...count, frames: count.frames + 1 });
    },
    journeys(nowNs) {
      settle(nowNs === undefined ? undefined : nowNs - HOLD_NS);
      return tracer.journeys();
    },
    exchanges(source, destination, probes) {
      settle(undefined);
      return buildExchanges(tracer.journeys(), source, destination, probes);
    },
    frames: () => settled,
    unfinishedChecksums: () => checksums,
  };
}
