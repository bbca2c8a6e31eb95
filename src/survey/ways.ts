/**
 * The ways packets took: by which place they were first sighted, and which places saw them. The order of places is learnt from all
 * packets of a way together, because stamps of single packets are equal or even reversed.
 */

/** A way has a number; 0 is none. */
export interface Way {
  readonly id: number;
  /** Where it begins. */
  readonly first: number;
  /** Numbers of places, ascending, `first` among them. */
  readonly places: readonly number[];
  /** Broadcasts and multicasts flood: their ways are kept apart. */
  readonly group: boolean;
}

/** Nanoseconds, over `packets` packets. */
export interface Delay {
  readonly packets: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
}

/** Numbers kept for a place of a way. */
const DELAYS = 6;
/** Ways beyond these are taken together, so that a file cannot make them without end. */
const MOST_WAYS = 1 << 13;
const SHIFT = 1 << 16;
const WAYS_LOOKED_AT = 256;
/** A power of two. */
const RECENT = 64;
/** Packets of a way before it is known whether packets end there; asked again whenever they have doubled. */
const WAY_LEARNT = 256;

export class WayTable {
  readonly ways: Way[] = [{ id: 0, first: 0, places: [], group: false }];
  /** Packets that took the way. */
  readonly packets: number[] = [0];
  /**
   * By way and place, in the order of `places`, nanoseconds: time since the first sighting and since the one before, each as
   * sum, least and most.
   */
  readonly #delays: Float64Array[] = [new Float64Array(0)];
  /** How often each place saw packets of the way come in, and go out. */
  readonly #directions: Uint32Array[] = [new Uint32Array(0)];
  readonly #mayEndEarly: boolean[] = [];
  /** Trie over the places: node * SHIFT + place + 1. */
  readonly #steps = new Map<number, number>();
  #nodes = 1;
  /** Way of a trie node, by node. */
  readonly #wayOf: number[] = [0];
  /** The ways found last, by where they begin: most packets take the same few. */
  readonly #recent = new Uint16Array(RECENT);

  /**
   * The way of a packet that was sighted at `places`, the first `count` of them in order of time; it is counted.
   * @param scratch as large as `places`; overwritten
   */
  add(
    places: Uint16Array,
    times: Float64Array,
    directions: Uint8Array,
    count: number,
    first: number,
    group: boolean,
    scratch: Uint16Array,
  ): number {
    sort(places, count, scratch);
    const way = this.#find(scratch, count, first, group);
    const packets = (this.packets[way] ?? 0) + 1;
    this.packets[way] = packets;
    if (packets >= WAY_LEARNT && (packets & (packets - 1)) === 0) this.#mayEndEarly[way] = this.#isPassed(way);
    if (way !== 0) this.#measure(way, places, times, directions, count, first, scratch);
    return way;
  }

  /** Whether the packets of way `part` were sighted where those of `whole` were, but not everywhere. */
  isPart(part: number, whole: number): boolean {
    const a = this.way(part);
    const b = this.way(whole);
    return (
      a.first === b.first &&
      a.group === b.group &&
      a.places.length < b.places.length &&
      a.places.every((place) => b.places.includes(place))
    );
  }

  way(id: number): Way {
    return this.ways[id] ?? { id: 0, first: 0, places: [], group: false };
  }

  /** Whether more packets that came this far went further: then one that did not may have been lost. True until it is known. */
  mayEndEarly(id: number): boolean {
    return this.#mayEndEarly[id] ?? true;
  }

  /** Packets that began at `place` and came to `other`: of the first ways that were found, which most packets take. */
  begun(place: number, other: number): number {
    let packets = 0;
    const last = Math.min(this.ways.length, WAYS_LOOKED_AT);
    for (let id = 1; id < last; id++) {
      const way = this.ways[id];
      if (way?.first === place && way.places.includes(other)) packets += this.packets[id] ?? 0;
    }
    return packets;
  }

  /** The places of a way in the order the packet came to them, on average. */
  order(id: number): number[] {
    const { places, first } = this.way(id);
    const mean = new Map(places.map((place) => [place, this.delay(id, place).sum]));
    return [...places].sort((a, b) => {
      if (a === first || b === first) return a === first ? -1 : 1;
      return (
        (mean.get(a) ?? 0) - (mean.get(b) ?? 0) ||
        this.#inwardLast(id, a) - this.#inwardLast(id, b) ||
        this.#upperLast(a, b)
      );
    });
  }

  /** Time from the first sighting to that at `place`, nanoseconds. */
  delay(id: number, place: number): Delay {
    return this.#delay(id, this.way(id).places.indexOf(place) * DELAYS);
  }

  /** Time from the sighting before to that at `place`, nanoseconds. */
  hop(id: number, place: number): Delay {
    return this.#delay(id, this.way(id).places.indexOf(place) * DELAYS + DELAYS / 2);
  }

