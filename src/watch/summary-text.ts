/** What is said at the end, as ping does: who was asked how often, what was lost where, and what was found. */

import type { CaptureFinding } from '../diagnose/analysis.ts';
import { printable } from '../report/printable.ts';
import { wrapped } from '../report/prose.ts';
import { tableLines } from '../report/table.ts';
import { glyphsOf, painted, type Terminal } from '../report/terminal.ts';
import { milliseconds } from './event-line.ts';
import type { LiveHop } from './hops.ts';
import type { Names } from './names.ts';
import { lossOf, type Pair } from './pairs.ts';

export interface WatchFigures extends Names {
  readonly seconds: number;
  readonly pairs: readonly Pair[];
  readonly hops: readonly LiveHop[];
  readonly findings: readonly { readonly finding: CaptureFinding; readonly over: boolean }[];
  readonly places: readonly unknown[];
  readonly frames: number;
  readonly lost: number;
  readonly givenUp: number;
  readonly gaps: readonly string[];
}

const MOST_ROWS = 12;

/** Ends in a newline. */
export function summaryText(figures: WatchFigures, terminal: Terminal): string {
  const { seconds, pairs, hops, findings, places, frames, lost, givenUp, gaps } = figures;
  const safe = (text: string) => printable(text, terminal.unicode);
  const requests = pairs.reduce((sum, pair) => sum + pair.requests, 0);
  const answered = pairs.reduce((sum, pair) => sum + pair.answered, 0);
  const head = `watched ${counted(places.length, 'interface')} for ${seconds.toFixed(1)} s: ${counted(requests, 'exchange')}, ${requests - answered} not answered; ${counted(frames, 'frame')}, ${lost} lost`;
  const worst = pairsByTrouble(pairs).slice(0, MOST_ROWS);
  const busy = hopsByTrouble(hops).slice(0, MOST_ROWS);
  const open = findings.filter(({ over }) => !over);
  const lines = [
    ...wrapped(head, terminal.width),
    ...tableLines(
      terminal,
      'exchanges',
      PAIR_HEAD,
      worst.map((pair) => pairRow(pair, terminal).map(safe)),
    ),
    ...more(pairs.length - worst.length, 'pair'),
    ...tableLines(
      terminal,
      'hops',
      HOP_HEAD,
      busy.map((hop) => hopRow(hop, figures, terminal).map(safe)),
    ),
    ...more(hops.length - busy.length, 'hop'),
    ...findings.flatMap(({ finding, over }) => [
      painted(
        terminal,
        over ? 'quiet' : 'bad',
        safe(`${over ? 'over' : finding.severity}: ${finding.title} [${finding.rule}, ${finding.confidence}]`),
      ),
      ...(over
        ? []
        : (finding.remedies[0]?.commands ?? []).map((command) => `  ${painted(terminal, 'command', safe(command))}`)),
    ]),
    ...(givenUp > 0
      ? wrapped(
          `of ${counted(givenUp, 'exchange')} the end is not known: too many were under way, or frames were lost meanwhile`,
          terminal.width,
        )
      : []),
    ...gaps.flatMap((gap) => wrapped(`not seen: ${safe(gap)}`, terminal.width, '', '  ')),
    ...(open.length === 0 && requests > 0 && pairs.every((pair) => pair.requests === pair.answered && pair.silent === 0)
      ? [painted(terminal, 'good', 'everything was answered')]
      : []),
  ];
  return `${lines.join('\n')}\n`;
}

export const PAIR_HEAD: readonly string[] = ['who asks whom', 'asked', 'loss', 'rtt ms', 'last'];
export const HOP_HEAD: readonly string[] = ['hop', 'packets', 'lost', 'ms', 'most'];

export function pairRow(pair: Pair, terminal: Terminal): string[] {
  const { arrow } = glyphsOf(terminal);
  const { kind, source, target, requests, answered, rttSumNs, lastRttNs } = pair;
  return [
    `${kind === 'neighbour' ? 'nd' : kind} ${source} ${arrow} ${target}`,
    String(requests),
    `${percent(lossOf(pair))}%`,
    answered === 0 ? '-' : milliseconds(rttSumNs / answered),
    answered === 0 ? '-' : milliseconds(lastRttNs),
  ];
}

export function hopRow({ from, to, packets, lost, sumNs, maxNs }: LiveHop, names: Names, terminal: Terminal): string[] {
  const { arrow } = glyphsOf(terminal);
  return [
    `${names.placeName(from)} ${arrow} ${names.placeName(to)}`,
    String(packets),
    String(lost),
    packets === 0 ? '-' : milliseconds(sumNs / packets),
    packets === 0 ? '-' : milliseconds(maxNs),
  ];
}

/** Those with a silence now first, then by loss, then the busiest. */
export function pairsByTrouble(pairs: readonly Pair[]): Pair[] {
  return [...pairs].sort(
    (a, b) =>
      Number(b.silent > 0) - Number(a.silent > 0) ||
      b.requests - b.answered - (a.requests - a.answered) ||
      b.requests - a.requests,
  );
}

export function hopsByTrouble(hops: readonly LiveHop[]): LiveHop[] {
  return [...hops].sort((a, b) => b.lost - a.lost || b.packets - a.packets);
}

/** "0", "33.3", "100" */
function percent(value: number): string {
  return value === 0 || value === 100 ? String(value) : value.toFixed(1);
}

function more(count: number, noun: string): string[] {
  return count > 0 ? [`and ${counted(count, `more ${noun}`)}`] : [];
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
