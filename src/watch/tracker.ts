/**
 * Frames to exchanges, as they come, in bounded memory: which packets are one, which reply belongs to which request, and which
 * requests had none. It glances at frames; what failed is then looked at exactly (`session/watch-judge.ts`).
 */
import { linkTypeOf, viewOf } from '../survey/frame-view.ts';
import { Glance } from '../survey/glance.ts';
import { Family, familyOf, isEcho, isReply, Kind, requestKind } from '../survey/kind.ts';
import { isRedirect, quotedIn } from '../survey/quoted.ts';
import type { Frame, Place } from '../trace/frame.ts';
import { icmpName } from '../wire/icmp-name.ts';
import { formatIpv4, formatIpv6 } from '../wire/text.ts';
import { Endings } from './endings.ts';
import type { ErrorEvent, ExchangeEvent } from './event.ts';
import { HopTable } from './hops.ts';
import { addressHash, joined, questionKey } from './identity.ts';
import { LossySpans } from './lossy-spans.ts';
import { type Packet, PacketTable, stepsOf } from './packets.ts';
import { type Pair, PairTable } from './pairs.ts';
import { type Question, QuestionTable, SETTLE_NS } from './questions.ts';
import type { Root } from './window.ts';

/** Errors about other packets than echoes that wait to be told. */
const MOST_ERRORS = 1 << 15;

/** An error that is told by itself, when its packet has had time to be sighted everywhere. */
interface LoneError extends ErrorEvent {
  readonly packet: Packet;
}

/** What an ICMP error is about: the addresses, and the question where it is an echo that waits for its reply. */
interface About {
  readonly question: Question | undefined;
  readonly source: string;
  readonly target: string;
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
  frames = 0;
  readonly #options: TrackerOptions;
  readonly #glance = new Glance();
  readonly #lossy = new LossySpans();
  readonly #packets = new PacketTable((packet) => this.#countHops(packet));
  readonly #endings: Endings;
  readonly #questions: QuestionTable;
  #errors: LoneError[] = [];
  #errorNs = Number.NEGATIVE_INFINITY;
  #baseNs: bigint | undefined;

  constructor(options: TrackerOptions) {
    this.#options = options;
    const { pairs, hops } = this;
    const { onExchange } = options;
    const endings = new Endings({ pairs, hops, lossy: this.#lossy, time: (ns) => this.time(ns), onExchange });
    this.#endings = endings;
    this.#questions = new QuestionTable({
      onSettled: (question) => endings.settled(question),
      onSilent: (question) => endings.silent(question),
    });
  }

  /** Exchanges whose end is not known: too many were under way, or the capture was lossy meanwhile. */
  get givenUp(): number {
    return this.#questions.givenUp + this.#endings.givenUp;
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
    this.#lossy.add(fromNs, untilNs);
  }

  /** Whether sightings of an exchange that began then may be missing. */
  mayBeLost(ns: number): boolean {
    return this.#lossy.concern(ns);
  }

  /** Takes a frame, in order of time. Undefined for one that is of no interest. */
  add(frame: Frame): Root | undefined {
    this.frames++;
    const view = viewOf(frame);
    const glance = this.#glance;
    if (!glance.look(view, 0, view.byteLength, linkTypeOf(frame))) return undefined;
    const ns = this.relative(frame.timeNs);
    const key = joined(glance.hashHigh, glance.hashLow);
    const packet = this.#packets.sight(key, frame.place, ns) ?? this.#begin(view, key, frame.place, ns);
    return packet.root;
  }

  /** Tells what has come to its end by this time. */
  advance(nowNs: number): void {
    this.#questions.tellSettled(nowNs);
    this.#tellErrors(nowNs);
    this.#questions.tellSilent(nowNs);
    this.#packets.forget(nowNs);
  }

  /** Whether anything since then needs a judgement: requests without a reply, or with one that was not heeded, and errors. */
  failing(sinceNs: number): boolean {
    return this.#errorNs >= sinceNs || this.pairs.all().some(({ silent, lastNs }) => silent > 0 && lastNs >= sinceNs);
  }

  /** Ways lead by other places from now on: nothing is missed where it used to pass. */
  forgetWays(): void {
    for (const pair of this.pairs.all()) Object.assign(pair, { requestWay: [], replyWay: [] });
  }

