/** What a survey found, in words: addresses, places and times instead of numbers. */
import type { Place } from '../trace/frame.ts';
import { type Contest, macText } from './claims.ts';
import { Family } from './flows.ts';
import { Kind } from './glance.ts';
import { Islands } from './islands.ts';
import { type Basis, type FailedExchange, type Failure, Losses } from './losses.ts';
import { type Shape, shapeOf } from './shape.ts';
import { Spans } from './spans.ts';
import { type IcmpError, isReply, type Survey } from './survey.ts';

/** A frame of one of the files. */
export interface FrameRef {
  /** Position of the file among those given, from 0. */
  readonly file: number;
  /** Number of the frame in it, from 1. */
  readonly frame: number;
}

export interface PlaceSummary {
  readonly place: Place;
  readonly frames: number;
  /** Of its first and last frame, Unix nanoseconds; absent where there was none. */
  readonly fromNs?: bigint;
  readonly untilNs?: bigint;
  /** Frames whose direction the capture tells. */
  readonly inward: number;
  readonly outward: number;
}

export type RequestKind = 'arp' | 'echo' | 'neighbour';

/** Requests that failed alike. */
export interface FailureGroup {
  readonly failure: Failure;
  /** Where the request, or the reply that got lost, was sighted last, and where it should have come next. */
  readonly last: Place;
  readonly next?: Place;
  readonly basis?: Basis;
  readonly error?: ErrorSummary;
  readonly requests: number;
  /** The first of them. */
  readonly example: FrameRef & { readonly timeNs: bigint; readonly identifier?: number; readonly sequence?: number };
}

/** Who asks whom, and how the requests fared. */
export interface PairSummary {
  readonly kind: RequestKind;
  readonly source: string;
  readonly target: string;
  /** Where the requests were sighted first; absent where captures of different times leave it open. */
  readonly begins?: Place | undefined;
  readonly requests: number;
  readonly answered: number;
  /** Replies beyond the first to one request. */
  readonly furtherReplies: number;
  /** Round trip where the requests begin, nanoseconds. */
  readonly rttNs?: { readonly min: number; readonly avg: number; readonly max: number };
  /** Most frequent first. */
  readonly failures: readonly FailureGroup[];
  /** Requests repeated within a retry's time although the one before had been answered. */
  readonly unheeded: number;
  /** Requests without a reply that were soon followed by another: whoever asked did not get one either. */
  readonly retried?: number;
  /** Replies went on from where the requests begin to this place, which no request had come by. */
  readonly passesTo?: Place;
}

export interface ErrorSummary {
  readonly from: string;
  readonly version: 4 | 6;
  readonly type: number;
  readonly code: number;
  readonly mtu?: number;
  /** Of the packet it is about. */
  readonly source: string;
  readonly target: string;
  readonly packets: number;
  readonly place: Place;
  readonly example: FrameRef;
}

/** Packets of all kinds that ended at one place although others like them went on. */
export interface LostPackets {
  readonly last: Place;
  readonly next: Place;
  readonly packets: number;
  readonly kinds: Readonly<Record<string, number>>;
}

export interface LostPacket {
  readonly kind: string;
  readonly source: string;
  readonly target: string;
  readonly identifier?: number;
  readonly sequence?: number;
  readonly last: Place;
  readonly next: Place;
  readonly basis: Basis;
  /** Of its first sighting. */
  readonly timeNs: bigint;
  readonly example: FrameRef;
}

/** From one place to the next, over all packets that passed both. */
export interface HopSummary {
  readonly from: Place;
  readonly to: Place;
  readonly packets: number;
  /** Nanoseconds. */
  readonly avgNs: number;
  readonly minNs: number;
  readonly maxNs: number;
}

export interface ContestSummary {
  readonly address: string;
  /** How often the claim went over from one to another. */
  readonly changes: number;
  /** Probes for it (duplicate address detection) that somebody else answered. */
  readonly conflicts: number;
  readonly claimants: readonly {
    readonly mac: string;
    readonly packets: number;
    readonly place: Place;
    readonly example: FrameRef;
  }[];
}

