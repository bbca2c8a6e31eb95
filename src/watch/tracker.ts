/**
 * Frames to exchanges, as they come, in bounded memory: which packets are one, which reply belongs to which request, and which
 * requests had none. It glances at frames; what failed is then looked at exactly (`session/watch-judge.ts`).
 */
import { Glance } from '../survey/glance.ts';
import { familyOf, isReply, Kind, type RequestKind, requestKind } from '../survey/kind.ts';
import type { Frame, Place } from '../trace/frame.ts';
import { icmpName } from '../wire/icmp-name.ts';
import { formatIpv4, formatIpv6 } from '../wire/text.ts';
import type { ErrorEvent, ExchangeEvent, ExchangeOutcome, Step } from './event.ts';
import { HopTable } from './hops.ts';
import { addressHash, joined, questionKey } from './identity.ts';
import { type Pair, PairTable } from './pairs.ts';
import type { Root } from './window.ts';

/** An ending is told this long after the reply, or the error, was sighted first: it may still be on its way. */
const SETTLE_NS = 60e6;
/** A request is told as unanswered after this; a reply until `LATE_NS` after it is told too. */
export const PATIENCE_NS = 2e9;
const LATE_NS = 10e9;
/** Sightings of one packet are no further apart, queues aside. */
const PACKET_NS = 5e8;
/** Tables hold so many at a time; what is oldest is given up, and counted. */
const MOST_WAITING = 1 << 15;
const MOST_PACKETS = 1 << 15;
const MOST_STEPS = 64;
/** Spans in which frames were lost: what lies closer together is one, so these are more than the last minute. */
const MOST_SPANS = 40;
/** Who asks again a retry's time after the answer came did not hear it (RETRANS_TIMER, one second). */
const RETRY_FROM_NS = 9e8;
const RETRY_UNTIL_NS = 1.15e9;
const LINKTYPE_ETHERNET = 1;
const LINKTYPE_RAW = 101;

interface Packet {
  readonly key: number;
  readonly firstNs: number;
  readonly group: boolean;
  readonly root: Root;
  readonly places: Place[];
  readonly times: number[];
}

interface Waiting {
  readonly key: number;
  readonly pair: Pair;
  readonly echo: number;
  readonly request: Packet;
  reply: Packet | undefined;
  refusal: { from: string; words: string } | undefined;
  /** Told, as unanswered or in any other way. */
  told: boolean;
  /** When the reply or the error was sighted first; undefined as long as neither was. */
  settlingNs: number | undefined;
}

interface Refusal extends ErrorEvent {
  readonly packet: Packet;
}

export interface TrackerOptions {
  readonly onExchange: (event: ExchangeEvent, pair: Pair) => void;
  readonly onError: (event: ErrorEvent) => void;
  /** Whether a new exchange of this owner is kept in the window. */
  readonly admit: (ns: number, owner: unknown) => boolean;
}

export class Tracker {
  readonly pairs = new PairTable();
  readonly hops = new HopTable();
  /** Exchanges whose end is not known: too many were under way, or the capture was lossy meanwhile. */
  givenUp = 0;
  frames = 0;
  readonly #options: TrackerOptions;
  readonly #glance = new Glance();
  readonly #packets = new Map<number, Packet>();
  readonly #waiting = new Map<number, Waiting>();
  /** In order of time, to be looked at when patience is over; a ring would save little. */
  #patience: Waiting[] = [];
  #patienceAt = 0;
  #settling: Waiting[] = [];
  #errors: Refusal[] = [];
  #baseNs: bigint | undefined;
  #errorNs = Number.NEGATIVE_INFINITY;
  #lossy: { readonly fromNs: number; untilNs: number }[] = [];

  constructor(options: TrackerOptions) {
    this.#options = options;
  }

