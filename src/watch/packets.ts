/** Packets under way in a live view: where each was sighted so far, in bounded memory. */
import type { Place } from '../trace/frame.ts';
import type { Step } from './event.ts';
import type { Root } from './window.ts';

export interface Packet {
  /** What stays the same of it from place to place (`identity.ts`). */
  readonly key: number;
  /** Of its first sighting, nanoseconds of the tracker. */
  readonly firstNs: number;
  /** It is for everybody: it goes everywhere at once. */
  readonly group: boolean;
  readonly root: Root;
  /** In order of time, with the times; each place once. */
  readonly places: Place[];
  readonly times: number[];
}

/** Sightings of one packet are no further apart, queues aside. */
const PACKET_NS = 5e8;
/** ARP and solicitations are repeated byte by byte, but not sooner. */
const REPEAT_NS = 60e6;
const MOST_PACKETS = 1 << 15;
const MOST_STEPS = 64;

export class PacketTable {
  readonly #packets = new Map<number, Packet>();
  readonly #onGone: (packet: Packet) => void;

  /** @param onGone told of each packet of which no more sightings are awaited */
  constructor(onGone: (packet: Packet) => void) {
    this.#onGone = onGone;
  }

  /** The packet that is sighted at a place; undefined where this is the first of it. */
  sight(key: number, place: Place, ns: number): Packet | undefined {
    const packet = this.#packets.get(key);
    if (!packet || ns - packet.firstNs >= PACKET_NS || isAgain(packet, place, ns)) return undefined;
    if (packet.places.length < MOST_STEPS && !hasPassed(packet, place)) {
      packet.places.push(place);
      packet.times.push(ns);
    }
    return packet;
  }

  /** A packet was sighted for the first time. */
  begin(packet: Packet): void {
    const before = this.#packets.get(packet.key);
    if (before) this.#retire(before);
    else if (this.#packets.size >= MOST_PACKETS)
      for (const oldest of this.#packets.values()) {
        this.#retire(oldest);
        break;
      }
    this.#packets.set(packet.key, packet);
  }

  /** Lets go of packets whose time is over. */
  forget(nowNs: number): void {
    for (const packet of this.#packets.values()) {
      if (packet.firstNs > nowNs - PACKET_NS) break;
      this.#retire(packet);
    }
  }

  #retire(packet: Packet): void {
    this.#packets.delete(packet.key);
    this.#onGone(packet);
  }
}

function isAgain({ firstNs, places }: Packet, place: Place, ns: number): boolean {
  return ns - firstNs > REPEAT_NS && isSame(places[0], place);
}

/** A ring that was opened again names its places anew. */
export function isSame(a: Place | undefined, b: Place): boolean {
  return a === b || (a?.name === b.name && a.netns === b.netns);
}

export function hasPassed({ places }: Packet, place: Place): boolean {
  return places.some((other) => isSame(other, place));
}

/** Where it came by, and how long after `fromNs`. */
export function stepsOf({ places, times }: Packet, fromNs: number): Step[] {
  return places.map((place, index) => ({ place, afterNs: (times[index] ?? 0) - fromNs }));
}
