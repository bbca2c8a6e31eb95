/** The flows of a survey: who speaks to whom with what, by which ways, and how the requests among them fared. */
/** Flows beyond these are taken together, as number 0. */
const MOST_FLOWS = 1 << 19;
const FIRST_FLOWS = 1 << 13;
/** Tables grow by this factor: each time, all flows are put into their slots again. */
const GROWTH = 4;
/** Different ways kept for each direction of a flow; the packets of others are counted all the same. */
const WAYS = 4;

/**
 * The record of a flow, in 32-bit words: a cache line. Its replies stand in it as well, so that a reply finds it where the request left
 * it. Ways are two to a word, 0 for none: those of what is sent, then those of what comes back. Round trips are single floats,
 * nanoseconds.
 */
const WORDS = 16;
const SOURCE = 0;
const TARGET = 1;
const FAMILY = 2;
const PACKETS = 3;
const WAY = 4;
const REQUESTS = WAY + WAYS;
const ANSWERED = REQUESTS + 1;
const FURTHER = ANSWERED + 1;
const RTT_SUM = FURTHER + 1;
const RTT_MIN = RTT_SUM + 1;
const RTT_MAX = RTT_MIN + 1;

export interface Flow {
  /** Numbers of `AddressTable`: who asks and who is asked; where nobody asks, who sends and to whom. */
  readonly source: number;
  readonly target: number;
  /** Of `Family`. */
  readonly family: number;
  /** Requests and replies together. */
  readonly packets: number;
  /** Ways that its packets took, and those of the replies to them: not all, but always the longest. */
  readonly ways: readonly number[];
  readonly backWays: readonly number[];
  /** Requests among them, and how many a reply came back for; replies beyond the first. */
  readonly requests: number;
  readonly answered: number;
  readonly furtherReplies: number;
  /** Round trip where the asker is, nanoseconds; absent when nothing was answered. */
  readonly rttNs?: { readonly min: number; readonly avg: number; readonly max: number };
}

export class FlowTable {
  /** How many there are, number 0 among them. */
  size = 1;
  #words = new Int32Array(FIRST_FLOWS * WORDS);
  #floats = new Float32Array(this.#words.buffer);
  #slots = new Int32Array(FIRST_FLOWS * 2);
  readonly #lengthOf: (way: number) => number;

  /** @param lengthOf how many places a way has */
  constructor(lengthOf: (way: number) => number = () => 0) {
    this.#lengthOf = lengthOf;
  }

  /** The flow's number; it is made if there is none. */
  find(source: number, target: number, family: number): number {
    const words = this.#words;
    const mask = this.#slots.length - 1;
    for (let slot = this.#slotOf(source, target, family); ; slot = (slot + 1) & mask) {
      const flow = this.#slots[slot] ?? 0;
      if (flow === 0) return this.#add(slot, source, target, family);
      const at = flow * WORDS;
      if (words[at + SOURCE] === source && words[at + TARGET] === target && words[at + FAMILY] === family) return flow;
    }
  }

  /** The flow's number, or -1 where there is none. */
  known(source: number, target: number, family: number): number {
    for (let slot = this.#slotOf(source, target, family); ; slot = (slot + 1) & (this.#slots.length - 1)) {
      const flow = this.#slots[slot] ?? 0;
      if (flow === 0) return -1;
      const at = flow * WORDS;
      const words = this.#words;
      if (words[at + SOURCE] === source && words[at + TARGET] === target && words[at + FAMILY] === family) return flow;
    }
  }

  family(flow: number): number {
    return this.#words[flow * WORDS + FAMILY] ?? 0;
  }

  requests(flow: number): number {
    return this.#words[flow * WORDS + REQUESTS] ?? 0;
  }

  answered(flow: number): number {
    return this.#words[flow * WORDS + ANSWERED] ?? 0;
  }

  furtherReplies(flow: number): number {
    return this.#words[flow * WORDS + FURTHER] ?? 0;
  }

  get(flow: number): Flow {
    const at = flow * WORDS;
    const word = (field: number) => this.#words[at + field] ?? 0;
    const float = (field: number) => this.#floats[at + field] ?? 0;
    const ways = (back: boolean) => {
      const list: number[] = [];
      for (let index = 0; index < WAYS; index++) {
        const way = this.#way(flow, back, index);
        if (way !== 0) list.push(way);
      }
      return list;
    };
    const answered = word(ANSWERED);
    return {
      source: word(SOURCE),
      target: word(TARGET),
      family: word(FAMILY),
      packets: word(PACKETS),
      ways: ways(false),
      backWays: ways(true),
      requests: word(REQUESTS),
      answered,
      furtherReplies: word(FURTHER),
      ...(answered > 0 ? { rttNs: { min: float(RTT_MIN), avg: float(RTT_SUM) / answered, max: float(RTT_MAX) } } : {}),
    };
  }

