/** Tables without borders, never wider than the terminal: cells are wrapped before cli-table3 sets them line by line. */
import CliTable from 'cli-table3';
import { displayWidth, shortened } from './printable.ts';
import { wrapped } from './prose.ts';
import { painted, type Terminal } from './terminal.ts';

const GAP = 2;
/** A column is not made narrower than this, as long as another one can give way. */
const NARROWEST = 6;

/** What is longer is cut: cli-table3 measures a cell again for each of its lines, and nobody reads a column of hundreds. */
const LONGEST_LINE = 1000;

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: ' '.repeat(GAP),
};

/**
 * A titled table, as lines.
 * @param rows printable texts; a newline begins a new line within its cell
 */
export function tableLines(
  terminal: Terminal,
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  if (rows.length === 0) return [];
  const widths = columnWidths([head, ...rows], terminal.width - GAP * head.length);
  // cli-table3 colours its head even on a pipe unless told not to.
  const table = new CliTable({
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of [head, ...rows]) table.push(...singleLines(row, widths, terminal.unicode));
  const lines = table
    .toString()
    .split('\n')
    .map((line) => ' '.repeat(GAP) + line.trimEnd());
  return [...wrapped(`${title}:`, terminal.width).map((line) => painted(terminal, 'head', line)), ...lines];
}

/**
 * A row as rows of one line each: cli-table3 cuts a cell of many lines again for each of them, character by character, and would
 * need minutes for one of some ten thousand.
 */
function singleLines(row: readonly string[], widths: readonly number[], unicode: boolean): string[][] {
  const cells = row.map((cell, index) =>
    cell.split('\n').flatMap((line) => wrapped(shortened(line, LONGEST_LINE, unicode), widths[index] ?? NARROWEST)),
  );
  const height = Math.max(1, ...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) => cells.map((lines) => lines[line] ?? ''));
}

/** Natural widths, the widest cut down until all fit. */
function columnWidths(rows: readonly (readonly string[])[], available: number): number[] {
  const widths = (rows[0] ?? []).map((_, column) => {
    const lines = rows.flatMap((row) => (row[column] ?? '').split('\n'));
    return lines.reduce((widest, line) => Math.max(widest, displayWidth(line)), 1);
  });
  for (;;) {
    const total = widths.reduce((sum, width) => sum + width, 0);
    const widest = widths.indexOf(Math.max(...widths));
    const width = widths[widest];
    if (total <= available || width === undefined || width <= NARROWEST) return widths;
    widths[widest] = width - 1;
  }
}
