/**
 * The ladder: one column per interface in the order the packet takes them, time downwards, one row per packet.
 * A mark stands where the packet was sighted, a cross where it should have been and never was.
 */

import type { Topology } from '../topology/model.ts';
import { netnsName, placeName } from '../topology/naming.ts';
import type { Place } from '../trace/frame.ts';
import { milliseconds, offset } from './figures.ts';
import { type Column, ladderColumns } from './ladder-columns.ts';
import {
  fitting,
  type Heading,
  type Layout,
  layoutOf,
  leftOf,
  letterOf,
  mostColumns,
  WORDS_GAP,
} from './ladder-layout.ts';
import { exampleJourneys, type JourneyRow, type LadderRow, ladderRows, type VanishRow } from './ladder-rows.ts';
import type { PacketText } from './packet-text.ts';
import { displayWidth, printable, shortened } from './printable.ts';
import { NO_BREAK, wrapped } from './prose.ts';
import type { Report } from './report.ts';
import { type Glyphs, glyphsOf, painted, type Terminal } from './terminal.ts';

const INDENT = 2;
/** Between the time and the ladder. */
const TIME_GAP = 3;
/** Times of repetitions that are spelt out. */
const MOST_TIMES = 3;

interface Drawing {
  readonly terminal: Terminal;
  readonly glyphs: Glyphs;
  readonly columns: readonly Column[];
  readonly layout: Layout;
  readonly zeroNs: bigint;
  readonly timeWidth: number;
}

/** When the first packet of the example exchange was first sighted: zero of all times in the text. */
export function zeroOf(report: Report): bigint {
  return exampleJourneys(report.diagnosis)[0]?.sightings[0]?.frame.timeNs ?? report.diagnosis.coverage.fromNs;
}

/**
 * The ladder as lines, none wider than the terminal; none at all where there is no place to draw.
 * @param options.flooded draw the ports that only got a flooded copy, too
 */
export function ladder(report: Report, terminal: Terminal, options: { readonly flooded: boolean }): string[] {
  const { diagnosis } = report;
  const journeys = exampleJourneys(diagnosis);
  const all = ladderColumns(diagnosis, journeys, options.flooded);
  if (all.length === 0) return [];
  const rowsOf = (columns: readonly Column[]): LadderRow[] =>
    ladderRows(
      diagnosis,
      journeys,
      columns.map((column) => column.place),
    );
  const zeroNs = zeroOf(report);
  const timeWidth = Math.max(5, ...rowsOf(all).map((row) => timeOf(row, zeroNs).length));
  const available = terminal.width - INDENT - timeWidth - TIME_GAP;
  const columns = fitting(worthOf(all, rowsOf(all)), mostColumns(available)).flatMap((index) => all[index] ?? []);
  const rows = rowsOf(columns);
  const safe = (text: string): string => printable(text, terminal.unicode);
  const headings = columns.map(({ place }) => headingOf(diagnosis.before, place, safe));
  const texts = rows.map((row) => textOf(row, zeroNs, safe));
  const layout = layoutOf(headings, texts, available);
  const drawing: Drawing = { terminal, glyphs: glyphsOf(terminal), columns, layout, zeroNs, timeWidth };
  const names = columns.map(({ place }) => safe(placeName(diagnosis.before, place)));
  return [
    ...headingLines(drawing, headings),
    ...rows.flatMap((row, index) => rowLines(drawing, row, texts[index] ?? { long: '', short: '' })),
    ...legendLines(drawing, names, all.length - columns.length),
  ];
}

/** As `placeName` has it, in two lines: columns stand closer then. */
function headingOf(topology: Topology, place: Place, safe: (text: string) => string): Heading {
  const name = safe(place.name);
  return { lines: place.netns === topology.home ? [name] : [name, safe(`@${netnsName(topology, place.netns)}`)] };
}

function worthOf(columns: readonly Column[], rows: readonly LadderRow[]): number[] {
  return columns.map((_, index) => {
    if (rows.some((row) => row.kind === 'vanish' && (row.at === index || row.from === index))) return 2;
    return rows.some((row) => row.kind === 'journey' && row.marks.includes(index)) ? 1 : 0;
  });
}

function timeOf(row: LadderRow, zeroNs: bigint): string {
  return row.kind === 'journey' ? milliseconds(row.timeNs - zeroNs) : '';
}

function textOf(row: LadderRow, zeroNs: bigint, safe: (text: string) => string): PacketText {
  if (row.kind === 'journey') return { long: safe(row.text.long), short: safe(row.text.short) };
  if (row.kind === 'vanish') return { long: safe(row.text.long), short: safe(row.text.short) };
  if (row.kind === 'note') return { long: safe(row.text), short: safe(row.text) };
  if (row.kind === 'more') return { long: `${row.rows} more rows`, short: `${row.rows} more rows` };
  const all = row.timesNs.map((timeNs) => offset(timeNs - zeroNs));
  const times = all.slice(0, MOST_TIMES).join(', ') + (all.length > MOST_TIMES ? ' …' : '');
  const last = all.length > 1 ? `until ${all.at(-1)}` : `at ${all[0]}`;
  return { long: safe(`${all.length} more: the same, at ${times}`), short: `${all.length} more, ${last}` };
}

