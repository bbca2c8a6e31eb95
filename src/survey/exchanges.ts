/** Requests waiting for their replies, in a ring in order of time, as packets are (`packets.ts`). */
import type { FlowTable } from './flows.ts';
import { moveRing } from './ring.ts';

/** An exchange that has come to its end, to be read before the next packet is taken. */
export interface ClosedExchange {
  /** Of the request. */
  flow: number;
  /** Identifier and sequence number of an echo, 0 of others. */
  echo: number;
  requestNs: number;
  requestWay: number;
  requestFrame: number;
  /** Replies sighted anywhere, and whether one came to the place the request was first sighted at. */
  replies: number;
  reached: boolean;
  /** Of the first reply, where there was one. */
  replyWay: number;
  replyFrame: number;
}

/** What asks: the flow it belongs to and what tells it from the others of the flow. */
export interface Asked {
  flow: number;
  source: number;
  target: number;
  family: number;
  echo: number;
}

/** How long an answer is waited for, nanoseconds: ping's own patience (ping(8), -W), and less where very many wait. */
const ANSWER_NS = 1e10;
const BUSY_ANSWER_NS = 1.5e9;
const BUSY = 1 << 15;
/** A reply may be stamped, or stand in the file, a little before its request. */
const DISORDER_NS = 2e6;
const FIRST_EXCHANGES = 1 << 14;
const MOST_EXCHANGES = 1 << 19;
const MOST_EARLY_REPLIES = 1 << 12;
const NONE = -1;

/** The record of an exchange, in 32-bit words: a cache line; the last three are doubles. */
const WORDS = 16;
const SOURCE = 0;
const TARGET = 1;
const FAMILY = 2;
const ECHO = 3;
const CHAIN = 4;
const FLOW = 5;
const WAY = 6;
const FIRST = 7;
const REPLIES = 8;
const REPLY_WAY = 9;
const REQUEST_NS = 5;
const REQUEST_FRAME = 6;
const REPLY_FRAME = 7;
/** In `REPLIES`: one came back. */
const REACHED = 1 << 30;

interface EarlyReply {
  readonly ns: number;
  readonly way: number;
  readonly frame: number;
  readonly places: readonly number[];
  readonly times: readonly number[];
}

