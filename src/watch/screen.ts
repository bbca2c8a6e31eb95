/** The full-screen view as lines: a pure function of what is known, what the reader has chosen, and the size of the terminal. */
import { beginning, displayWidth, padded, printable, shortened } from '../report/printable.ts';
import { glyphsOf, painted, type Terminal, type Tone } from '../report/terminal.ts';
import { detailLines } from './details.ts';
import type { WatchEvent } from './event.ts';
import { clock, eventText } from './event-line.ts';
import type { Pair } from './pairs.ts';
import {
  HOP_HEAD,
  hopRow,
  hopsByTrouble,
  PAIR_HEAD,
  pairRow,
  pairsByTrouble,
  type WatchFigures,
} from './summary-text.ts';
import type { View } from './view.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

type Finding = WatchFigures['findings'][number];

/** What can be selected: findings first, then pairs. */
export type Item = { readonly finding: Finding } | { readonly pair: Pair };

/** Below this nothing but the events fits. */
const SMALL_ROWS = 14;

const HELP: readonly string[] = [
  'vdiag watch: what is asked and answered around, live. It sends nothing.',
  '',
  '  p, space      pause: the screen stands still, the capture goes on',
  '  /             filter: only lines with this text; Esc clears it',
  '  up, down      choose a finding or a pair (also k and j)',
  '  Enter, d      details of it: evidence and cure, or ways and times; again: back',
  '  w             write the last minute to a pcapng, for vdiag analyze and Wireshark',
  '  q, Ctrl-C     end, with the summary',
  '',
  '!    the last request had no reply that was heeded; at a hop: packets were lost',
  'loss is of requests that had no reply where they began; ms is the average.',
  'lost at a hop: sighted before it, and not where others of the pair went on to.',
  '',
  'any key: back',
];

/** As many lines as there are rows, none wider than the terminal. */
export function screenLines(view: View, figures: WatchFigures, terminal: Terminal, { columns, rows }: Size): string[] {
  const frame = new Frame(terminal, Math.max(20, columns));
  const room = Math.max(1, rows - 2);
  const body =
    view.mode === 'help'
      ? HELP.map((line) => frame.line(line))
      : view.mode === 'details'
        ? details(view, figures, frame, room)
        : live(view, figures, frame, room);
  const filled = Array.from({ length: room }, (_, index) => body[index] ?? '');
  return [title(view, figures, frame), ...filled, footer(view, frame)].slice(0, Math.max(1, rows));
}

/** In the order in which they are selected. */
export function itemsOf({ filter }: Pick<View, 'filter'>, figures: WatchFigures): Item[] {
  const has = containing(filter);
  const findings = figures.findings.filter(({ finding }) => has(`${finding.title} ${finding.rule}`));
  const pairs = pairsByTrouble(figures.pairs).filter((pair) => has(`${pair.kind} ${pair.source} ${pair.target}`));
  return [...findings.map((finding) => ({ finding })), ...pairs.map((pair) => ({ pair }))];
}

function live(view: View, figures: WatchFigures, frame: Frame, room: number): string[] {
  const items = itemsOf(view, figures);
  const selected = Math.min(view.selected, items.length - 1);
  const findings = items.flatMap((item, index) => ('finding' in item ? [{ ...item, index }] : []));
  const pairs = items.flatMap((item, index) => ('pair' in item ? [{ ...item, index }] : []));
  const small = room < SMALL_ROWS;
  const lines = findingLines(findings, selected, frame, small ? 2 : Math.max(3, Math.floor(room * 0.25)));
  if (!small) lines.push(...pairLines(pairs, selected, frame, Math.max(3, Math.floor(room * 0.28))));
  if (!small && room >= 20) lines.push(...hopLines(view, figures, frame, Math.max(3, Math.floor(room * 0.22))));
  const left = room - lines.length;
  const has = containing(view.filter);
  const shown = view.events
    .filter((event) => has(eventText(event, figures, frame.arrow).text))
    .slice(-Math.max(1, left - 1));
  lines.push(...frame.head(['as it happens'], []), ...shown.map((event) => eventLine(event, figures, frame)));
  return lines;
}

function findingLines(
  findings: readonly { finding: Finding; index: number }[],
  selected: number,
  frame: Frame,
  most: number,
): string[] {
  if (findings.length === 0) return [];
  const chosen = findings.findIndex(({ index }) => index === selected);
  const from = Math.max(0, Math.min(chosen - most + 1, findings.length - most));
  const shown = findings.slice(from, from + most);
  const lines = shown.map(({ finding: { finding, over }, index }) =>
    frame.line(
      `${over ? frame.healthy : frame.fault} ${over ? 'over' : finding.severity}: ${finding.title} [${finding.rule}]`,
      over ? 'good' : finding.severity === 'fault' ? 'bad' : 'doubt',
      index === selected,
    ),
  );
  const command = shown[0]?.finding.over === false ? shown[0].finding.finding.remedies[0]?.commands[0] : undefined;
  // The cure of the first, where there is room for it.
  if (command !== undefined && lines.length < most) lines.splice(1, 0, frame.line(`  ${command}`, 'command'));
  return lines;
}