function headingLines(drawing: Drawing, headings: readonly Heading[]): string[] {
  const { layout, terminal, timeWidth } = drawing;
  const depth = layout.letters ? 1 : Math.max(...headings.map((heading) => heading.lines.length));
  return Array.from({ length: depth }, (_, line) => {
    let text = '';
    for (const [index, heading] of headings.entries()) {
      const word = layout.letters ? letterOf(index) : (heading.lines[line] ?? '');
      const left = (layout.positions[index] ?? 0) - leftOf(displayWidth(word));
      text += ' '.repeat(Math.max(0, left - displayWidth(text))) + word;
    }
    const unit = (line === 0 ? 'ms' : '').padStart(INDENT + timeWidth);
    return `${painted(terminal, 'quiet', unit)}${' '.repeat(TIME_GAP)}${painted(terminal, 'head', text)}`.trimEnd();
  });
}

function rowLines(drawing: Drawing, row: LadderRow, text: PacketText): string[] {
  const { layout, terminal, timeWidth, zeroNs } = drawing;
  const blank = ' '.repeat(INDENT + timeWidth);
  const gap = ' '.repeat(TIME_GAP);
  const time = row.kind === 'journey' ? painted(terminal, 'quiet', timeOf(row, zeroNs).padStart(blank.length)) : blank;
  const tinted = (words: string): string => (row.kind === 'vanish' ? painted(terminal, 'bad', words) : words);
  const cells = lifelines(drawing);
  if (row.kind === 'journey') drawStroke(drawing, cells, row);
  if (row.kind === 'vanish') drawVanish(drawing, cells, row);
  const drawn = cells.join('').trimEnd();
  const room = terminal.width - INDENT - timeWidth - TIME_GAP;
  const beside = room - layout.width - WORDS_GAP;
  // Packets are told in one manner all down the ladder; the lines between them say as much as fits.
  const roomy = row.kind !== 'journey' && displayWidth(text.long) <= beside;
  const words = roomy ? text.long : text[layout.words];
  if (layout.side === 'right') return [`${time}${gap}${cells.join('')}${' '.repeat(WORDS_GAP)}${tinted(words)}`];
  const above = `${time}${gap}${tinted(shortened(words, room, terminal.unicode))}`;
  return row.kind === 'journey' || row.kind === 'vanish' ? [above, `${blank}${gap}${drawn}`] : [above];
}

/** One row with nothing on it. */
function lifelines({ layout, columns, glyphs }: Drawing): string[] {
  const cells = new Array<string>(layout.width).fill(' ');
  for (const [index, column] of columns.entries())
    cells[layout.positions[index] ?? 0] = column.covered ? glyphs.line : glyphs.uncovered;
  return cells;
}

function drawStroke({ layout, glyphs }: Drawing, cells: string[], row: JourneyRow): void {
  const at = (column: number): number => layout.positions[column] ?? 0;
  const left = Math.min(...row.marks);
  const right = Math.max(...row.marks);
  for (let cell = at(left); cell <= at(right); cell++)
    cells[cell] = layout.positions.includes(cell) ? glyphs.crossing : glyphs.stroke;
  for (const column of row.marks) cells[at(column)] = glyphs.sighted;
  if (right > row.start) cells[at(right) - 1] = glyphs.toRight;
  if (left < row.start) cells[at(left) + 1] = glyphs.toLeft;
}

function drawVanish({ layout, glyphs, terminal }: Drawing, cells: string[], row: VanishRow): void {
  if (row.at === undefined) return;
  const to = layout.positions[row.at] ?? 0;
  if (row.from !== undefined) {
    const from = layout.positions[row.from] ?? 0;
    for (let cell = Math.min(from, to); cell <= Math.max(from, to); cell++)
      cells[cell] = painted(terminal, 'bad', glyphs.missing);
    cells[from] = from < to ? glyphs.leavesToRight : glyphs.leavesToLeft;
  }
  cells[to] = painted(terminal, 'bad', glyphs.vanished);
}

/** What the letters stand for, what was not captured, what was not drawn. */
function legendLines(
  { layout, columns, terminal, glyphs }: Drawing,
  names: readonly string[],
  undrawn: number,
): string[] {
  const indent = ' '.repeat(INDENT);
  const lines: string[] = [];
  const list = (title: string, items: readonly string[]): void => {
    const unbroken = items.map((item) => item.replaceAll(' ', NO_BREAK));
    lines.push(...wrapped(title + unbroken.join(', '), terminal.width, indent, `${indent}  `));
  };
  if (layout.letters)
    list(
      '',
      names.map((name, index) => `${letterOf(index)} ${name}`),
    );
  const uncovered = names.filter((_, index) => columns[index]?.covered === false);
  if (uncovered.length > 0) list(`${glyphs.uncovered} not captured: `, uncovered);
  if (undrawn > 0) list(`not drawn: ${undrawn} more places`, []);
  return lines;
}