export class ExchangeTable {
  closedEarly = 0;
  /** Replies to no request that was sighted. */
  orphans = 0;
  /** Exact sums of all round trips, nanoseconds, by `Family`. */
  readonly roundTrips: { answered: number; sumNs: number }[] = [];
  readonly #flows: FlowTable;
  readonly #onClose: (exchange: ClosedExchange) => void;
  readonly #closed: ClosedExchange = {
    flow: 0,
    echo: 0,
    requestNs: 0,
    requestWay: 0,
    requestFrame: 0,
    replies: 0,
    reached: false,
    replyWay: 0,
    replyFrame: 0,
  };
  readonly #loopbacks: ReadonlySet<number>;
  readonly #early = new Map<string, EarlyReply>();

  #capacity = 0;
  #oldest = 0;
  #next = 0;
  #words = new Int32Array(0);
  #doubles = new Float64Array(0);
  #heads = new Int32Array(0);

  /** @param loopbacks places where what arrives has been delivered, whoever asked from where */
  constructor(
    flows: FlowTable,
    onClose: (exchange: ClosedExchange) => void,
    loopbacks: ReadonlySet<number> = new Set(),
  ) {
    this.#flows = flows;
    this.#loopbacks = loopbacks;
    this.#onClose = onClose;
    this.#resize(FIRST_EXCHANGES);
  }

  /** A request was sighted, first at `place`. */
  ask(asked: Asked, ns: number, way: number, place: number, frame: number): void {
    while (this.#oldest !== this.#next) {
      const age = ns - this.#double(this.#oldest, REQUEST_NS);
      if (age <= BUSY_ANSWER_NS || (age <= ANSWER_NS && this.#next - this.#oldest <= BUSY)) break;
      this.#close();
    }
    if (this.#next - this.#oldest === this.#capacity) {
      if (this.#capacity < MOST_EXCHANGES) this.#resize(this.#capacity * 2);
      else {
        this.closedEarly++;
        this.#close();
      }
    }
    const running = this.#next++;
    const at = (running & (this.#capacity - 1)) * WORDS;
    const bucket = bucketOf(asked) & (this.#heads.length - 1);
    const words = this.#words;
    words[at + SOURCE] = asked.source;
    words[at + TARGET] = asked.target;
    words[at + FAMILY] = asked.family;
    words[at + ECHO] = asked.echo;
    words[at + CHAIN] = this.#heads[bucket] ?? NONE;
    words[at + FLOW] = asked.flow;
    words[at + WAY] = way;
    words[at + FIRST] = place;
    words[at + REPLIES] = 0;
    words[at + REPLY_WAY] = 0;
    this.#doubles[(at >>> 1) + REQUEST_NS] = ns;
    this.#doubles[(at >>> 1) + REQUEST_FRAME] = frame;
    this.#heads[bucket] = running;
    this.#flows.ask(asked.flow);
    if (this.#early.size > 0) this.#takeEarly(at, asked, ns, place);
  }

  /**
   * A reply was sighted, at `places`, `count` of them, at `times`.
   * @param asked the request it answers
   */
  reply(
    asked: Asked,
    ns: number,
    way: number,
    frame: number,
    places: Uint16Array,
    times: Float64Array,
    count: number,
  ): void {
    const words = this.#words;
    const mask = this.#capacity - 1;
    let running = this.#heads[bucketOf(asked) & (this.#heads.length - 1)] ?? NONE;
    for (; running >= this.#oldest; running = words[(running & mask) * WORDS + CHAIN] ?? NONE) {
      const at = (running & mask) * WORDS;
      if (
        words[at + ECHO] !== asked.echo ||
        words[at + SOURCE] !== asked.source ||
        words[at + TARGET] !== asked.target ||
        words[at + FAMILY] !== asked.family
      )
        continue;
      const requestNs = this.#doubles[(at >>> 1) + REQUEST_NS] ?? 0;
      if (requestNs > ns + DISORDER_NS) continue;
      if (ns - requestNs > ANSWER_NS) break;
      const place = words[at + FIRST] ?? 0;
      let roundTrip = Number.NaN;
      for (let index = 0; index < count; index++)
        if (places[index] === place || (this.#loopbacks.size > 0 && this.#loopbacks.has(places[index] ?? -1)))
          roundTrip = (times[index] ?? 0) - requestNs;
      this.#answer(at, way, frame, roundTrip);
      return;
    }
    this.orphans++;
    if (this.#early.size >= MOST_EARLY_REPLIES)
      for (const oldest of this.#early.keys()) if (this.#early.delete(oldest)) break;
    const seen = { places: [...places.subarray(0, count)], times: [...times.subarray(0, count)] };
    this.#early.set(keyOf(asked), { ns, way, frame, ...seen });
  }

  /** No more packets come. */
  finish(): void {
    while (this.#oldest !== this.#next) this.#close();
  }

  /** A reply that stood in the file before its request. */
  #takeEarly(at: number, asked: Asked, ns: number, place: number): void {
    const key = keyOf(asked);
    const early = this.#early.get(key);
    if (early === undefined || early.ns + DISORDER_NS < ns || early.ns - ns > ANSWER_NS) return;
    this.#early.delete(key);
    this.orphans--;
    const index = early.places.indexOf(place);
    this.#answer(at, early.way, early.frame, index < 0 ? Number.NaN : (early.times[index] ?? 0) - ns);
  }

  /** @param roundTrip NaN when the reply did not come to where the request was first sighted */
  #answer(at: number, way: number, frame: number, roundTrip: number): void {
    const words = this.#words;
    const replies = words[at + REPLIES] ?? 0;
    const flow = words[at + FLOW] ?? 0;
    if (replies === 0) {
      words[at + REPLY_WAY] = way;
      this.#doubles[(at >>> 1) + REPLY_FRAME] = frame;
    } else this.#flows.answerAgain(flow);
    words[at + REPLIES] = replies + 1;
    if (Number.isNaN(roundTrip) || (replies & REACHED) !== 0) return;
    words[at + REPLIES] = (replies + 1) | REACHED;
    const sure = Math.max(0, roundTrip);
    this.#flows.answer(flow, sure);
    const family = words[at + FAMILY] ?? 0;
    this.roundTrips[family] ??= { answered: 0, sumNs: 0 };
    const sum = this.roundTrips[family];
    sum.answered++;
    sum.sumNs += sure;
  }

  #double(running: number, field: number): number {
    return this.#doubles[(((running & (this.#capacity - 1)) * WORDS) >>> 1) + field] ?? 0;
  }

  #close(): void {
    const at = (this.#oldest & (this.#capacity - 1)) * WORDS;
    const words = this.#words;
    const closed = this.#closed;
    const replies = words[at + REPLIES] ?? 0;
    closed.flow = words[at + FLOW] ?? 0;
    closed.echo = words[at + ECHO] ?? 0;
    closed.requestNs = this.#double(this.#oldest, REQUEST_NS);
    closed.requestWay = words[at + WAY] ?? 0;
    closed.requestFrame = this.#double(this.#oldest, REQUEST_FRAME);
    closed.replies = replies & ~REACHED;
    closed.reached = (replies & REACHED) !== 0;
    closed.replyWay = words[at + REPLY_WAY] ?? 0;
    closed.replyFrame = this.#double(this.#oldest, REPLY_FRAME);
    this.#oldest++;
    this.#onClose(closed);
  }

  #resize(capacity: number): void {
    const words = new Int32Array(capacity * WORDS);
    const heads = new Int32Array(capacity * 2).fill(NONE);
    const asked = { flow: 0, source: 0, target: 0, family: 0, echo: 0 };
    moveRing(this.#words, words, WORDS, this.#oldest, this.#next);
    for (let running = this.#oldest; running !== this.#next; running++) {
      const at = (running & (capacity - 1)) * WORDS;
      asked.source = words[at + SOURCE] ?? 0;
      asked.target = words[at + TARGET] ?? 0;
      asked.family = words[at + FAMILY] ?? 0;
      asked.echo = words[at + ECHO] ?? 0;
      const bucket = bucketOf(asked) & (heads.length - 1);
      words[at + CHAIN] = heads[bucket] ?? NONE;
      heads[bucket] = running;
    }
    this.#words = words;
    this.#doubles = new Float64Array(words.buffer);
    this.#heads = heads;
    this.#capacity = capacity;
  }
}

function bucketOf({ source, target, family, echo }: Asked): number {
  const hash = Math.imul(Math.imul(Math.imul(source, 0x9e3779b1) ^ target, 0x85ebca6b) ^ echo ^ family, 0xc2b2ae35);
  return hash ^ (hash >>> 15);
}

function keyOf({ source, target, family, echo }: Asked): string {
  return `${source} ${target} ${family} ${echo}`;
}