function pairLines(
  pairs: readonly { pair: Pair; index: number }[],
  selected: number,
  frame: Frame,
  most: number,
): string[] {
  const chosen = pairs.findIndex(({ index }) => index === selected);
  const from = Math.max(0, chosen - (most - 2));
  const shown = pairs.slice(from, from + most - 1);
  const widths = [7, 6, 9, 9];
  return [
    ...frame.head(
      [`exchanges (${pairs.length} ${pairs.length === 1 ? 'pair' : 'pairs'})`, ...PAIR_HEAD.slice(1)],
      widths,
    ),
    ...shown.map(({ pair, index }) =>
      frame.row(
        pairRow(pair, frame.terminal),
        widths,
        pair.silent > 0 ? 'bad' : undefined,
        index === selected,
        pair.silent > 0,
      ),
    ),
  ];
}

function hopLines(view: View, figures: WatchFigures, frame: Frame, most: number): string[] {
  const has = containing(view.filter);
  const hops = hopsByTrouble(figures.hops).map((hop) => ({ hop, row: hopRow(hop, figures, frame.terminal) }));
  const matching = hops.filter(({ row }) => has(row[0] ?? ''));
  if (matching.length === 0) return [];
  const widths = [8, 6, 9, 9];
  return [
    ...frame.head([`hops (${matching.length})`, ...HOP_HEAD.slice(1)], widths),
    ...matching
      .slice(0, most - 1)
      .map(({ hop, row }) => frame.row(row, widths, hop.lost > 0 ? 'doubt' : undefined, false, hop.lost > 0)),
  ];
}

function details(view: View, figures: WatchFigures, frame: Frame, room: number): string[] {
  const items = itemsOf(view, figures);
  const item = items[Math.min(view.selected, items.length - 1)];
  if (!item) return [frame.line('it is not there any more: Esc goes back')];
  const lines = detailLines(item, view.events, figures, frame.terminal);
  const from = Math.max(0, Math.min(view.scrolled, lines.length - room));
  return lines.slice(from, from + room).map(({ text, tone }) => frame.line(text, tone));
}

function eventLine(event: WatchEvent, figures: WatchFigures, frame: Frame): string {
  const { tone, text } = eventText(event, figures, frame.arrow);
  return frame.line(`${clock(event.timeNs).slice(0, 12)} ${text}`, tone === 'good' ? undefined : tone);
}

function title(view: View, figures: WatchFigures, frame: Frame): string {
  const { places, seconds, frames, lost } = figures;
  const states = [
    ...(view.paused ? ['PAUSED'] : []),
    ...(view.filter === '' ? [] : [`only "${view.filter}"`]),
    ...(lost > 0 ? [`${lost} frames lost`] : []),
  ];
  const text = `vdiag watch  ${places.length} interfaces  ${timeText(seconds)}  ${frames} frames${states.map((state) => `  ${state}`).join('')}`;
  return frame.line(text, 'head');
}

function footer(view: View, frame: Frame): string {
  if (view.mode === 'typing') return frame.line(`/${view.typed}_   Enter: filter by it, Esc: leave it`, 'head');
  if (view.message !== undefined) return frame.line(view.message, 'head');
  const keys =
    view.mode === 'details'
      ? 'Esc back  up/down scroll  w write  ? help  Ctrl-C end'
      : 'p pause  / filter  up/down Enter details  w write  ? help  q quit';
  return frame.line(keys, 'quiet');
}

/** "00:01:23" */
function timeText(seconds: number): string {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}

function containing(filter: string): (text: string) => boolean {
  const wanted = filter.toLowerCase();
  return wanted === '' ? () => true : (text) => text.toLowerCase().includes(wanted);
}

/** Lines that fit: made inert, cut to the width, and painted last. */
class Frame {
  readonly terminal: Terminal;
  readonly arrow: string;
  readonly fault: string;
  readonly healthy: string;
  readonly #width: number;

  constructor(terminal: Terminal, width: number) {
    this.terminal = terminal;
    const { arrow, fault, healthy } = glyphsOf(terminal);
    this.arrow = arrow;
    this.fault = fault;
    this.healthy = healthy;
    this.#width = width;
  }

  line(text: string, tone?: Tone, selected = false): string {
    const marked = selected ? `> ${text}` : text;
    const cut = shortened(printable(marked, this.terminal.unicode), this.#width, this.terminal.unicode);
    const fits = displayWidth(cut) > this.#width ? beginning(cut, this.#width) : cut;
    return tone === undefined ? fits : painted(this.terminal, tone, fits);
  }

  /** The first cell takes what the others leave; figures stand at the right. */
  row(
    cells: readonly string[],
    widths: readonly number[],
    tone: Tone | undefined,
    selected = false,
    alarming = false,
  ): string {
    const [first = '', ...rest] = cells;
    const right = rest.map((cell, index) => ` ${cell.padStart(widths[index] ?? 8)}`).join('');
    const room = Math.max(8, this.#width - right.length - 2);
    const { unicode } = this.terminal;
    const left = padded(shortened(printable(first, unicode), room, unicode), room);
    // A sign beside the colour, for who cannot see it.
    return this.line(`${selected ? '>' : ' '}${alarming ? '!' : ' '}${left}${right}`, tone);
  }

  head(cells: readonly string[], widths: readonly number[]): string[] {
    const [first = '', ...rest] = cells;
    const right = rest.map((cell, index) => ` ${cell.padStart(widths[index] ?? 8)}`).join('');
    return [this.line(padded(first, Math.max(8, this.#width - right.length)) + right, 'head')];
  }
}
