/** Where the probes came by, one after the other: how many of them, and how long after they were sent. */
import type { Path } from '../path/model.ts';
import { type EchoExchange, isAnswered } from '../trace/exchange.ts';
import { type Coverage, type Place, placeKey } from '../trace/frame.ts';
import { type Journey, sightingAt, startNs } from '../trace/journey.ts';
import { isCovered } from './walk.ts';

/** A place on the way of an echo and its reply where it can be sighted, or the probing socket at its end. */
export interface Milestone {
  readonly packet: 'echo-request' | 'echo-reply';
  readonly place: Place;
  readonly direction: 'in' | 'out' | 'socket';
}

/** One probe's way. */
export interface Passage {
  readonly exchange: EchoExchange;
  /** When it was sent, Unix nanoseconds; of somebody else's echo, when it was first sighted. */
  readonly sentNs: bigint;
  /** When it came by each milestone; undefined where it was not sighted. */
  readonly times: readonly (bigint | undefined)[];
}

/** Every probe's way. */
export interface Figures {
  readonly milestones: readonly Milestone[];
  /** In the order in which they were sent. */
  readonly passages: readonly Passage[];
}

/** What the probes came to at one milestone. */
export interface Hop extends Milestone {
  readonly sent: number;
  readonly sighted: number;
  /** Since the probe was sent, of those sighted; milliseconds. */
  readonly latencyMs?: Percentiles;
}

/** By nearest rank: half of the values, 95 and 99 of a hundred, and all of them are not greater. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * The milestones in the order of the way: of the path, where the answered probes took it; else in the order in which one of them
 * was sighted. Places that were not listened to are left out.
 */
function milestonesOf(path: Path, echoes: readonly EchoExchange[], coverage: Coverage): Milestone[] {
  const expected = expectedMilestones(path, coverage);
  const answered = echoes.filter((echo) => isAnswered(echo) && echo.request !== undefined);
  const complete = expected.at(-1)?.direction === 'socket';
  if (complete && (answered.length === 0 || answered.some((echo) => timesOf(echo, expected).every(isTime))))
    return expected;
  const [example] = answered;
  return example ? sightedMilestones(example) : expected;
}

function isTime(time: bigint | undefined): boolean {
  return time !== undefined;
}

function expectedMilestones(path: Path, coverage: Coverage): Milestone[] {
  const found = new Map<string, Milestone>();
  for (const { kind, steps } of path.legs) {
    if (kind !== 'echo-request' && kind !== 'echo-reply') continue;
    for (const step of steps) {
      if (step.kind === 'gate' || (step.kind === 'place' && !isCovered(coverage, step.place))) continue;
      const direction = step.kind === 'socket' ? 'socket' : step.direction;
      add(found, { packet: kind, place: step.place, direction });
    }
  }
  return [...found.values()];
}

/** What a bridge flooded to others is on nobody's way. */
function sightedMilestones({ request, replies, probe }: EchoExchange): Milestone[] {
  const found = new Map<string, Milestone>();
  for (const [packet, journey] of [
    ['echo-request', request],
    ['echo-reply', replies[0]],
  ] as const)
    for (const { frame } of journey?.sightings ?? [])
      if (frame.direction !== 'unknown' && frame.packetType !== 'other-host')
        add(found, { packet, place: frame.place, direction: frame.direction });
  const start = request?.sightings[0]?.frame.place;
  if (probe && start) add(found, { packet: 'echo-reply', place: start, direction: 'socket' });
  return [...found.values()];
}

function add(found: Map<string, Milestone>, milestone: Milestone): void {
  const key = `${milestone.packet} ${placeKey(milestone.place)} ${milestone.direction}`;
  if (!found.has(key)) found.set(key, milestone);
}

export function figuresOf(path: Path, echoes: readonly EchoExchange[], coverage: Coverage): Figures {
  const milestones = milestonesOf(path, echoes, coverage);
  return { milestones, passages: echoes.map((echo) => passageOf(echo, milestones)) };
}

function passageOf(exchange: EchoExchange, milestones: readonly Milestone[]): Passage {
  const sentNs = exchange.probe?.sentNs ?? (exchange.request ? startNs(exchange.request) : 0n);
  return { exchange, sentNs, times: timesOf(exchange, milestones) };
}

function timesOf({ request, replies, probe }: EchoExchange, milestones: readonly Milestone[]): (bigint | undefined)[] {
  return milestones.map(({ packet, place, direction }) => {
    if (direction === 'socket') return probe?.replies[0]?.timeNs;
    const journeys: readonly Journey[] = packet === 'echo-reply' ? replies : request ? [request] : [];
    for (const journey of journeys) {
      const sighting = sightingAt(journey, place, direction);
      if (sighting) return sighting.frame.timeNs;
    }
    return undefined;
  });
}

/** What all passages come to, milestone by milestone. */
export function hopsOf({ milestones, passages }: Figures): Hop[] {
  return milestones.map((milestone, index) => {
    const latencies = passages.flatMap(({ sentNs, times }) => {
      const time = times[index];
      return time === undefined ? [] : [Number(time - sentNs) / 1e6];
    });
    const latencyMs = percentiles(latencies);
    return {
      ...milestone,
      sent: passages.length,
      sighted: latencies.length,
      ...(latencyMs === undefined ? {} : { latencyMs }),
    };
  });
}

export function percentiles(values: readonly number[]): Percentiles | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  if (sorted.length === 0) return undefined;
  return { p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max: rank(1) };
}