  /** Nanoseconds of the tracker: from its first frame on. */
  relative(timeNs: bigint): number {
    this.#baseNs ??= timeNs;
    return Number(timeNs - this.#baseNs);
  }

  /** Unix nanoseconds. */
  time(ns: number): bigint {
    return (this.#baseNs ?? 0n) + BigInt(Math.round(ns));
  }

  /** Frames were lost in this time: that a reply was not sighted says nothing then. */
  lossy(fromNs: number, untilNs: number): void {
    const last = this.#lossy.at(-1);
    if (last && fromNs - last.untilNs < PATIENCE_NS) last.untilNs = untilNs;
    else this.#lossy = [...this.#lossy.slice(1 - MOST_SPANS), { fromNs, untilNs }];
  }

  /** Whether sightings of an exchange that began then may be missing. */
  mayBeLost(ns: number): boolean {
    return this.#lossy.some(({ fromNs, untilNs }) => ns >= fromNs - PATIENCE_NS && ns <= untilNs);
  }

  /** Takes a frame, in order of time. Undefined for one that is of no interest. */
  add(frame: Frame): Root | undefined {
    this.frames++;
    const { bytes, place } = frame;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const glance = this.#glance;
    if (!glance.look(view, 0, bytes.length, frame.linkType === 'raw-ip' ? LINKTYPE_RAW : LINKTYPE_ETHERNET))
      return undefined;
    const ns = this.relative(frame.timeNs);
    const key = joined(glance.hashHigh, glance.hashLow);
    const known = this.#packets.get(key);
    if (known && ns - known.firstNs < PACKET_NS && !this.#isAgain(known, place, ns)) {
      if (known.places.length < MOST_STEPS && !passed(known, place)) {
        known.places.push(place);
        known.times.push(ns);
      }
      return known.root;
    }
    return this.#begin(view, bytes.length, key, place, ns).root;
  }

  /** Tells what has come to its end by this time. */
  advance(nowNs: number): void {
    let settled = 0;
    for (const each of this.#settling) {
      if ((each.settlingNs ?? 0) > nowNs - SETTLE_NS) break;
      settled++;
      this.#finish(each);
    }
    if (settled > 0) this.#settling = this.#settling.slice(settled);
    let refused = 0;
    for (const { packet, ...event } of this.#errors) {
      if (packet.firstNs > nowNs - SETTLE_NS) break;
      refused++;
      this.#options.onError({ ...event, places: stepsOf(packet, packet.firstNs) });
    }
    if (refused > 0) this.#errors = this.#errors.slice(refused);
    this.#losePatience(nowNs);
    for (const [key, packet] of this.#packets) {
      if (packet.firstNs > nowNs - PACKET_NS) break;
      this.#retire(key, packet);
    }
    for (const [key, { request }] of this.#waiting) {
      if (request.firstNs > nowNs - PATIENCE_NS - LATE_NS) break;
      this.#waiting.delete(key);
    }
  }

  /** Whether anything since then needs a judgement: requests without a reply, or with one that was not heeded, and errors. */
  failing(sinceNs: number): boolean {
    return this.#errorNs >= sinceNs || this.pairs.all().some(({ silent, lastNs }) => silent > 0 && lastNs >= sinceNs);
  }

  /** Ways lead by other places from now on: nothing is missed where it used to pass. */
  forgetWays(): void {
    for (const pair of this.pairs.all()) Object.assign(pair, { requestWay: [], replyWay: [] });
  }

  /** ARP and solicitations are repeated byte by byte. */
  #isAgain(packet: Packet, place: Place, ns: number): boolean {
    return ns - packet.firstNs > SETTLE_NS && isSame(packet.places[0], place);
  }

  #begin(view: DataView, end: number, key: number, place: Place, ns: number): Packet {
    const glance = this.#glance;
    const { kind } = glance;
    const before = this.#packets.get(key);
    if (before) this.#retire(key, before);
    else if (this.#packets.size >= MOST_PACKETS)
      for (const [oldest, packet] of this.#packets) {
        this.#retire(oldest, packet);
        break;
      }
    const source = addressHash(view, glance.sourceAt, glance.addressLength);
    const target = addressHash(view, glance.targetAt, glance.addressLength);
    const asks = requestKind(familyOf(kind));
    const echo = asks === 'echo' ? (glance.identifier << 16) | glance.sequence : 0;
    const back = isReply(kind);
    const number = asks === undefined ? -1 : KINDS.indexOf(asks);
    const exchange = back ? questionKey(target, source, number, echo) : questionKey(source, target, number, echo);
    const asked = back ? this.#waiting.get(exchange) : undefined;
    const quoted = kind === Kind.icmpError ? this.#quoted(view, end) : undefined;
    const root: Root = asked?.request.root ??
      quoted?.waiting?.request.root ?? { ns, kept: this.#options.admit(ns, asks === undefined ? kind : source) };
    const packet: Packet = { key, firstNs: ns, group: glance.group, root, places: [place], times: [ns] };
    this.#packets.set(key, packet);
    if (asked) this.#answer(asked, packet);
    else if (quoted) this.#refuse(view, packet, quoted);
    else if (asks !== undefined && !back && source !== target && !isUnspecified(view, glance))
      this.#ask(view, asks, exchange, echo, packet, joined(source ^ target, Math.imul(source, 31) ^ target ^ kind));
    return packet;
  }

  #ask(view: DataView, kind: RequestKind, key: number, echo: number, request: Packet, pairKey: number): void {
    const before = this.#waiting.get(key);
    if (before) {
      // Asked again: the one before has had its time.
      this.#waiting.delete(key);
      if (!before.told && before.settlingNs === undefined) this.#silent(before);
    }
    const glance = this.#glance;
    const pair = this.pairs.find(pairKey, kind, () => ({
      source: addressText(view, glance.sourceAt, glance.addressLength),
      target: addressText(view, glance.targetAt, glance.addressLength),
    }));
    const waiting = {
      key,
      pair,
      echo,
      request,
      reply: undefined,
      refusal: undefined,
      told: false,
      settlingNs: undefined,
    };
    if (this.#waiting.size >= MOST_WAITING)
      for (const [oldest, { told, settlingNs }] of this.#waiting) {
        if (!told && settlingNs === undefined) this.givenUp++;
        this.#waiting.delete(oldest);
        break;
      }
    this.#waiting.set(key, waiting);
    this.#patience.push(waiting);
  }

  #answer(waiting: Waiting, reply: Packet): void {
    if (waiting.reply) return;
    waiting.reply = reply;
    this.#settle(waiting, reply.firstNs);
  }

  #settle(waiting: Waiting, ns: number): void {
    if (waiting.settlingNs !== undefined) return;
    waiting.settlingNs = ns;
    this.#settling.push(waiting);
  }