export interface MismatchSummary {
  readonly address: string;
  readonly claimed: string;
  readonly ethernet: string;
  readonly packets: number;
  readonly place: Place;
  readonly example: FrameRef;
}

export interface RepeatSummary {
  readonly kind: string;
  readonly source: string;
  readonly target: string;
  readonly group: boolean;
  /** Packets that were sighted again where they had been, most repetitions of one, and most of them with a falling TTL. */
  readonly packets: number;
  readonly worst: number;
  readonly circles: number;
  readonly example: FrameRef;
}

export interface SurveySummary {
  readonly frames: number;
  readonly packets: number;
  readonly fromNs?: bigint;
  readonly untilNs?: bigint;
  readonly places: readonly PlaceSummary[];
  /** Those with failures first, then by requests. At most `MOST_PAIRS`; `pairCount` is how many there are. */
  readonly pairs: readonly PairSummary[];
  readonly pairCount: number;
  readonly requests: number;
  readonly answered: number;
  readonly lost: readonly LostPackets[];
  readonly lostPackets: readonly LostPacket[];
  readonly hops: readonly HopSummary[];
  readonly shape: Shape;
  readonly contests: readonly ContestSummary[];
  readonly mismatches: readonly MismatchSummary[];
  readonly errors: readonly ErrorSummary[];
  readonly repeats: readonly RepeatSummary[];
  /** Replies to nothing that was asked in the capture. */
  readonly orphans: number;
  /** Packets and exchanges given up before their time, because too many were under way: their number is a limit of this survey. */
  readonly closedEarly: number;
}

const NOTHING = { frames: 0, firstNs: 0, lastNs: 0, inward: 0, outward: 0 };
const MOST_PAIRS = 2_000;

/** How numbers of the survey are to be read. */
export interface Reading {
  /** Those that sighted nothing among them. */
  readonly places: number;
  place(index: number): Place;
  /** Unix nanoseconds of a time of the survey. */
  time(ns: number): bigint;
  frame(frame: number): FrameRef;
  /** By file: the places recorded into it. */
  readonly together: readonly (readonly number[])[];
}

export function summarise(survey: Survey, reading: Reading, between?: readonly [string, string]): SurveySummary {
  const losses = new Losses(survey, new Spans(survey.places, reading.together));
  const words = new Words(survey, reading);
  const wanted = wantedEnds(between);
  const pairs = pairsOf(survey, losses, words, wanted, between === undefined);
  const lostPackets = lostPacketsOf(losses, words).filter(wanted);
  const timed = Number.isNaN(survey.firstNs)
    ? {}
    : { fromNs: reading.time(survey.firstNs), untilNs: reading.time(survey.lastNs) };
  return {
    frames: survey.frames,
    packets: survey.packetCount,
    ...timed,
    places: Array.from({ length: reading.places }, (_, index) => survey.places[index] ?? NOTHING).map(
      (count, index) => ({
        place: reading.place(index),
        frames: count.frames,
        ...(count.frames === 0 ? {} : { fromNs: reading.time(count.firstNs), untilNs: reading.time(count.lastNs) }),
        inward: count.inward,
        outward: count.outward,
      }),
    ),
    pairs: pairs.shown,
    pairCount: pairs.count,
    requests: pairs.requests,
    answered: pairs.answered,
    lost: groupLost(lostPackets),
    lostPackets,
    hops: hopsOf(survey, losses, words),
    shape: shapeOf(survey, losses, (index) => reading.place(index)),
    ...odditiesOf(survey, words, wanted),
    orphans: survey.orphans,
    closedEarly: survey.closedEarly,
  };
}

/** Numbers into words. */
class Words {
  readonly #survey: Survey;
  readonly reading: Reading;
  readonly #texts = new Map<number, string>();

  constructor(survey: Survey, reading: Reading) {
    this.#survey = survey;
    this.reading = reading;
  }