  #delay(id: number, at: number): Delay {
    const delays = this.#delays[id] ?? new Float64Array(0);
    const packets = this.packets[id] ?? 0;
    return { packets, sum: delays[at] ?? 0, min: delays[at + 1] ?? 0, max: delays[at + 2] ?? 0 };
  }

  /** How the packets of a way passed a place: shares from 0 to 1; both 0 where the capture does not say. */
  direction(id: number, place: number): { inward: number; outward: number } {
    const { places } = this.way(id);
    const at = places.indexOf(place) * 2;
    const counts = this.#directions[id] ?? new Uint32Array(0);
    const packets = this.packets[id] || 1;
    return { inward: (counts[at] ?? 0) / packets, outward: (counts[at + 1] ?? 0) / packets };
  }

  /** With one time: what a device sends comes before what another one receives. */
  #inwardLast(id: number, place: number): number {
    return this.direction(id, place).inward > 0.5 ? 1 : 0;
  }

  /** A frame that is passed up to a bridge keeps the stamp of its port; what the bridge sends comes to the port later. */
  #upperLast(a: number, b: number): number {
    let sum = 0;
    const last = Math.min(this.ways.length, WAYS_LOOKED_AT);
    for (let id = 1; id < last; id++) {
      const { places } = this.way(id);
      if (places.includes(a) && places.includes(b)) sum += Math.sign(this.delay(id, b).sum - this.delay(id, a).sum);
    }
    return sum;
  }

  #find(sorted: Uint16Array, count: number, first: number, group: boolean): number {
    const slot = (first * 4 + (group ? 2 : 0) + (count & 1)) & (RECENT - 1);
    const recent = this.#recent[slot] ?? 0;
    if (recent !== 0 && this.#isWay(recent, sorted, count, first, group)) return recent;
    let node = this.#step(0, first * 2 + (group ? 1 : 0));
    for (let at = 0; at < count && node !== 0; at++) node = this.#step(node, sorted[at] ?? 0);
    if (node === 0) return 0;
    let way = this.#wayOf[node] ?? 0;
    if (way === 0) {
      if (this.ways.length >= MOST_WAYS) return 0;
      way = this.ways.length;
      this.#wayOf[node] = way;
      this.ways.push({ id: way, first, places: [...sorted.subarray(0, count)], group });
      this.packets.push(0);
      this.#delays.push(new Float64Array(count * DELAYS));
      this.#directions.push(new Uint32Array(count * 2));
    }
    this.#recent[slot] = way;
    return way;
  }

  #isPassed(id: number): boolean {
    const packets = this.packets[id] ?? 0;
    return this.ways.some((other) => (this.packets[other.id] ?? 0) > packets && this.isPart(id, other.id));
  }

  #isWay(id: number, sorted: Uint16Array, count: number, first: number, group: boolean): boolean {
    const way = this.ways[id];
    if (way === undefined || way.first !== first || way.group !== group || way.places.length !== count) return false;
    for (let at = 0; at < count; at++) if (way.places[at] !== sorted[at]) return false;
    return true;
  }

  #step(node: number, label: number): number {
    const key = node * 2 * SHIFT + label;
    const next = this.#steps.get(key);
    if (next !== undefined) return next;
    if (this.#nodes >= MOST_WAYS * 16) return 0;
    const made = this.#nodes++;
    this.#steps.set(key, made);
    this.#wayOf.push(0);
    return made;
  }

  #measure(
    way: number,
    places: Uint16Array,
    times: Float64Array,
    directions: Uint8Array,
    count: number,
    first: number,
    sorted: Uint16Array,
  ): void {
    const delays = this.#delays[way];
    const seen = this.#directions[way];
    if (!delays || !seen) return;
    let start = times[0] ?? 0;
    for (let index = 0; index < count; index++) if (places[index] === first) start = times[index] ?? 0;
    const begun = this.packets[way] === 1;
    for (let index = 0; index < count; index++) {
      const place = places[index] ?? 0;
      let at = 0;
      while (sorted[at] !== place) at++;
      const time = times[index] ?? 0;
      note(delays, at * DELAYS, time - start, begun);
      note(delays, at * DELAYS + DELAYS / 2, index === 0 ? 0 : time - (times[index - 1] ?? 0), begun);
      const direction = directions[index] ?? 0;
      if (direction !== 0) seen[at * 2 + direction - 1] = (seen[at * 2 + direction - 1] ?? 0) + 1;
    }
  }
}

/** The first `count` of `places` into `into`, ascending. */
function sort(places: Uint16Array, count: number, into: Uint16Array): void {
  for (let index = 0; index < count; index++) {
    const place = places[index] ?? 0;
    let to = index;
    for (; to > 0 && (into[to - 1] ?? 0) > place; to--) into[to] = into[to - 1] ?? 0;
    into[to] = place;
  }
}

/** Sum, least and most from `at` on. */
function note(delays: Float64Array, at: number, delay: number, begun: boolean): void {
  delays[at] = (delays[at] ?? 0) + delay;
  if (begun || delay < (delays[at + 1] ?? 0)) delays[at + 1] = delay;
  if (begun || delay > (delays[at + 2] ?? 0)) delays[at + 2] = delay;
}
