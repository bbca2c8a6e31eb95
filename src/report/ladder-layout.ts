/** Where the ladder's columns stand, and whether words go beside the strokes or above them. */
import type { PacketText } from './packet-text.ts';
import { displayWidth } from './printable.ts';

export interface Heading {
  /** One or two lines: the interface, and its namespace where that is not the starting one. */
  readonly lines: readonly string[];
}

export interface Layout {
  /** Cell of each column's lifeline, from the ladder's left edge. */
  readonly positions: readonly number[];
  /** Cells from the left edge of the first heading to the right edge of the last. */
  readonly width: number;
  /** Letters stand for the names, and a legend explains them. */
  readonly letters: boolean;
  readonly words: 'long' | 'short';
  /** `right`: on the stroke's own line. `above`: on a line of their own. */
  readonly side: 'right' | 'above';
}

/** Between the ladder and the words to its right. */
export const WORDS_GAP = 3;

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

export function letterOf(index: number): string {
  return LETTERS[index] ?? '?';
}

/** From the easiest to read to the most compact. */
const ATTEMPTS: readonly (Pick<Layout, 'letters' | 'words' | 'side'> & { readonly pitch: number })[] = [
  { letters: false, pitch: 9, words: 'long', side: 'right' },
  { letters: false, pitch: 6, words: 'long', side: 'right' },
  { letters: false, pitch: 7, words: 'short', side: 'right' },
  { letters: false, pitch: 5, words: 'short', side: 'right' },
  { letters: false, pitch: 5, words: 'long', side: 'above' },
  { letters: true, pitch: 5, words: 'short', side: 'right' },
  { letters: true, pitch: 4, words: 'long', side: 'above' },
  { letters: true, pitch: 3, words: 'long', side: 'above' },
  { letters: true, pitch: 2, words: 'long', side: 'above' },
];

/** How many columns the most compact layout holds. */
export function mostColumns(available: number): number {
  return Math.max(1, Math.min(LETTERS.length, Math.floor((available + 1) / 2)));
}

/**
 * The first layout that fits.
 * @param available cells for the ladder and its words, the time column not counted
 */
export function layoutOf(headings: readonly Heading[], texts: readonly PacketText[], available: number): Layout {
  for (const attempt of ATTEMPTS) {
    const widths = headings.map((heading) => (attempt.letters ? 1 : Math.max(...heading.lines.map(displayWidth))));
    const { positions, width } = placed(widths, attempt.pitch);
    const words = Math.max(0, ...texts.map((text) => displayWidth(text[attempt.words])));
    const needed = attempt.side === 'right' ? width + WORDS_GAP + words : width;
    if (needed <= available) return { ...attempt, positions, width };
  }
  const { positions, width } = placed(
    headings.map(() => 1),
    2,
  );
  return { letters: true, words: 'short', side: 'above', positions, width };
}

/** Headings centred on their lifelines, two cells apart at least. */
function placed(widths: readonly number[], pitch: number): { positions: number[]; width: number } {
  const positions: number[] = [];
  let edge = 0;
  for (const width of widths) {
    const previous = positions.at(-1);
    const left = leftOf(width);
    const position = previous === undefined ? left : Math.max(previous + pitch, edge + (width > 1 ? 2 : 1) + left);
    positions.push(position);
    edge = position - left + width;
  }
  return { positions, width: edge };
}

/** Cells of a centred text that stand left of its middle. */
export function leftOf(width: number): number {
  return Math.floor((width - 1) / 2);
}

/**
 * Columns of a ladder too wide even for letters: what no row marks goes first, where the packet vanished goes last,
 * and among equals the rightmost.
 * @param worth of each column: 0 unmarked, 1 marked, 2 the place where it vanished
 */
export function fitting(worth: readonly number[], most: number): number[] {
  const kept = new Set(worth.keys());
  for (let least = 0; least <= 2; least++)
    for (let index = worth.length - 1; index >= 0 && kept.size > most; index--)
      if (worth[index] === least) kept.delete(index);
  return [...kept];
}
