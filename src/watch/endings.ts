/** How exchanges end in a live view: counted in their pairs, and told with the ways they took and where they are missed. */
import { isRetry } from '../survey/retries.ts';
import type { Place } from '../trace/frame.ts';
import type { ExchangeEvent, ExchangeOutcome } from './event.ts';
import type { HopTable } from './hops.ts';
import type { LossySpans } from './lossy-spans.ts';
import { hasPassed, isSame, type Packet, stepsOf } from './packets.ts';
import type { Pair, PairTable } from './pairs.ts';
import type { Question } from './questions.ts';

export interface EndingOptions {
  readonly pairs: PairTable;
  readonly hops: HopTable;
  readonly lossy: LossySpans;
  /** Unix nanoseconds of a time of the tracker. */
  readonly time: (ns: number) => bigint;
  readonly onExchange: (event: ExchangeEvent, pair: Pair) => void;
}

export class Endings {
  /** Exchanges whose end is not known: frames were lost meanwhile. */
  givenUp = 0;
  readonly #options: EndingOptions;

  constructor(options: EndingOptions) {
    this.#options = options;
  }

  /** Neither a reply nor an error has come. */
  silent(question: Question): void {
    if (this.#options.lossy.concern(question.request.firstNs)) this.givenUp++;
    else this.#end(question, 'unanswered');
  }

  /** A reply or an error has come. */
  settled(question: Question): void {
    const { reply, request, refusal, told } = question;
    if (!reply) {
      if (refusal && !told) this.#end(question, 'refused');
      return;
    }
    const at = reply.places.findIndex((place) => isArrival(place, request.places[0]));
    if (at >= 0) this.#end(question, told ? 'late' : 'answered', (reply.times[at] ?? 0) - request.firstNs);
    else if (!told && this.#options.lossy.concern(request.firstNs)) this.givenUp++;
    else if (!told) this.#end(question, 'astray');
  }

  #end(question: Question, outcome: ExchangeOutcome, arrivedAfterNs?: number): void {
    const { pair, request, reply, refusal, echo } = question;
    const rttNs = arrivedAfterNs === undefined ? undefined : Math.max(0, arrivedAfterNs);
    const unheeded = pair.kind !== 'echo' && isRetry(request.firstNs - pair.lastNs);
    pair.lastNs = request.firstNs;
    if (outcome !== 'late') pair.requests++;
    const missing = rttNs === undefined && refusal === undefined ? this.#missing(question) : undefined;
    if (rttNs !== undefined) count(pair, rttNs, request, reply);
    else if (outcome === 'refused') pair.refused++;
    if (outcome === 'unanswered' || outcome === 'astray' || (unheeded && outcome === 'answered')) pair.silent++;
    else if (rttNs !== undefined) pair.silent = 0;
    this.#options.onExchange(
      {
        event: 'exchange',
        timeNs: this.#options.time(request.firstNs),
        kind: pair.kind,
        source: pair.source,
        target: pair.target,
        ...(pair.kind === 'echo' ? { identifier: echo >>> 16, sequence: echo & 0xffff } : {}),
        outcome,
        ...(rttNs === undefined ? {} : { rttNs }),
        ...(refusal === undefined || outcome !== 'refused' ? {} : { refusal }),
        request: stepsOf(request, request.firstNs),
        reply: reply ? stepsOf(reply, request.firstNs) : [],
        ...(missing === undefined ? {} : { missing }),
      },
      pair,
    );
  }

  /** Where others of the pair went on to: counted as lost there. What went everywhere is missed nowhere. */
  #missing({ pair, request, reply }: Question): Place | undefined {
    const packet = reply ?? request;
    if (packet.group || this.#options.pairs.isOther(pair)) return undefined;
    const way = reply ? pair.replyWay : pair.requestWay;
    const last = packet.places.at(-1);
    const at = last === undefined ? -1 : way.findIndex((place) => isSame(place, last));
    const next = at < 0 ? undefined : way[at + 1];
    if (next === undefined || last === undefined || hasPassed(packet, next)) return undefined;
    this.#options.hops.lost(last, next);
    return next;
  }
}

/** Between two addresses of one namespace it comes over lo. */
function isArrival(place: Place, begins: Place | undefined): boolean {
  return isSame(begins, place) || (place.name === 'lo' && place.netns === begins?.netns);
}

function count(pair: Pair, rttNs: number, request: Packet, reply: Packet | undefined): void {
  pair.answered++;
  pair.lastRttNs = rttNs;
  pair.rttSumNs += rttNs;
  if (rttNs < pair.rttMinNs) pair.rttMinNs = rttNs;
  if (rttNs > pair.rttMaxNs) pair.rttMaxNs = rttNs;
  if (request.places.length >= pair.requestWay.length) pair.requestWay = request.places;
  if (reply && reply.places.length >= pair.replyWay.length) pair.replyWay = reply.places;
}
