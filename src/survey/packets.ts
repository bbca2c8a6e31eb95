/**
 * The packets under way: joins the frames of one packet at all places, and hands the packet on when no more of it is awaited.
 *
 * Packets stand in a ring in order of their first sighting, so the oldest is always the next to be closed, and what each place saw stands
 * in a second ring: memory is bounded by the two, and no frame makes an object. A packet is one record of 64 bytes, a cache line.
 */
import type { Glance } from './glance.ts';
import { isEcho } from './kind.ts';
import { moveRing } from './ring.ts';
import { NO_VISIT, VisitRing, type Visits } from './visits.ts';

/** A packet that has come to its end, to be read before the next frame is added. */
export interface ClosedPacket extends Visits {
  kind: number;
  /** Numbers of `AddressTable`. */
  source: number;
  target: number;
  /** Identifier and sequence number of an echo, as one number. */
  echo: number;
  group: boolean;
  /** Number of the frame it was first sighted in. */
  frame: number;
  /** How many visits it made: that many of `places`, `times` and `directions`. */
  count: number;
  /** Sighted again at a place it had already been at: in all, and with a smaller TTL each time. */
  repeats: number;
  circles: number;
}

/** How long a packet may be under way, nanoseconds: the shorter time where very many are. */
const WINDOW_NS = 1e10;
const BUSY_WINDOW_NS = 3e8;
const BUSY = 1 << 14;
/** Packets that repeat byte for byte (ARP, neighbour discovery, retransmissions) do so later than this. */
const REPEAT_NS = 8e7;
const FIRST_PACKETS = 1 << 15;
const MOST_PACKETS = 1 << 19;
const VISITS_PER_PACKET = 4;
const NONE = -1;
const MOST_REPEATS = 0xffff;

/** The record of a packet, in 32-bit words; the two times are doubles. */
const WORDS = 16;
const HASH_HIGH = 0;
const HASH_LOW = 1;
/** Running number of the packet before it in its bucket. */
const CHAIN = 2;
/** A bit for each visit made, modulo 32: most are answered by it alone. */
const VISITED = 3;
const LAST_VISIT = 4;
const FIRST_VISIT = 5;
/** Kind, group bit and TTL. */
const KIND = 6;
const SOURCE = 7;
const TARGET = 8;
const ECHO = 9;
/** Repetitions, and those with a falling TTL in the upper half. */
const REPEATS = 10;
/** As doubles, counted in eights of bytes. */
const FIRST_NS = 6;
const FRAME = 7;
const GROUP = 0x80;

export class PacketTable {
  /** Packets that had to be closed before their time, because too many were under way. */
  closedEarly = 0;
  readonly #onClose: (packet: ClosedPacket) => void;
  readonly #closed: ClosedPacket;

  /** Ring of packets: `#oldest` to `#next`, both running numbers. */
  #capacity = 0;
  #oldest = 0;
  #next = 0;
  #words = new Int32Array(0);
  #doubles = new Float64Array(0);
  #heads = new Int32Array(0);
  /** Of the oldest packet. */
  #oldestNs = Number.POSITIVE_INFINITY;

  readonly #visits = new VisitRing();

