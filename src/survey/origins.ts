/** Where the packets of an address begin: told by most of them, since the stamps of neighbouring places nearly agree. */
import type { ClosedPacket } from './packets.ts';

/** Stamps of one packet at neighbouring places may be reversed by this much, nanoseconds. */
const STAMP_SLACK_NS = 5_000;
/** Packets that begin at the one place for each that begins at the other, before stamps that nearly agree are not believed. */
const FAR_MORE = 8;
const FIRST_ADDRESSES = 1024;

export class OriginTable {
  /** By address: the place, and its lead over others. */
  #place = new Uint16Array(FIRST_ADDRESSES);
  #lead = new Int32Array(FIRST_ADDRESSES);
  readonly #begun: (place: number, other: number) => number;

  /** @param begun how many packets that came to both of two places began at the first */
  constructor(begun: (place: number, other: number) => number) {
    this.#begun = begun;
  }

  /** Where packets of this address begin; undefined when none was seen, or no place is ahead. */
  of(address: number): number | undefined {
    return (this.#lead[address] ?? 0) > 0 ? this.#place[address] : undefined;
  }

  /** Where the packet began: where its sender's packets begin, when the stamps leave that open. It is counted. */
  first({ source, places, times, count }: ClosedPacket): number {
    const earliest = places[0] ?? 0;
    if (source >= this.#place.length) this.#grow(source);
    const lead = this.#lead[source] ?? 0;
    const origin = this.#place[source] ?? 0;
    const open = count > 1 && (times[1] ?? 0) - (times[0] ?? 0) <= STAMP_SLACK_NS;
    if (lead === 0) {
      const first = open ? this.#usualFirst(earliest, places[1] ?? 0) : earliest;
      this.#place[source] = first;
      this.#lead[source] = 1;
      return first;
    }
    if (origin === earliest) {
      this.#lead[source] = lead + 1;
      return earliest;
    }
    if (open) {
      const start = times[0] ?? 0;
      for (let index = 1; index < count; index++)
        if (places[index] === origin && (times[index] ?? 0) - start <= STAMP_SLACK_NS) return origin;
    }
    this.#lead[source] = lead - 1;
    return earliest;
  }

  /** Of two places that saw a packet at nearly the same time, the one where far more packets that come to both begin. */
  #usualFirst(earliest: number, second: number): number {
    return this.#begun(second, earliest) > FAR_MORE * this.#begun(earliest, second) ? second : earliest;
  }

  #grow(address: number): void {
    const capacity = 2 ** Math.ceil(Math.log2(address + 1));
    const place = new Uint16Array(capacity);
    place.set(this.#place);
    this.#place = place;
    const lead = new Int32Array(capacity);
    lead.set(this.#lead);
    this.#lead = lead;
  }
}
