/** The first packets of a survey are looked at twice: where packets begin is not known from one. */
import type { ClosedPacket } from './packets.ts';
import { WayTable } from './ways.ts';

/** Packets that are held back until it is known where such packets begin. */
const REHEARSED = 512;

export class Rehearsal {
  /** Those of the packets held back, by their stamps alone. */
  readonly #ways = new WayTable();
  readonly #scratch: Uint16Array;
  readonly #perform: (packet: ClosedPacket) => void;
  #held: ClosedPacket[] | undefined = [];

  /**
   * @param perform is given every packet, in order
   * @param places how many there may be
   */
  constructor(perform: (packet: ClosedPacket) => void, places: number) {
    this.#perform = perform;
    this.#scratch = new Uint16Array(places);
  }

  /** Takes a packet: it is held back with the first ones, or handed on at once. */
  take(packet: ClosedPacket): void {
    const held = this.#held;
    if (held === undefined) {
      this.#perform(packet);
      return;
    }
    const { places, times, directions, count, group } = packet;
    this.#ways.add(places, times, directions, count, places[0] ?? 0, group, this.#scratch);
    held.push({
      ...packet,
      places: places.slice(0, count),
      times: times.slice(0, count),
      directions: directions.slice(0, count),
    });
    if (held.length >= REHEARSED) this.end();
  }

  /** Hands on what was held back; from now on nothing is. */
  end(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const packet of held) this.#perform(packet);
  }

  /** Packets held back that began at `place` and came to `other`. */
  begun(place: number, other: number): number {
    return this.#ways.begun(place, other);
  }
}
