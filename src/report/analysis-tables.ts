/** The survey in tables: who asked whom and how it fared, the time from place to place, what was lost between which places. */
import type { RequestKind } from '../survey/kind.ts';
import type { FailureGroup, PairSummary } from '../survey/summary.ts';
import { icmpName } from '../wire/icmp-name.ts';
import { type AnalysisWriter, clockTime, counted, grouped } from './analysis-writer.ts';
import { milliseconds } from './figures.ts';
import { wrapped } from './prose.ts';
import { tableLines } from './table.ts';

/** Shown without -v. */
const MOST_PAIRS = 15;
const MOST_HOPS = 10;
const MOST_CAUSES = 3;
/** Narrower than this, a round trip is its average alone. */
const ROOMY = 80;
/** Shown with it. */
const MOST_ROWS = 1000;

const KINDS: Readonly<Record<RequestKind, string>> = { arp: 'ARP', echo: 'echo', neighbour: 'neighbour' };

/** One section per table; empty tables are left out. */
export function surveyTables(writer: AnalysisWriter): string[][] {
  return [pairs(writer), hops(writer), lost(writer), ...(writer.verbose ? [places(writer), errors(writer)] : [])];
}

function pairs(writer: AnalysisWriter): string[] {
  const { analysis, verbose, glyphs, safe } = writer;
  const { summary } = analysis;
  const shown = summary.pairs.slice(0, verbose ? MOST_ROWS : MOST_PAIRS);
  const roomy = writer.terminal.width >= ROOMY;
  const rows = shown.map((pair) => [
    `${KINDS[pair.kind]} ${safe(pair.source)} ${glyphs.arrow} ${safe(pair.target)}`,
    `${grouped(pair.answered)} of ${grouped(pair.requests)}`,
    fate(writer, pair).join('\n'),
    roundTrip(pair, roomy),
  ]);
  const head = ['', 'answered', 'not answered', roomy ? 'rtt min/avg/max ms' : 'rtt ms'];
  return limited(writer, 'exchanges', head, rows, summary.pairCount, 'pair');
}

/** What became of the requests that had no reply, and what else is odd. */
export function fate(writer: AnalysisWriter, pair: PairSummary): string[] {
  const { failures, furtherReplies, unheeded } = pair;
  const groups = failures.slice(0, MOST_CAUSES).map((group) => failureText(writer, group));
  const left = failures.slice(MOST_CAUSES).reduce((sum, { requests }) => sum + requests, 0);
  return [
    ...groups,
    ...(left > 0 ? [`${grouped(left)} elsewhere`] : []),
    ...(furtherReplies > 0
      ? [`${grouped(furtherReplies)} more ${furtherReplies === 1 ? 'reply' : 'replies'} than requests`]
      : []),
    ...(unheeded > 0 ? [`${grouped(unheeded)} asked again all the same`] : []),
  ];
}

function failureText({ place, glyphs, safe }: AnalysisWriter, group: FailureGroup): string {
  const { failure, requests, last, next, error } = group;
  const gap = next === undefined ? place(last) : `${place(last)} ${glyphs.arrow} ${place(next)}`;
  switch (failure) {
    case 'refused':
      return error === undefined
        ? `${grouped(requests)} refused`
        : `${grouped(requests)} refused by ${safe(error.from)}: ${icmpName(error.version, error.type, error.code)}`;
    case 'request-lost':
      return `${counted(requests, 'request')} lost ${gap}`;
    case 'reply-lost':
      return `${grouped(requests)} ${requests === 1 ? 'reply' : 'replies'} lost ${gap}`;
    case 'unanswered':
      return `${grouped(requests)} last seen at ${place(last)}`;
    default:
      return failure satisfies never;
  }
}

function roundTrip({ rttNs }: PairSummary, roomy: boolean): string {
  if (rttNs === undefined) return '';
  return roomy ? [rttNs.min, rttNs.avg, rttNs.max].map(inMilliseconds).join('/') : inMilliseconds(rttNs.avg);
}

function inMilliseconds(ns: number): string {
  return milliseconds(BigInt(Math.round(ns)));
}

function hops(writer: AnalysisWriter): string[] {
  const { analysis, place, glyphs, verbose } = writer;
  const all = analysis.summary.hops;
  const rows = all
    .slice(0, verbose ? MOST_ROWS : MOST_HOPS)
    .map(({ from, to, packets, minNs, avgNs, maxNs }) => [
      `${place(from)} ${glyphs.arrow} ${place(to)}`,
      grouped(packets),
      [minNs, avgNs, maxNs].map(inMilliseconds).join('/'),
    ]);
  return limited(writer, 'from place to place', ['', 'packets', 'min/avg/max ms'], rows, all.length, 'hop');
}

function lost(writer: AnalysisWriter): string[] {
  const { analysis, place, glyphs, verbose } = writer;
  const all = analysis.summary.lost;
  const rows = all
    .slice(0, verbose ? MOST_ROWS : MOST_HOPS)
    .map(({ last, next, packets, kinds }) => [
      `${place(last)} ${glyphs.arrow} ${place(next)}`,
      grouped(packets),
      kindCounts(kinds),
    ]);
  return limited(writer, 'lost between', ['', 'packets', 'of these'], rows, all.length, 'gap');
}

function kindCounts(kinds: Readonly<Record<string, number>>): string {
  return Object.entries(kinds)
    .sort(([, a], [, b]) => b - a)
    .map(([kind, packets]) => `${grouped(packets)} ${kind}`)
    .join(', ');
}

function places({ analysis, place: nameOf, terminal }: AnalysisWriter): string[] {
  const rows = analysis.summary.places
    .slice(0, MOST_ROWS)
    .map(({ place, frames, inward, outward, fromNs, untilNs }) => [
      nameOf(place),
      grouped(frames),
      grouped(inward),
      grouped(outward),
      fromNs === undefined ? '' : clockTime(fromNs),
      untilNs === undefined ? '' : clockTime(untilNs),
    ]);
  return tableLines(terminal, 'places', ['', 'frames', 'in', 'out', 'first', 'last'], rows);
}

function errors({ analysis, place, safe, glyphs, terminal, frame }: AnalysisWriter): string[] {
  const rows = analysis.summary.errors
    .slice(0, MOST_ROWS)
    .map((error) => [
      icmpName(error.version, error.type, error.code) + (error.mtu === undefined ? '' : `, mtu ${error.mtu}`),
      safe(error.from),
      `${safe(error.source)} ${glyphs.arrow} ${safe(error.target)}`,
      grouped(error.packets),
      `${frame(error.example)} at ${place(error.place)}`,
    ]);
  return tableLines(terminal, 'ICMP errors', ['', 'from', 'about', 'packets', 'first'], rows);
}

/** A table without the columns in which nothing stands, and what it leaves out. */
function limited(
  { terminal }: AnalysisWriter,
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  all: number,
  noun: string,
): string[] {
  const used = head.map((_, column) => rows.some((row) => row[column] !== ''));
  const kept = (row: readonly string[]): string[] => row.filter((_, column) => used[column]);
  const lines = tableLines(terminal, title, kept(head), rows.map(kept));
  const left = all - rows.length;
  if (left <= 0 || lines.length === 0) return lines;
  const where = rows.length < MOST_ROWS ? '-v or --json' : '--json';
  return [...lines, ...wrapped(`and ${counted(left, `more ${noun}`)}: ${where}`, terminal.width, '  ')];
}
