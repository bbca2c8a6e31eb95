/** What a survey found, in words: addresses, places and times instead of numbers. */
import type { Place } from '../trace/frame.ts';
import { isEcho, kindName, type RequestKind } from './kind.ts';
import { type Basis, type Failure, Losses } from './losses.ts';
import { odditiesOf } from './oddities.ts';
import { pairsOf } from './pairs.ts';
import { type Shape, shapeOf } from './shape.ts';
import { Spans } from './spans.ts';
import type { Survey } from './survey.ts';
import { echoOf, Words, wantedEnds } from './words.ts';

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

function lostPacketsOf(losses: Losses, words: Words): LostPacket[] {
  return losses.packets().map(({ packet, last, next, basis }) => ({
    kind: kindName(packet.kind),
    ...words.endsOf(packet.flow, packet.kind),
    ...(isEcho(packet.kind) ? echoOf(packet.echo) : {}),
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
