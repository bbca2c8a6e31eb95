/** Tries cures on the model before they are promised. */
import { type EchoQuery, expectPath } from '../path/expect.ts';
import { type Gate, gateKey } from '../path/gate.ts';
import type { Leg, Path } from '../path/model.ts';
import { applyChanges } from '../topology/apply-changes.ts';
import type { Change } from '../topology/change.ts';
import type { Topology } from '../topology/model.ts';
import type { Context } from './rule.ts';

type Trial = Pick<Context, 'passes' | 'best'>;

/** Where there is no gate to get past. */
export const NO_TRIAL: Trial = { passes: () => false, best: () => undefined };

const gatesOf = ({ steps }: Leg): Gate[] => steps.flatMap((step) => (step.kind === 'gate' ? [step.gate] : []));

/** What stops a router's error stops its news: it comes before the gate that the error is about. */
const errorGates = (gate: Gate): Gate[] => (gate.kind === 'mtu' ? (gate.error?.legs.flatMap(gatesOf) ?? []) : []);

/** @param overruled gates that the packet was sighted passing */
export function trial(topology: Topology, query: EchoQuery, gate: Gate, overruled: ReadonlySet<string>): Trial {
  const stopsOf = (path: Path) =>
    path.legs
      .flatMap(gatesOf)
      .flatMap((each) => [...errorGates(each), each])
      .filter((each) => each.verdict === 'stop' && !overruled.has(gateKey(each)));
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