  address(id: number): string {
    let text = this.#texts.get(id);
    if (text === undefined) {
      text = this.#survey.addresses.text(id);
      this.#texts.set(id, text);
    }
    return text;
  }

  ends(flow: number): { source: string; target: string } {
    const { source, target } = this.#survey.flows.get(flow);
    return { source: this.address(source), target: this.address(target) };
  }

  /** Of a packet: a reply goes from who was asked to who asked. */
  endsOf(flow: number, kind: number): Ends {
    const { source, target } = this.ends(flow);
    return isReply(kind) ? { source: target, target: source } : { source, target };
  }

  error(error: IcmpError): ErrorSummary {
    const { from, version, type, code, mtu, source, target, packets, place, frame } = error;
    return {
      from: this.address(from),
      version,
      type,
      code,
      ...(mtu === 0 ? {} : { mtu }),
      source: this.address(source),
      target: this.address(target),
      packets,
      place: this.reading.place(place),
      example: this.reading.frame(frame),
    };
  }
}

interface Pairs {
  readonly shown: PairSummary[];
  readonly count: number;
  readonly requests: number;
  readonly answered: number;
}

/** All are counted; those that failed, and then those that asked most, are put into words. */
function pairsOf(survey: Survey, losses: Losses, words: Words, wanted: (ends: Ends) => boolean, all: boolean): Pairs {
  const failed = new Map<number, FailedExchange[]>();
  for (const request of survey.open) {
    const list = failed.get(request.flow);
    const failure = losses.failure(request);
    if (list) list.push(failure);
    else failed.set(request.flow, [failure]);
  }
  const asking: number[] = [];
  const { flows } = survey;
  let [count, requests, answered] = [0, 0, 0];
  for (let id = 0; id < flows.size; id++) {
    if (flows.requests(id) === 0 || requestKind(flows.family(id)) === undefined) continue;
    if (!all && !wanted(words.ends(id))) continue;
    count++;
    requests += flows.requests(id);
    answered += flows.answered(id);
    asking.push(id);
  }
  const odd = (id: number) =>
    flows.requests(id) > flows.answered(id) || survey.unheeded.has(id) || flows.furtherReplies(id) > 0;
  const order = (a: number, b: number) =>
    flows.requests(b) - flows.answered(b) - (flows.requests(a) - flows.answered(a)) ||
    Number(odd(b)) - Number(odd(a)) ||
    flows.requests(b) - flows.requests(a);
  const least = leastOfMost(asking, (id) => flows.requests(id));
  const chosen = asking.filter((id) => flows.requests(id) >= least || odd(id)).sort(order);
  const shown = chosen.slice(0, MOST_PAIRS).flatMap((id) => {
    const flow = flows.get(id);
    const kind = requestKind(flow.family);
    if (kind === undefined) return [];
    const [way] = flow.ways;
    return [
      {
        kind,
        ...words.ends(id),
        ...(way === undefined ? {} : { begins: words.reading.place(survey.ways.way(way).first) }),
        requests: flow.requests,
        answered: flow.answered,
        furtherReplies: flow.furtherReplies,
        ...(flow.rttNs === undefined ? {} : { rttNs: flow.rttNs }),
        failures: groupFailures(failed.get(id) ?? [], kind, words),
        unheeded: survey.unheeded.get(id) ?? 0,
        retried: survey.retried.get(id) ?? 0,
        ...passesTo(survey, losses, words, id),
      },
    ];
  });
  return { shown, count, requests, answered };
}

/** The size that at most `MOST_PAIRS` items reach, so that the few large ones of very many are found without sorting all. */
function leastOfMost(items: readonly number[], size: (item: number) => number): number {
  const SIZES = 1 << 10;
  const counts = new Uint32Array(SIZES);
  for (const item of items) {
    const at = Math.min(size(item), SIZES - 1);
    counts[at] = (counts[at] ?? 0) + 1;
  }
  let least = SIZES - 1;
  for (let sum = counts[least] ?? 0; least > 0 && sum + (counts[least - 1] ?? 0) <= MOST_PAIRS; )
    sum += counts[--least] ?? 0;
  return least;
}