  /** @param places how many there may be */
  constructor(onClose: (packet: ClosedPacket) => void, places: number) {
    this.#onClose = onClose;
    this.#closed = {
      kind: 0,
      source: 0,
      target: 0,
      echo: 0,
      group: false,
      frame: 0,
      count: 0,
      places: new Uint16Array(places),
      times: new Float64Array(places),
      directions: new Uint8Array(places),
      repeats: 0,
      circles: 0,
    };
    this.#resize(FIRST_PACKETS);
  }

  /**
   * Takes a frame's packet. True when it is the first sighting of it: then `name` must be called.
   * @param place number of the place, below the number given to the constructor
   * @param direction as in `epb_flags`: 0 unknown, 1 in, 2 out
   */
  add(glance: Glance, place: number, direction: number, timeNs: number, frame: number): boolean {
    while (
      timeNs - this.#oldestNs > BUSY_WINDOW_NS &&
      (this.#next - this.#oldest > BUSY || timeNs - this.#oldestNs > WINDOW_NS)
    )
      this.#close();
    const mask = this.#capacity - 1;
    const words = this.#words;
    const { hashHigh, hashLow } = glance;
    const bucket = hashLow & (this.#heads.length - 1);
    const visit = place * 4 + direction;
    // From the newest on; a running number that has fallen out of the ring ends the chain.
    let packet = this.#heads[bucket] ?? NONE;
    while (packet >= this.#oldest) {
      const at = (packet & mask) * WORDS;
      if (words[at + HASH_HIGH] === hashHigh && words[at + HASH_LOW] === hashLow) {
        const age = Math.abs(timeNs - (this.#doubles[(at >>> 1) + FIRST_NS] ?? 0));
        const again =
          ((words[at + VISITED] ?? 0) & (1 << (visit & 31))) !== 0 &&
          this.#visits.has(words[at + LAST_VISIT] ?? NO_VISIT, visit);
        if (age <= REPEAT_NS || (!again && isEcho(glance.kind))) {
          if (again) this.#repeat(at, glance.ttl);
          else this.#visit(at, visit, timeNs);
          return false;
        }
      }
      packet = words[at + CHAIN] ?? NONE;
    }
    this.#start(glance, visit, timeNs, frame);
    return true;
  }

  /** Says who speaks to whom in the packet that `add` has just begun. */
  name(source: number, target: number): void {
    const at = ((this.#next - 1) & (this.#capacity - 1)) * WORDS;
    this.#words[at + SOURCE] = source;
    this.#words[at + TARGET] = target;
  }

  /** No more frames come. */
  finish(): void {
    while (this.#oldest !== this.#next) this.#close();
  }

  #start(glance: Glance, visit: number, timeNs: number, frame: number): void {
    if (this.#next - this.#oldest === this.#capacity) {
      if (this.#capacity < MOST_PACKETS) this.#resize(this.#capacity * 2);
      else {
        this.closedEarly++;
        this.#close();
      }
    }
    if (this.#next === this.#oldest) this.#oldestNs = timeNs;
    const packet = this.#next++;
    const at = (packet & (this.#capacity - 1)) * WORDS;
    const bucket = glance.hashLow & (this.#heads.length - 1);
    const words = this.#words;
    words[at + HASH_HIGH] = glance.hashHigh;
    words[at + HASH_LOW] = glance.hashLow;
    words[at + CHAIN] = this.#heads[bucket] ?? NONE;
    words[at + VISITED] = 0;
    words[at + LAST_VISIT] = NO_VISIT;
    words[at + FIRST_VISIT] = this.#visits.next | 0;
    words[at + KIND] = glance.kind | (glance.group ? GROUP : 0) | (glance.ttl << 8);
    words[at + ECHO] = isEcho(glance.kind) ? (glance.identifier << 16) | glance.sequence : 0;
    words[at + REPEATS] = 0;
    this.#doubles[(at >>> 1) + FIRST_NS] = timeNs;
    this.#doubles[(at >>> 1) + FRAME] = frame;
    this.#heads[bucket] = packet;
    this.#visit(at, visit, timeNs);
  }

  #visit(at: number, visit: number, timeNs: number): void {
    const words = this.#words;
    const visits = this.#visits;
    // The oldest packet's visits would be overwritten.
    while (
      ((visits.next - (words[(this.#oldest & (this.#capacity - 1)) * WORDS + FIRST_VISIT] ?? 0)) | 0) >=
      visits.capacity
    ) {
      this.closedEarly++;
      this.#close();
    }
    words[at + LAST_VISIT] = visits.add(visit, timeNs, words[at + LAST_VISIT] ?? NO_VISIT);
    words[at + VISITED] = (words[at + VISITED] ?? 0) | (1 << (visit & 31));
  }

  #repeat(at: number, ttl: number): void {
    const words = this.#words;
    const before = words[at + REPEATS] ?? 0;
    const repeats = before & MOST_REPEATS;
    let circles = before >>> 16;
    const kind = words[at + KIND] ?? 0;
    if (ttl < ((kind >>> 8) & 0xff)) {
      words[at + KIND] = (kind & 0xff) | (ttl << 8);
      circles++;
    }
    words[at + REPEATS] = Math.min(repeats + 1, MOST_REPEATS) | (circles << 16);
  }

  #close(): void {
    const at = (this.#oldest & (this.#capacity - 1)) * WORDS;
    const words = this.#words;
    const closed = this.#closed;
    const kind = words[at + KIND] ?? 0;
    const repeats = words[at + REPEATS] ?? 0;
    closed.kind = kind & 0x7f;
    closed.group = (kind & GROUP) !== 0;
    closed.source = words[at + SOURCE] ?? 0;
    closed.target = words[at + TARGET] ?? 0;
    closed.echo = words[at + ECHO] ?? 0;
    closed.frame = this.#doubles[(at >>> 1) + FRAME] ?? 0;
    closed.repeats = repeats & MOST_REPEATS;
    closed.circles = repeats >>> 16;
    closed.count = this.#visits.gather(words[at + LAST_VISIT] ?? NO_VISIT, closed);
    this.#oldest++;
    this.#oldestNs =
      this.#oldest === this.#next
        ? Number.POSITIVE_INFINITY
        : (this.#doubles[(((this.#oldest & (this.#capacity - 1)) * WORDS) >>> 1) + FIRST_NS] ?? 0);
    this.#onClose(closed);
  }

  /** Room for `capacity` packets; what is under way moves along. */
  #resize(capacity: number): void {
    const words = new Int32Array(capacity * WORDS);
    const heads = new Int32Array(capacity * 2).fill(NONE);
    const ring = capacity * VISITS_PER_PACKET;
    moveRing(this.#words, words, WORDS, this.#oldest, this.#next);
    for (let packet = this.#oldest; packet !== this.#next; packet++) {
      const to = (packet & (capacity - 1)) * WORDS;
      const bucket = (words[to + HASH_LOW] ?? 0) & (heads.length - 1);
      words[to + CHAIN] = heads[bucket] ?? NONE;
      words[to + LAST_VISIT] = this.#visits.movedSlot(words[to + LAST_VISIT] ?? NO_VISIT, ring);
      heads[bucket] = packet;
    }
    this.#visits.resize(ring);
    this.#words = words;
    this.#doubles = new Float64Array(words.buffer);
    this.#heads = heads;
    this.#capacity = capacity;
  }
}
