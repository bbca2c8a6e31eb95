/** How the clocks of two recorders differ: told by the packets that both saw. */
import type { AddressTable } from './addresses.ts';
import { Glance } from './glance.ts';
import { isEcho, Kind } from './kind.ts';

/** Packets looked at in each file: an offset needs few. */
const ENOUGH_FRAMES = 200_000;
const FEWEST_COMMON = 3;
/** Clocks that agree this well are one clock: the difference is the way between the places. */
const SAME_CLOCK_NS = 1e6;
/** ARP and neighbour discovery repeat byte for byte, but not so soon. */
const REPEAT_NS = 8e7;
/** Messages that both saw once tell the clocks where nothing else does, if they agree this well. */
const AGREEMENT_NS = 5e6;
const FEWEST_AGREEING = 2;
/** With packets of one direction only, the way cannot be told from the clock unless it would be this long. */
const ONE_WAY_NS = 5e7;

interface Seen {
  ns: number;
  readonly flow: number;
}

export interface ClockDifference {
  /** To be taken from the times of the second recorder, nanoseconds. */
  readonly offsetNs: number;
  /** Half of the shortest round trip between the two: the offset is known this well. */
  readonly uncertaintyNs: number;
  readonly packets: number;
}

/** What one recorder saw, to be compared with what another saw. */
export class ClockSample {
  readonly #glance = new Glance();
  readonly #addresses: AddressTable;
  readonly #seen = new Map<number, Seen>();
  /** ARP and neighbour discovery, by what they say: when it was said; NaN where it was said more than once. */
  readonly #said = new Map<number, number>();
  #frames = 0;

  /** @param addresses one table for all samples that are compared */
  constructor(addresses: AddressTable) {
    this.#addresses = addresses;
  }

  get full(): boolean {
    return this.#frames >= ENOUGH_FRAMES;
  }

  add(view: DataView, start: number, end: number, linkType: number, ns: number): void {
    this.#frames++;
    const glance = this.#glance;
    if (!glance.look(view, start, end, linkType)) return;
    const key = glance.hashHigh * 2 ** 32 + (glance.hashLow >>> 0);
    if (!isEcho(glance.kind) && glance.kind !== Kind.other) {
      const before = this.#said.get(key);
      if (before === undefined) this.#said.set(key, ns);
      else if (!(ns - before < REPEAT_NS)) this.#said.set(key, Number.NaN);
      return;
    }
    const known = this.#seen.get(key);
    if (known) {
      if (ns < known.ns) known.ns = ns;
      return;
    }
    const source = this.#addresses.intern(view, glance.sourceAt, glance.addressLength);
    const target = this.#addresses.intern(view, glance.targetAt, glance.addressLength);
    this.#seen.set(key, { ns, flow: source * 2 ** 20 + target });
  }

  /** How much later than this one's the other's clock stands; undefined when too little was seen by both. */
  difference(other: ClockSample): ClockDifference | undefined {
    const byFlow = new Map<number, { least: number; most: number }>();
    let packets = 0;
    for (const [key, { ns, flow }] of this.#seen) {
      const there = other.#seen.get(key);
      if (!there) continue;
      packets++;
      const delta = there.ns - ns;
      const flowSeen = byFlow.get(flow);
      if (!flowSeen) byFlow.set(flow, { least: delta, most: delta });
      else {
        flowSeen.least = Math.min(flowSeen.least, delta);
        flowSeen.most = Math.max(flowSeen.most, delta);
      }
    }
    return packets < FEWEST_COMMON ? this.#bySaid(other) : between(byFlow, packets);
  }

  /** By what both heard once, where they have little else in common: places that only floods come to. */
  #bySaid(other: ClockSample): ClockDifference | undefined {
    const deltas: number[] = [];
    for (const [key, ns] of this.#said) {
      const delta = (other.#said.get(key) ?? Number.NaN) - ns;
      if (!Number.isNaN(delta)) deltas.push(delta);
    }
    deltas.sort((a, b) => a - b);
    const [least = 0, most = 0] = [deltas[0], deltas.at(-1)];
    if (deltas.length < FEWEST_AGREEING || most - least > AGREEMENT_NS) return undefined;
    const offset = (least + most) / 2;
    return {
      offsetNs: Math.abs(offset) < ONE_WAY_NS ? 0 : offset,
      uncertaintyNs: AGREEMENT_NS,
      packets: deltas.length,
    };
  }
}

/** Packets one way are late by clock and way, packets the other way early by the way: the clock is in the middle. */
function between(
  byFlow: ReadonlyMap<number, { least: number; most: number }>,
  packets: number,
): ClockDifference | undefined {
  const pairs: { forth: number; back: number }[] = [];
  const single: number[] = [];
  for (const [flow, { least, most }] of byFlow) {
    const reverse = byFlow.get((flow % 2 ** 20) * 2 ** 20 + Math.floor(flow / 2 ** 20));
    if (!reverse) single.push(Math.abs(least) < Math.abs(most) ? least : most);
    else if (least > reverse.most) pairs.push({ forth: least, back: reverse.most });
  }
  const [first] = pairs;
  if (first) {
    const forth = Math.min(...pairs.map((pair) => pair.forth));
    const back = Math.max(...pairs.map((pair) => pair.back));
    if (forth >= back) {
      // The truth lies between the two: no packet arrives before it was sent.
      const offset = (forth + back) / 2;
      const same = Math.abs(offset) < SAME_CLOCK_NS || (forth >= 0 && back <= 0 && Math.abs(offset) < ONE_WAY_NS);
      return { offsetNs: same ? 0 : offset, uncertaintyNs: (forth - back) / 2, packets };
    }
  }
  const least = single.sort((a, b) => Math.abs(a) - Math.abs(b))[0];
  if (least === undefined || Math.abs(least) < ONE_WAY_NS) return { offsetNs: 0, uncertaintyNs: ONE_WAY_NS, packets };
  return { offsetNs: least, uncertaintyNs: ONE_WAY_NS, packets };
}
