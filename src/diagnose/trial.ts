/** Tries cures on the model before they are promised. */
import { type EchoQuery, expectPath } from '../path/expect.ts';
import { type Gate, gateKey } from '../path/gate.ts';
import type { Path } from '../path/model.ts';
import { applyChanges } from '../topology/apply-changes.ts';
import type { Change } from '../topology/change.ts';
import type { Topology } from '../topology/model.ts';
import type { Context } from './rule.ts';

type Trial = Pick<Context, 'passes' | 'best'>;

/** Where there is no gate to get past. */
export const NO_TRIAL: Trial = { passes: () => false, best: () => undefined };

/** @param overruled gates that the packet was sighted passing */
export function trial(topology: Topology, query: EchoQuery, gate: Gate, overruled: ReadonlySet<string>): Trial {
  const stopsOf = (path: Path) =>
    path.legs
      .flatMap(({ steps }) => steps)
      .flatMap((step) => (step.kind === 'gate' && step.gate.verdict === 'stop' ? [step.gate] : []))
      .filter((stop) => !overruled.has(gateKey(stop)));
  const before = stopsOf(expectPath(topology, query)).map(gateKey);
  const upTo = new Set(before.slice(0, before.indexOf(gateKey(gate)) + 1));

  /** Gates that would still stop it, or undefined when it gets no further than now. */
  const remaining = (changes: readonly Change[], changed: EchoQuery = query): number | undefined => {
    const path = expectPath(applyChanges(topology, changes), changed);
    const stops = stopsOf(path);
    // A packet that is sent in a circle has got further, but not on.
    const circles = stops.some((stop) => stop.kind === 'ttl' && stop.circle);
    const [first] = stops;
    return path.legs.length === 0 || circles || (first && upTo.has(gateKey(first))) ? undefined : stops.length;
  };
  return {
    passes: (changes, changed) => remaining(changes, changed) !== undefined,
    best(attempts) {
      const ranked = attempts.flatMap((changes) => {
        const stops = remaining(changes);
        return stops === undefined ? [] : [{ changes, stops }];
      });
      return ranked.sort((a, b) => a.stops - b.stops)[0]?.changes;
    },
  };
}
