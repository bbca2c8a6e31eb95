/**
 * What the traffic tells of the network itself: which two places are the ends of one link, which place sits on top of which others,
 * as a bridge does on its ports.
 * Inferred, and marked so wherever it is shown.
 */
import type { Place } from '../trace/frame.ts';
import type { Losses } from './losses.ts';
import type { Survey } from './survey.ts';

export interface Shape {
  /** What goes into one end comes out of the other: a veth pair, or a cable. */
  readonly links: readonly { readonly ends: readonly [Place, Place]; readonly packets: number }[];
  /** What comes in by the lower devices comes in here as well: a bridge over its ports, or a device on top of another. */
  readonly uppers: readonly { readonly upper: Place; readonly lowers: readonly Place[] }[];
}

/** Share of the packets that must agree before anything is inferred. */
const NEARLY_ALL = 0.95;
const ENOUGH = 2;

export function shapeOf(survey: Survey, losses: Losses, placeOf: (index: number) => Place): Shape {
  const steps = new Map<string, { from: number; to: number; packets: number; out: number; in: number; both: number }>();
  for (const way of survey.ways.ways) {
    const packets = survey.ways.packets[way.id] ?? 0;
    const order = losses.order(way.id);
    for (let at = 1; at < order.length; at++) {
      const [from = 0, to = 0] = [order[at - 1], order[at]];
      // In a flood the next in time is not the next on the way.
      if (way.group) break;
      const key = `${from} ${to}`;
      const step = steps.get(key) ?? { from, to, packets: 0, out: 0, in: 0, both: 0 };
      const left = survey.ways.direction(way.id, from);
      const came = survey.ways.direction(way.id, to);
      step.packets += packets;
      step.out += packets * Math.min(left.outward, came.inward);
      step.in += packets * Math.min(left.inward, came.inward);
      step.both += packets * Math.min(left.outward + left.inward, came.outward + came.inward);
      steps.set(key, step);
    }
  }
  const links: Shape['links'][number][] = [];
  const lowers = new Map<number, Set<number>>();
  const passed = packetsByPlace(survey);
  for (const { from, to, packets, out, in: inward, both } of steps.values()) {
    if (packets < ENOUGH) continue;
    const told = both >= packets * NEARLY_ALL;
    if (told && inward >= packets * NEARLY_ALL) lowers.set(to, (lowers.get(to) ?? new Set()).add(from));
    const back = steps.get(`${to} ${from}`);
    if (back !== undefined && from > to) continue;
    const together = packets + (back?.packets ?? 0);
    const linked = told
      ? out >= packets * NEARLY_ALL && (back === undefined || back.out >= back.packets * NEARLY_ALL)
      : // Without directions: whatever is sighted at one is sighted at the other next, both ways.
        back !== undefined && together >= Math.max(passed.get(from) ?? 0, passed.get(to) ?? 0) * NEARLY_ALL;
    if (linked) links.push({ ends: [placeOf(from), placeOf(to)], packets: together });
  }
  // Three places in a row are no pair: which two of them are ends of one link is not told.
  const uses = new Map<Place, number>();
  for (const { ends } of links) for (const end of ends) uses.set(end, (uses.get(end) ?? 0) + 1);
  return {
    links: links.filter(({ ends }) => ends.every((end) => uses.get(end) === 1)).sort((a, b) => b.packets - a.packets),
    uppers: [...lowers].map(([upper, set]) => ({ upper: placeOf(upper), lowers: [...set].map(placeOf) })),
  };
}

/** Packets that are no floods, by each place they passed. */
function packetsByPlace(survey: Survey): Map<number, number> {
  const passed = new Map<number, number>();
  for (const { id, group, places } of survey.ways.ways)
    if (!group)
      for (const place of places) passed.set(place, (passed.get(place) ?? 0) + (survey.ways.packets[id] ?? 0));
  return passed;
}