  /** A packet that `glance` has been given, sighted for the first time. */
  #begin(view: DataView, packetKey: number, place: Place, ns: number): Packet {
    const { kind, sourceAt, targetAt, addressLength, identifier, sequence, group } = this.#glance;
    const source = addressHash(view, sourceAt, addressLength);
    const target = addressHash(view, targetAt, addressLength);
    const family = familyOf(kind);
    const asks = requestKind(family);
    const echo = isEcho(kind) ? (identifier << 16) | sequence : 0;
    const back = isReply(kind);
    const key = back ? questionKey(target, source, family, echo) : questionKey(source, target, family, echo);
    const asked = back ? this.#questions.get(key) : undefined;
    const about = kind === Kind.icmpError ? this.#about(view) : undefined;
    const root: Root = asked?.request.root ??
      about?.question?.request.root ?? { ns, kept: this.#options.admit(ns, asks === undefined ? kind : source) };
    const packet: Packet = { key: packetKey, firstNs: ns, group, root, places: [place], times: [ns] };
    this.#packets.begin(packet);
    if (asked) this.#questions.answer(asked, packet);
    else if (about) this.#refuse(view, packet, about);
    else if (asks !== undefined && !back && source !== target && !isUnspecified(view, this.#glance)) {
      const pairKey = joined(source ^ target, Math.imul(source, 31) ^ target ^ kind);
      const pair = this.pairs.find(pairKey, asks, () => ({
        source: addressText(view, sourceAt, addressLength),
        target: addressText(view, targetAt, addressLength),
      }));
      this.#questions.ask({ key, pair, echo, request: packet, ...UNANSWERED });
    }
    return packet;
  }

  /** Of the ICMP error that `glance` has been given. */
  #about(view: DataView): About | undefined {
    const quoted = quotedIn(view, view.byteLength, this.#glance);
    if (!quoted) return undefined;
    const { sourceAt, targetAt, echo } = quoted;
    const { addressLength } = this.#glance;
    const source = addressHash(view, sourceAt, addressLength);
    const target = addressHash(view, targetAt, addressLength);
    return {
      question: echo === undefined ? undefined : this.#questions.get(questionKey(source, target, Family.echo, echo)),
      source: addressText(view, sourceAt, addressLength),
      target: addressText(view, targetAt, addressLength),
    };
  }

  #refuse(view: DataView, packet: Packet, { question, source, target }: About): void {
    const { messageAt, sourceAt, addressLength } = this.#glance;
    const version = addressLength === 4 ? 4 : 6;
    const type = view.getUint8(messageAt);
    const words = icmpName(version, type, view.getUint8(messageAt + 1));
    const from = addressText(view, sourceAt, addressLength);
    this.#errorNs = packet.firstNs;
    if (question && !isRedirect(version, type)) this.#questions.refuse(question, { from, words }, packet.firstNs);
    else if (this.#errors.length < MOST_ERRORS) {
      const timeNs = this.time(packet.firstNs);
      this.#errors.push({ event: 'icmp-error', timeNs, from, words, source, target, count: 1, places: [], packet });
    }
  }

  #tellErrors(nowNs: number): void {
    let told = 0;
    for (const { packet, ...event } of this.#errors) {
      if (packet.firstNs > nowNs - SETTLE_NS) break;
      told++;
      this.#options.onError({ ...event, places: stepsOf(packet, packet.firstNs) });
    }
    if (told > 0) this.#errors = this.#errors.slice(told);
  }

  /** No more sightings of the packet come. */
  #countHops({ group, places, times, firstNs }: Packet): void {
    // Where frames were lost, two places that follow each other need not be neighbours.
    if (group || this.mayBeLost(firstNs)) return;
    for (let index = 1; index < places.length; index++) {
      const [from, to] = [places[index - 1], places[index]];
      if (from && to) this.hops.passed(from, to, Math.max(0, (times[index] ?? 0) - (times[index - 1] ?? 0)));
    }
  }
}

/** Of a question that was just asked. */
const UNANSWERED = { reply: undefined, refusal: undefined, told: false, settlingNs: undefined };

/** Who probes for an address it has not yet (RFC 5227, RFC 4862) hopes for no answer. */
function isUnspecified(view: DataView, { sourceAt, addressLength }: Glance): boolean {
  for (let at = 0; at < addressLength; at += 4) if (view.getUint32(sourceAt + at) !== 0) return false;
  return true;
}

function addressText(view: DataView, at: number, length: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, length);
  return length === 4 ? formatIpv4(bytes) : formatIpv6(bytes);
}
