/** Requests that wait for their replies, in bounded memory: when the ending of one is known, and when nobody waits any more. */
import type { Packet } from './packets.ts';
import type { Pair } from './pairs.ts';

export interface Question {
  /** Of who asks, whom, and which of the questions it is (`identity.ts`). */
  readonly key: number;
  readonly pair: Pair;
  /** Identifier and sequence number of an echo, as one number; 0 of others. */
  readonly echo: number;
  readonly request: Packet;
  reply: Packet | undefined;
  /** The ICMP error that came instead. */
  refusal: { readonly from: string; readonly words: string } | undefined;
  /** Told, as unanswered or in any other way. */
  told: boolean;
  /** When the reply or the error was sighted first; undefined as long as neither was, or once it is settled. */
  settlingNs: number | undefined;
}

/** A request is told as unanswered after this. */
export const PATIENCE_NS = 2e9;
/** A reply until so long after that is told too. */
const LATE_NS = 10e9;
/** An ending is told this long after the reply, or the error, was sighted first: it may still be on its way. */
export const SETTLE_NS = 60e6;
/** So many at a time; what is oldest is given up, and counted. */
const MOST_WAITING = 1 << 15;
/** Entries done with before memory is moved for them. */
const MOST_DONE = 4096;

export interface QuestionOptions {
  /** The reply or the error has come, and had its time. */
  readonly onSettled: (question: Question) => void;
  /** Neither came in time. */
  readonly onSilent: (question: Question) => void;
}

export class QuestionTable {
  /** Questions given up before their time: too many waited. */
  givenUp = 0;
  readonly #options: QuestionOptions;
  readonly #waiting = new Map<number, Question>();
  /** In order of time, to be looked at when patience is over; a ring would save little. */
  #patience: Question[] = [];
  #patienceAt = 0;
  #settling: Question[] = [];

  constructor(options: QuestionOptions) {
    this.#options = options;
  }

  get(key: number): Question | undefined {
    return this.#waiting.get(key);
  }

  ask(question: Question): void {
    this.#endBefore(question);
    if (this.#waiting.size >= MOST_WAITING)
      for (const [oldest, waiting] of this.#waiting) {
        if (isOpen(waiting)) this.givenUp++;
        this.#waiting.delete(oldest);
        break;
      }
    this.#waiting.set(question.key, question);
    this.#patience.push(question);
  }

  /** The first reply counts. */
  answer(question: Question, reply: Packet): void {
    if (question.reply) return;
    question.reply = reply;
    this.#settle(question, reply.firstNs);
  }

  /** The first ICMP error counts. */
  refuse(question: Question, refusal: NonNullable<Question['refusal']>, ns: number): void {
    question.refusal ??= refusal;
    this.#settle(question, ns);
  }

  /** Tells of those whose reply or error has had its time. */
  tellSettled(nowNs: number): void {
    let settled = 0;
    for (const question of this.#settling) {
      if ((question.settlingNs ?? 0) > nowNs - SETTLE_NS) break;
      settled++;
      this.#options.onSettled(question);
      question.settlingNs = undefined;
      question.told = true;
    }
    if (settled > 0) this.#settling = this.#settling.slice(settled);
  }

  /** Tells of those that waited in vain, and forgets those whose late reply is not awaited either. */
  tellSilent(nowNs: number): void {
    for (; this.#patienceAt < this.#patience.length; this.#patienceAt++) {
      const question = this.#patience[this.#patienceAt];
      if (question === undefined || question.request.firstNs > nowNs - PATIENCE_NS) break;
      if (isOpen(question) && this.#waiting.get(question.key) === question) this.#giveIn(question);
    }
    if (this.#patienceAt >= MOST_DONE && this.#patienceAt * 2 >= this.#patience.length) {
      this.#patience = this.#patience.slice(this.#patienceAt);
      this.#patienceAt = 0;
    }
    for (const [key, { request }] of this.#waiting) {
      if (request.firstNs > nowNs - PATIENCE_NS - LATE_NS) break;
      this.#waiting.delete(key);
    }
  }

  /** Asked again: the one before has had its time. */
  #endBefore({ key }: Question): void {
    const before = this.#waiting.get(key);
    if (!before) return;
    this.#waiting.delete(key);
    if (isOpen(before)) this.#giveIn(before);
  }

  #giveIn(question: Question): void {
    question.told = true;
    this.#options.onSilent(question);
  }

  #settle(question: Question, ns: number): void {
    if (question.settlingNs !== undefined) return;
    question.settlingNs = ns;
    this.#settling.push(question);
  }
}

/** Nothing has come, and nothing was told. */
function isOpen({ told, settlingNs }: Question): boolean {
  return !told && settlingNs === undefined;
}