  /** What an ICMP error quotes: the addresses, and the exchange where it is an echo that is waited for. */
  #quoted(view: DataView, end: number): { waiting: Waiting | undefined; source: string; target: string } | undefined {
    const { messageAt, addressLength } = this.#glance;
    const four = addressLength === 4;
    const at = messageAt + 8;
    const header = four ? (at < end ? (view.getUint8(at) & 15) * 4 : 20) : 40;
    if (header < 20 || at + header + 8 > end) return undefined;
    const from = at + (four ? 12 : 8);
    const source = addressHash(view, from, addressLength);
    const target = addressHash(view, from + addressLength, addressLength);
    const protocol = view.getUint8(at + (four ? 9 : 6));
    const echo = protocol === (four ? 1 : 58) ? view.getUint32(at + header + 4) | 0 : 0;
    const key = questionKey(source, target, KINDS.indexOf('echo'), echo);
    return {
      waiting: this.#waiting.get(key),
      source: addressText(view, from, addressLength),
      target: addressText(view, from + addressLength, addressLength),
    };
  }

  #refuse(view: DataView, packet: Packet, quoted: { waiting: Waiting | undefined; source: string; target: string }) {
    const { messageAt, sourceAt, addressLength } = this.#glance;
    const [type, code] = [view.getUint8(messageAt), view.getUint8(messageAt + 1)];
    this.#errorNs = packet.firstNs;
    const words = icmpName(addressLength === 4 ? 4 : 6, type, code);
    const from = addressText(view, sourceAt, addressLength);
    const { waiting, source, target } = quoted;
    // A redirect tells of a packet that was passed on.
    if (waiting && !(addressLength === 4 && type === 5)) {
      waiting.refusal ??= { from, words };
      this.#settle(waiting, packet.firstNs);
    } else if (this.#errors.length < MOST_PACKETS) {
      const timeNs = this.time(packet.firstNs);
      this.#errors.push({ event: 'icmp-error', timeNs, from, words, source, target, count: 1, places: [], packet });
    }
  }

  #losePatience(nowNs: number): void {
    for (; this.#patienceAt < this.#patience.length; this.#patienceAt++) {
      const waiting = this.#patience[this.#patienceAt];
      if (waiting === undefined || waiting.request.firstNs > nowNs - PATIENCE_NS) break;
      if (!waiting.told && waiting.settlingNs === undefined && this.#waiting.get(waiting.key) === waiting)
        this.#silent(waiting);
    }
    if (this.#patienceAt < 4096 || this.#patienceAt * 2 < this.#patience.length) return;
    this.#patience = this.#patience.slice(this.#patienceAt);
    this.#patienceAt = 0;
  }

  #silent(waiting: Waiting): void {
    waiting.told = true;
    if (this.mayBeLost(waiting.request.firstNs)) {
      this.givenUp++;
      return;
    }
    this.#end(waiting, 'unanswered');
  }

  /** A reply or an error has come. */
  #finish(waiting: Waiting): void {
    const { reply, request, refusal, told } = waiting;
    waiting.settlingNs = undefined;
    waiting.told = true;
    if (!reply) {
      if (refusal && !told) this.#end(waiting, 'refused');
      return;
    }
    const at = reply.places.findIndex((place) => isArrival(place, request.places[0]));
    if (at >= 0) this.#end(waiting, told ? 'late' : 'answered', (reply.times[at] ?? 0) - request.firstNs);
    else if (!told && this.mayBeLost(request.firstNs)) this.givenUp++;
    else if (!told) this.#end(waiting, 'astray');
  }

  #end(waiting: Waiting, outcome: ExchangeOutcome, rttNs?: number): void {
    const { pair, request, reply, refusal, echo } = waiting;
    const again = request.firstNs - pair.lastNs;
    const unheeded = pair.kind !== 'echo' && again > RETRY_FROM_NS && again < RETRY_UNTIL_NS;
    pair.lastNs = request.firstNs;
    if (outcome !== 'late') pair.requests++;
    const missing = rttNs === undefined && refusal === undefined ? this.#missing(waiting) : undefined;
    if (rttNs !== undefined) count(pair, Math.max(0, rttNs), request, reply);
    else if (outcome === 'refused') pair.refused++;
    if (outcome === 'unanswered' || outcome === 'astray' || (unheeded && outcome === 'answered')) pair.silent++;
    else if (rttNs !== undefined) pair.silent = 0;
    this.#options.onExchange(
      {
        event: 'exchange',
        timeNs: this.time(request.firstNs),
        kind: pair.kind,
        source: pair.source,
        target: pair.target,
        ...(pair.kind === 'echo' ? { identifier: echo >>> 16, sequence: echo & 0xffff } : {}),
        outcome,
        ...(rttNs === undefined ? {} : { rttNs: Math.max(0, rttNs) }),
        ...(refusal === undefined || outcome !== 'refused' ? {} : { refusal }),
        request: stepsOf(request, request.firstNs),
        reply: reply ? stepsOf(reply, request.firstNs) : [],
        ...(missing === undefined ? {} : { missing }),
      },
      pair,
    );
  }

  /** Where others of the pair went on to: counted as lost there. What went everywhere is missed nowhere. */
  #missing({ pair, request, reply }: Waiting): Place | undefined {
    const packet = reply ?? request;
    if (packet.group || this.pairs.isOther(pair)) return undefined;
    const way = reply ? pair.replyWay : pair.requestWay;
    const last = packet.places.at(-1);
    const at = last === undefined ? -1 : way.findIndex((place) => isSame(place, last));
    const next = at < 0 ? undefined : way[at + 1];
    if (next === undefined || last === undefined || passed(packet, next)) return undefined;
    this.hops.lost(last, next);
    return next;
  }

  /** No more sightings of it come. */
  #retire(key: number, { group, places, times, firstNs }: Packet): void {
    this.#packets.delete(key);
    // Where frames were lost, two places that follow each other need not be neighbours.
    if (group || this.mayBeLost(firstNs)) return;
    for (let index = 1; index < places.length; index++) {
      const [from, to] = [places[index - 1], places[index]];
      if (from && to) this.hops.passed(from, to, Math.max(0, (times[index] ?? 0) - (times[index - 1] ?? 0)));
    }
  }
}

const KINDS: readonly RequestKind[] = ['arp', 'echo', 'neighbour'];

/** Who probes for an address it has not yet (RFC 5227, RFC 4862) hopes for no answer. */
function isUnspecified(view: DataView, { sourceAt, addressLength }: Glance): boolean {
  for (let at = 0; at < addressLength; at += 4) if (view.getUint32(sourceAt + at) !== 0) return false;
  return true;
}

/** A ring that was opened again names its places anew. */
function isSame(a: Place | undefined, b: Place): boolean {
  return a === b || (a?.name === b.name && a.netns === b.netns);
}

function passed({ places }: Packet, place: Place): boolean {
  return places.some((other) => isSame(other, place));
}

/** Between two addresses of one namespace it comes over lo. */
function isArrival(place: Place, begins: Place | undefined): boolean {
  return isSame(begins, place) || (place.name === 'lo' && place.netns === begins?.netns);
}

function addressText(view: DataView, at: number, length: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, length);
  return length === 4 ? formatIpv4(bytes) : formatIpv6(bytes);
}

function stepsOf({ places, times }: Packet, fromNs: number): Step[] {
  return places.map((place, index) => ({ place, afterNs: (times[index] ?? 0) - fromNs }));
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
