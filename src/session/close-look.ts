/** A close look at what failed: the frames around one failure of each pair, decoded whole and joined as a live run's are. */
import type { Case } from '../diagnose/sighted/case.ts';
import { AddressTable } from '../survey/addresses.ts';
import { Glance } from '../survey/glance.ts';
import { Kind } from '../survey/kind.ts';
import type { PairSummary, SurveySummary } from '../survey/summary.ts';
import { buildExchanges, type EchoExchange, type Exchange, questionOf } from '../trace/exchange.ts';
import { type Frame, type ProbeResult, placeKey } from '../trace/frame.ts';
import { createTracer, type Journey, startNs } from '../trace/journey.ts';
import { createSighter } from '../trace/sight.ts';
import type { Sighting } from '../trace/sighting.ts';
import { decodeFrame } from '../wire/frame.ts';
import type { Packet } from '../wire/packet.ts';
import type { Revisited } from './revisit.ts';

/** Pairs that are looked at closely. */
const MOST_CASES = 32;
const MOST_LARGE_CASES = 8;
const MOST_ANSWERED = 16;
/** Captures up to this size are looked at whole. */
const SMALL = 20_000;
const MOST_FRAMES = 60_000;
/** Frames gone through around one example in a large capture, of whatever kind. */
const MOST_AROUND = 12_000;
/** Before and after the example: what led to it, and what came instead of a reply (three tries of ARP), nanoseconds. */
const BEFORE_NS = 1_000_000_000n;
const AFTER_NS = 4_000_000_000n;
/** Frames of one pair. */
const MOST_OF_PAIR = 4_000;

export interface CloseLook {
  readonly cases: readonly Case[];
  readonly gaps: readonly string[];
}

/** @param withAnswered also pairs whose echoes were answered: a reply that was sighted need not have come to the socket */
export async function closeLook(set: Revisited, summary: SurveySummary, withAnswered: boolean): Promise<CloseLook> {
  const { fromNs, untilNs } = summary;
  const whole = summary.frames <= SMALL;
  const odd = summary.pairs.filter(isOdd).slice(0, whole ? MOST_CASES : MOST_LARGE_CASES);
  const answered = summary.pairs.filter((pair) => pair.kind === 'echo' && pair.answered > 0 && !isOdd(pair));
  const chosen = withAnswered && whole ? [...odd, ...answered.slice(0, MOST_ANSWERED)] : odd;
  if (chosen.length === 0 || fromNs === undefined || untilNs === undefined) return { cases: [], gaps: [] };
  const spans = whole
    ? [{ from: fromNs, until: untilNs, at: undefined }]
    : chosen.flatMap((pair) => {
        const at = pair.failures[0]?.example.timeNs;
        return at === undefined ? [] : [{ from: at - BEFORE_NS, until: at + AFTER_NS, at }];
      });
  const frames = await set.revisit(
    spans.map(({ from, until, at }) => ({
      fromNs: set.relative(from),
      untilNs: set.relative(until),
      ...(at === undefined ? {} : { atNs: set.relative(at), mostFrames: MOST_AROUND }),
    })),
    isAbout(chosen),
    MOST_FRAMES,
  );
  if (frames === undefined)
    return { cases: [], gaps: ['the stream could not be kept: the failures in it were counted, not looked at'] };
  const decoder = new Decoder();
  return { cases: chosen.map((pair) => caseOf(pair, frames, whole, decoder)), gaps: [] };
}

function isOdd({ failures, unheeded, passesTo }: PairSummary): boolean {
  return failures.length > 0 || unheeded > 0 || passesTo !== undefined;
}

/** ARP, ICMP and ICMPv6 of the chosen pairs, whatever they ride in; an error goes to the one it is about. */
function isAbout(pairs: readonly PairSummary[]): Parameters<Revisited['revisit']>[1] {
  const glance = new Glance();
  const addresses = new AddressTable();
  const wanted = new Set(
    pairs.flatMap(({ source, target }) => [source, target]).map((text) => addresses.internText(text)),
  );
  return ({ start, end, source }, { view }) =>
    glance.look(view, start, end, source.linkType) &&
    glance.kind !== Kind.other &&
    (wanted.has(addresses.intern(view, glance.sourceAt, glance.addressLength)) ||
      wanted.has(addresses.intern(view, glance.targetAt, glance.addressLength)));
}

/** Frames are decoded once, however many pairs they concern. */
class Decoder {
  readonly #decoded = new Map<Frame, Packet>();