  /**
   * One more packet of the flow, or, with `back`, a reply to one.
   * @param length places of the way: of more ways than are kept, the longest stay
   */
  count(flow: number, way: number, back: boolean, length: number): void {
    const words = this.#words;
    const at = flow * WORDS;
    words[at + PACKETS] = (words[at + PACKETS] ?? 0) + 1;
    const waysAt = at + WAY + (back ? WAYS / 2 : 0);
    const ways = words[waysAt] ?? 0;
    const first = ways & 0xffff;
    if (first === 0) words[waysAt] = ways | way;
    else if (first !== way) this.#keepWay(flow, way, back, length);
  }

  ask(flow: number): void {
    const at = flow * WORDS + REQUESTS;
    this.#words[at] = (this.#words[at] ?? 0) + 1;
  }

  /** A reply to a request that had one already. */
  answerAgain(flow: number): void {
    const at = flow * WORDS + FURTHER;
    this.#words[at] = (this.#words[at] ?? 0) + 1;
  }

  /** @param roundTrip nanoseconds */
  answer(flow: number, roundTrip: number): void {
    const at = flow * WORDS;
    const floats = this.#floats;
    const answered = (this.#words[at + ANSWERED] ?? 0) + 1;
    this.#words[at + ANSWERED] = answered;
    floats[at + RTT_SUM] = (floats[at + RTT_SUM] ?? 0) + roundTrip;
    if (answered === 1 || roundTrip < (floats[at + RTT_MIN] ?? 0)) floats[at + RTT_MIN] = roundTrip;
    if (answered === 1 || roundTrip > (floats[at + RTT_MAX] ?? 0)) floats[at + RTT_MAX] = roundTrip;
  }

  /** One more way beside the first. */
  #keepWay(flow: number, way: number, back: boolean, length: number): void {
    let shortest = 0;
    let least = length;
    for (let index = 0; index < WAYS; index++) {
      const known = this.#way(flow, back, index);
      if (known === way) return;
      if (known === 0) {
        this.#setWay(flow, back, index, way);
        return;
      }
      const places = this.#lengthOf(known);
      if (places >= least) continue;
      least = places;
      shortest = index;
    }
    if (least < length) this.#setWay(flow, back, shortest, way);
  }

  #way(flow: number, back: boolean, index: number): number {
    const at = flow * WORDS + WAY + (back ? WAYS / 2 : 0) + (index >> 1);
    return ((this.#words[at] ?? 0) >>> ((index & 1) * 16)) & 0xffff;
  }

  #setWay(flow: number, back: boolean, index: number, way: number): void {
    const at = flow * WORDS + WAY + (back ? WAYS / 2 : 0) + (index >> 1);
    const shift = (index & 1) * 16;
    this.#words[at] = ((this.#words[at] ?? 0) & ~(0xffff << shift)) | (way << shift);
  }

  #slotOf(source: number, target: number, family: number): number {
    const hash = Math.imul(Math.imul(source, 0x9e3779b1) ^ target, 0x85ebca6b) ^ (family * 0x3c6ef372);
    return (hash ^ (hash >>> 15)) & (this.#slots.length - 1);
  }

  #add(slot: number, source: number, target: number, family: number): number {
    if (this.size >= MOST_FLOWS) return 0;
    const flow = this.size++;
    const at = flow * WORDS;
    this.#words[at + SOURCE] = source;
    this.#words[at + TARGET] = target;
    this.#words[at + FAMILY] = family;
    this.#slots[slot] = flow;
    if (this.size * WORDS === this.#words.length) this.#grow();
    return flow;
  }

  #grow(): void {
    const words = new Int32Array(this.#words.length * GROWTH);
    words.set(this.#words);
    this.#words = words;
    this.#floats = new Float32Array(words.buffer);
    const slots = new Int32Array(this.#slots.length * GROWTH);
    this.#slots = slots;
    for (let flow = 1, at = WORDS; flow < this.size; flow++, at += WORDS) {
      let slot = this.#slotOf(words[at + SOURCE] ?? 0, words[at + TARGET] ?? 0, words[at + FAMILY] ?? 0);
      while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1);
      slots[slot] = flow;
    }
  }
}