/**
 * Where replies go on to behind the asker's place. A device below it, which the requests pass as well, is none. Captures that were not
 * made at one time show no packet at two places: then it is the place that saw replies only.
 */
function passesTo(survey: Survey, losses: Losses, words: Words, id: number): { passesTo?: Place; begins?: undefined } {
  const { family, ways, backWays, answered, requests } = survey.flows.get(id);
  if (answered === 0 || family === Family.echo) return {};
  const requested = new Set(ways.flatMap((way) => survey.ways.way(way).places));
  const begins = survey.ways.way(ways[0] ?? 0).first;
  const back = backWays.map((way) => survey.ways.way(way));
  for (const { id: way, group } of back) {
    const order = losses.order(way);
    const next = group ? undefined : order[order.indexOf(begins) + 1];
    if (order.includes(begins) && next !== undefined && !requested.has(next))
      return { passesTo: words.reading.place(next) };
  }
  const joined = [...ways.map((way) => survey.ways.way(way)), ...back].some(({ places }) => places.length > 1);
  const alone = back.find(({ group, first }) => !group && !requested.has(first));
  if (joined || !alone || requests < 2 || requested.size < 2) return {};
  return { passesTo: words.reading.place(alone.first), begins: undefined };
}

function groupFailures(failed: readonly FailedExchange[], kind: RequestKind, words: Words): FailureGroup[] {
  const groups = new Map<string, FailedExchange[]>();
  for (const failure of failed) {
    const { failure: how, last, gap, request } = failure;
    const { type = 0, code = 0, from = 0 } = request.error ?? {};
    const key = `${how} ${last} ${gap?.next ?? -1} ${from} ${type} ${code}`;
    const group = groups.get(key);
    if (group) group.push(failure);
    else groups.set(key, [failure]);
  }
  const made = [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const { failure, last, gap, request } = first;
    return [
      {
        failure,
        last: words.reading.place(last),
        ...(gap === undefined ? {} : { next: words.reading.place(gap.next), basis: gap.basis }),
        ...(request.error === undefined ? {} : { error: words.error(request.error) }),
        requests: group.length,
        example: {
          ...words.reading.frame(request.frame),
          timeNs: words.reading.time(request.ns),
          ...(kind === 'echo' ? echoOf(request.echo) : {}),
        },
      },
    ];
  });
  return made.sort((a, b) => b.requests - a.requests);
}

function lostPacketsOf(losses: Losses, words: Words): LostPacket[] {
  return losses.packets().map(({ packet, last, next, basis }) => ({
    kind: kindName(packet.kind),
    ...words.endsOf(packet.flow, packet.kind),
    ...(packet.kind === Kind.echoRequest || packet.kind === Kind.echoReply ? echoOf(packet.echo) : {}),
    last: words.reading.place(last),
    next: words.reading.place(next),
    basis,
    timeNs: words.reading.time(packet.ns),
    example: words.reading.frame(packet.frame),
  }));
}

function groupLost(packets: readonly LostPacket[]): LostPackets[] {
  const groups = new Map<string, { last: Place; next: Place; packets: number; kinds: Record<string, number> }>();
  for (const { last, next, kind } of packets) {
    const key = JSON.stringify([last, next]);
    let group = groups.get(key);
    if (!group) {
      group = { last, next, packets: 0, kinds: {} };
      groups.set(key, group);
    }
    group.packets++;
    group.kinds[kind] = (group.kinds[kind] ?? 0) + 1;
  }
  return [...groups.values()].sort((a, b) => b.packets - a.packets);
}