  packet(frame: Frame): Packet {
    let packet = this.#decoded.get(frame);
    if (packet === undefined) {
      packet = decodeFrame(frame.bytes, frame.originalLength, frame.linkType);
      this.#decoded.set(frame, packet);
    }
    return packet;
  }
}

function caseOf(pair: PairSummary, frames: readonly Frame[], whole: boolean, decoder: Decoder): Case {
  const [group] = pair.failures;
  const at = group?.example.timeNs;
  const identifier = group?.example.identifier ?? identifierOf(pair, frames, decoder);
  const sight = createSighter(identifier === undefined ? undefined : { identifier });
  const tracer = createTracer();
  const sightings: Sighting[] = [];
  for (const frame of frames) {
    if (!whole && at !== undefined && (frame.timeNs < at - BEFORE_NS || frame.timeNs > at + AFTER_NS)) continue;
    if (!concerns(decoder.packet(frame), pair)) continue;
    const sighting = sight(frame);
    if (sightings.length >= MOST_OF_PAIR) break;
    sightings.push(sighting);
    tracer.add(sighting);
  }
  const exchanges = exchangesOf(pair, tracer.journeys());
  const example = exchanges.find(
    (exchange): exchange is EchoExchange =>
      exchange.kind === 'echo' &&
      (pair.kind !== 'echo' || (exchange.sequence === group?.example.sequence && !reached(exchange))),
  );
  return {
    pair,
    ...(group === undefined ? {} : { group }),
    sightings,
    exchanges,
    ...(example === undefined ? {} : { example }),
  };
}

/** Of the first echo request of an answered pair. */
function identifierOf({ kind, source, target }: PairSummary, frames: readonly Frame[], decoder: Decoder) {
  if (kind !== 'echo') return undefined;
  for (const frame of frames) {
    const { ip, icmp } = decoder.packet(frame);
    if (ip?.source === source && ip.destination === target && icmp?.identifier !== undefined) return icmp.identifier;
  }
  return undefined;
}

/** Of the two, or about them. */
function concerns({ arp, ip, icmp }: Packet, { source, target }: PairSummary): boolean {
  const ends = (address: string | undefined) => address === source || address === target;
  if (arp) return ends(arp.senderProtocol) || ends(arp.targetProtocol);
  return (
    ends(ip?.source) ||
    ends(ip?.destination) ||
    ends(icmp?.target) ||
    (icmp?.quoted?.ip !== undefined && (ends(icmp.quoted.ip.source) || ends(icmp.quoted.ip.destination)))
  );
}

/** As the prober would have known them: what came back to where a request began has been received. */
function exchangesOf({ kind, source, target }: PairSummary, journeys: readonly Journey[]): Exchange[] {
  const built = buildExchanges(journeys, source, target);
  const echoes = built.filter((exchange): exchange is EchoExchange => exchange.kind === 'echo');
  if (kind === 'echo') {
    const probes = echoes.flatMap(probeOf);
    return buildExchanges(journeys, source, target, probes);
  }
  // Nobody sent an echo: the packet that waited for the address is not in the capture.
  const first = journeys.find((journey) => questionOf(journey)?.answers === false);
  const probes = first === undefined ? [] : [{ sequence: 1, sentNs: startNs(first), replies: [] }];
  return buildExchanges(
    journeys.filter(({ sequence }) => sequence === undefined),
    source,
    target,
    probes,
  );
}

function probeOf(exchange: EchoExchange): ProbeResult[] {
  const { request, sequence } = exchange;
  if (!request) return [];
  const back = arrival(exchange);
  const replies =
    back === undefined
      ? []
      : [
          {
            timeNs: back.frame.timeNs,
            source: back.packet.ip?.source ?? '',
            ttl: ttlOf(back.packet),
            lengthBytes: back.packet.icmp?.data?.length ?? 0,
          },
        ];
  return [{ sequence, sentNs: startNs(request), replies }];
}

function ttlOf({ ip }: Packet): number {
  return ip === undefined ? 0 : ip.version === 4 ? ip.ttl : ip.hopLimit;
}

function reached(exchange: EchoExchange): boolean {
  return arrival(exchange) !== undefined;
}

/** The reply, where the request was sighted first; between two addresses of one namespace it comes over lo. */
function arrival({ request, replies }: EchoExchange): Sighting | undefined {
  const begins = request?.sightings[0]?.frame.place;
  if (!begins) return undefined;
  return replies
    .flatMap(({ sightings }) => sightings)
    .find(
      ({ frame: { place, direction } }) =>
        direction !== 'out' &&
        (placeKey(place) === placeKey(begins) || (place.netns === begins.netns && place.name === 'lo')),
    );
}
