/** What the output can do, and the one function that colours it. */
import { styleText } from 'node:util';

export interface Terminal {
  /** Columns that may be filled, at least 40. */
  readonly width: number;
  readonly color: boolean;
  /** Drawing characters and typographic signs; false: ASCII alone. */
  readonly unicode: boolean;
}

/** What is asked of a stream: `process.stdout` has it. */
export interface OutputStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** Below this no ladder can be drawn: lines are then left to the terminal to break. */
const NARROWEST = 40;
const TERMINAL_WIDTH = 80;
/** Of a pipe or a file, which break no line by themselves. */
const PIPE_WIDTH = 120;

/**
 * No colour: no terminal, NO_COLOR not empty (no-color.org), TERM=dumb, or `color: false` (--no-color).
 * No drawing characters: no terminal, or the locale's character set is not UTF-8 (LC_ALL over LC_CTYPE over LANG, locale(7)).
 * COLUMNS overrides the terminal's width.
 */
export function detectTerminal(
  stream: OutputStream,
  env: Readonly<Record<string, string | undefined>>,
  options: { readonly color?: boolean } = {},
): Terminal {
  const terminal = stream.isTTY === true;
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || 'C';
  return {
    width: Math.max(NARROWEST, columnsOf(env) ?? (terminal ? stream.columns || TERMINAL_WIDTH : PIPE_WIDTH)),
    color: terminal && options.color !== false && !env.NO_COLOR && env.TERM !== 'dumb',
    unicode: terminal && /utf-?8/i.test(locale),
  };
}

function columnsOf(env: Readonly<Record<string, string | undefined>>): number | undefined {
  const columns = env.COLUMNS ?? '';
  return /^[1-9]\d{0,3}$/.test(columns) ? Number(columns) : undefined;
}

/** What a colour stands for; the words beside it always say the same. */
export type Tone = 'bad' | 'good' | 'doubt' | 'head' | 'quiet' | 'command';

const STYLES = {
  bad: ['bold', 'red'],
  good: ['green'],
  doubt: ['yellow'],
  head: ['bold'],
  quiet: ['dim'],
  command: ['cyan'],
} as const;

/** The text in a tone's colour, or as it is where there is no colour. Colour last: widths are counted before. */
export function painted(terminal: Terminal, tone: Tone, text: string): string {
  if (!terminal.color || text === '') return text;
  return styleText([...STYLES[tone]], text, { validateStream: false });
}

/** The signs of the ladder and the headline. */
export interface Glyphs {
  readonly fault: string;
  readonly healthy: string;
  readonly doubt: string;
  readonly arrow: string;
  readonly ellipsis: string;
  readonly line: string;
  /** Lifeline of a place that was not captured. */
  readonly uncovered: string;
  readonly sighted: string;
  readonly stroke: string;
  /** A stroke over the lifeline of a place where the packet was not sighted. */
  readonly crossing: string;
  readonly toRight: string;
  readonly toLeft: string;
  /** The way a packet did not take. */
  readonly missing: string;
  readonly leavesToRight: string;
  readonly leavesToLeft: string;
  readonly vanished: string;
}

const DRAWN: Glyphs = {
  fault: '✗',
  healthy: '✓',
  doubt: '?',
  arrow: '→',
  ellipsis: '…',
  line: '│',
  uncovered: '┊',
  sighted: '●',
  stroke: '─',
  crossing: '┼',
  toRight: '▶',
  toLeft: '◀',
  missing: '╌',
  leavesToRight: '└',
  leavesToLeft: '┘',
  vanished: '✗',
};

const ASCII: Glyphs = {
  fault: 'FAULT',
  healthy: 'OK',
  doubt: '?',
  arrow: '->',
  ellipsis: '...',
  line: '|',
  uncovered: ':',
  sighted: '*',
  stroke: '-',
  crossing: '-',
  toRight: '>',
  toLeft: '<',
  missing: '.',
  leavesToRight: '|',
  leavesToLeft: '|',
  vanished: 'x',
};

export function glyphsOf(terminal: Terminal): Glyphs {
  return terminal.unicode ? DRAWN : ASCII;
}
