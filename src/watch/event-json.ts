/** Events as NDJSON: one document of schema/vdiag.watch.schema.json a line. */
import type { CaptureFinding } from '../diagnose/analysis.ts';
import type { Place } from '../trace/frame.ts';
import type { RoundTrips, Step, WatchEvent } from './event.ts';
import type { LiveHop } from './hops.ts';
import { lossOf, type Pair } from './pairs.ts';

export const SCHEMA = 'vdiag.watch/1';

/** What stands at the end. */
export interface SummaryFigures {
  readonly seconds: number;
  readonly frames: number;
  readonly lost: number;
  readonly untold: number;
  readonly pairs: readonly Pair[];
  readonly hops: readonly LiveHop[];
  readonly findings: readonly { readonly finding: CaptureFinding; readonly over: boolean }[];
  readonly gaps: readonly string[];
}

/** Pairs and hops written down at the end. */
const MOST_WRITTEN = 1000;

/** The line, without its end. */
export function eventJson(event: WatchEvent): string {
  const head = { schema: SCHEMA, event: event.event, time: isoTime(event.timeNs) };
  return JSON.stringify({ ...head, ...bodyOf(event) });
}

export function summaryJson(timeNs: bigint, figures: SummaryFigures, version: string): string {
  const { seconds, frames, lost, untold, pairs, hops, findings, gaps } = figures;
  return JSON.stringify({
    schema: SCHEMA,
    event: 'summary',
    time: isoTime(timeNs),
    version,
    seconds: Number(seconds.toFixed(3)),
    framesCaptured: frames,
    framesLost: lost,
    exchangesUntold: untold,
    pairs: pairs.slice(0, MOST_WRITTEN).map((pair) => ({
      kind: pair.kind,
      source: pair.source,
      target: pair.target,
      requests: pair.requests,
      answered: pair.answered,
      refused: pair.refused,
      lossPercent: Number(lossOf(pair).toFixed(3)),
      ...(pair.answered > 0
        ? { rttMs: rttOf({ count: pair.answered, minNs: pair.rttMinNs, sumNs: pair.rttSumNs, maxNs: pair.rttMaxNs }) }
        : {}),
    })),
    hops: hops.slice(0, MOST_WRITTEN).map(({ from, to, packets, lost: missed, sumNs, minNs, maxNs }) => ({
      from: placeJson(from),
      to: placeJson(to),
      packets,
      lost: missed,
      ...(packets > 0 ? { latencyMs: rttOf({ count: packets, minNs, sumNs, maxNs }) } : {}),
    })),
    findings: findings.map(({ finding, over }) => ({ ...findingJson(finding), over })),
    gaps,
  });
}

function bodyOf(event: WatchEvent): object {
  switch (event.event) {
    case 'exchange': {
      const { kind, source, target, identifier, sequence, outcome, rttNs, refusal, request, reply, missing } = event;
      return {
        kind,
        source,
        target,
        ...(identifier === undefined ? {} : { identifier }),
        ...(sequence === undefined ? {} : { sequence }),
        outcome,
        ...(rttNs === undefined ? {} : { rttMs: ms(rttNs) }),
        ...(refusal === undefined ? {} : { refusal }),
        request: request.map(stepJson),
        reply: reply.map(stepJson),
        ...(missing === undefined ? {} : { missing: placeJson(missing) }),
      };
    }
    case 'burst': {
      const { kind, source, target, exchanges, answered, rtt } = event;
      return { kind, source, target, exchanges, answered, ...(rtt ? { rttMs: rttOf(rtt) } : {}) };
    }
    case 'icmp-error': {
      const { from, words, source, target, count, places } = event;
      return { from, words, source, target, count, places: places.map(stepJson) };
    }
    case 'finding':
    case 'finding-over':
      return { finding: findingJson(event.finding) };
    case 'drop': {
      const { reason, function: where, device, count } = event;
      return { reason, function: where, ...(device === undefined ? {} : { device }), count };
    }
    case 'appeared':
    case 'vanished':
      return { netns: event.netns, ...(event.name === undefined ? {} : { interface: event.name }) };
    case 'skipped':
      return { framesLost: event.lost, exchangesUntold: event.untold };
    case 'note':
      return { text: event.text };
    default:
      return event satisfies never;
  }
}

function findingJson(finding: CaptureFinding): object {
  const { rule, severity, confidence, title, summary, where, pair, remedies, candidates } = finding;
  return {
    rule,
    severity,
    confidence,
    title,
    summary,
    where: placeJson(where),
    ...(pair === undefined ? {} : { pair }),
    remedy: remedies.map(({ why, commands, verify }) => ({ why, commands, verify })),
    candidates: candidates.map(({ rule: name, why, look }) => ({ rule: name, why, look })),
  };
}

function stepJson({ place, afterNs }: Step): object {
  return { ...placeJson(place), afterMs: ms(afterNs) };
}

function placeJson({ netns, name }: Place): { netns: string; interface: string } {
  return { netns, interface: name };
}

function rttOf({ count, minNs, sumNs, maxNs }: RoundTrips): { min: number; avg: number; max: number } {
  return { min: ms(minNs), avg: ms(sumNs / count), max: ms(maxNs) };
}

function ms(ns: number): number {
  return Number((ns / 1e6).toFixed(6));
}

/** RFC 3339, nanoseconds, UTC. */
function isoTime(timeNs: bigint): string {
  const seconds = new Date(Number(timeNs / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(timeNs % 1_000_000_000n).padStart(9, '0')}Z`;
}