function hopsOf(survey: Survey, losses: Losses, words: Words): HopSummary[] {
  const hops = new Map<string, { from: number; to: number; packets: number; sum: number; min: number; max: number }>();
  for (const way of survey.ways.ways) {
    if (way.group || way.places.length < 2) continue;
    const order = losses.order(way.id);
    for (let at = 1; at < order.length; at++) {
      const [from = 0, to = 0] = [order[at - 1], order[at]];
      const { packets, sum, min, max } = survey.ways.hop(way.id, to);
      const key = `${from} ${to}`;
      const hop = hops.get(key);
      if (!hop) hops.set(key, { from, to, packets, sum, min, max });
      else {
        hop.packets += packets;
        hop.sum += sum;
        hop.min = Math.min(hop.min, min);
        hop.max = Math.max(hop.max, max);
      }
    }
  }
  return [...hops.values()]
    .sort((a, b) => b.packets - a.packets)
    .map(({ from, to, packets, sum, min, max }) => ({
      from: words.reading.place(from),
      to: words.reading.place(to),
      packets,
      avgNs: sum / packets,
      minNs: min,
      maxNs: max,
    }));
}

type Ends = { readonly source: string; readonly target: string };

/** Of the two, either way. */
function wantedEnds(between: readonly [string, string] | undefined): (ends: Ends) => boolean {
  if (between === undefined) return () => true;
  return ({ source, target }) => between.includes(source) && between.includes(target);
}

function odditiesOf(
  survey: Survey,
  words: Words,
  wanted: (ends: Ends) => boolean,
): Pick<SurveySummary, 'contests' | 'mismatches' | 'errors' | 'repeats'> {
  const { reading } = words;
  return {
    contests: contestsOf(survey).map(({ address, changes, conflicts, claimants }) => ({
      address: words.address(address),
      changes,
      conflicts,
      claimants: claimants.map(({ mac, packets, place, frame }) => ({
        mac: macText(mac),
        packets,
        place: reading.place(place),
        example: reading.frame(frame),
      })),
    })),
    mismatches: [...survey.claims.mismatches.values()].map(({ address, claimed, ethernet, packets, place, frame }) => ({
      address: words.address(address),
      claimed: macText(claimed),
      ethernet: macText(ethernet),
      packets,
      place: reading.place(place),
      example: reading.frame(frame),
    })),
    errors: [...survey.errors.values()]
      .map((error) => words.error(error))
      .filter(wanted)
      .sort((a, b) => b.packets - a.packets),
    repeats: [...survey.repeated.values()]
      .map(({ flow, kind, group, packets, worst, circles, frame }) => ({
        kind: kindName(kind),
        ...words.endsOf(flow, kind),
        group,
        packets,
        worst,
        circles,
        example: reading.frame(frame),
      }))
      .filter(wanted)
      .sort((a, b) => b.worst - a.worst),
  };
}

/** Those between claimants on one link. */
function contestsOf(survey: Survey): Contest[] {
  const contests = [...survey.claims.contests.values()];
  if (contests.length === 0) return [];
  const islands = new Islands(survey);
  return contests.flatMap((contest) => {
    const byIsland = new Map<number, Contest['claimants']>();
    for (const claimant of contest.claimants) {
      const island = islands.of(claimant.place);
      byIsland.set(island, [...(byIsland.get(island) ?? []), claimant]);
    }
    if (byIsland.size === 1) return [contest];
    return [...byIsland.values()].flatMap((claimants) => (claimants.length > 1 ? [{ ...contest, claimants }] : []));
  });
}

function echoOf(echo: number): { identifier: number; sequence: number } {
  return { identifier: echo >>> 16, sequence: echo & 0xffff };
}

function requestKind(family: number): RequestKind | undefined {
  switch (family) {
    case Family.arp:
      return 'arp';
    case Family.echo:
      return 'echo';
    case Family.neighbour:
      return 'neighbour';
    default:
      return undefined;
  }
}

/** As sightings are called (`trace/sighting.ts`); other packets are just those. */
function kindName(kind: number): string {
  return KIND_NAMES[kind] ?? 'other';
}

const KIND_NAMES = [
  'none',
  'arp-request',
  'arp-reply',
  'echo-request',
  'echo-reply',
  'icmp-error',
  'neighbour-solicitation',
  'neighbour-advertisement',
  'icmp',
  'other',
];
