/** What the kernel drops, as a table for people: one line a kind, the ordinary ones folded into one. */
import { meaningOf } from '../trace/drop-reason.ts';
import type { DropCount } from '../trace/drop-tally.ts';
import { printable } from './printable.ts';
import { wrapped } from './prose.ts';
import { tableLines } from './table.ts';
import type { Terminal } from './terminal.ts';

/** What was counted, and for how long. */
export interface DropsSummary {
  readonly seconds: number;
  /** The most frequent first. */
  readonly counts: readonly DropCount[];
  readonly others: number;
  readonly lost: number;
}

export interface DropsTextOptions {
  /** Show the ordinary drops in the table too. */
  readonly all?: boolean;
  /** Lines the table may have; the rest is summed up. */
  readonly rows?: number;
}

/** A line of the table takes about three on a terminal. */
const MOST_ROWS = 40;

/** Ends in a newline. */
export function dropsText(summary: DropsSummary, terminal: Terminal, options: DropsTextOptions = {}): string {
  const safe = (text: string) => printable(text, terminal.unicode);
  const { counts, seconds, others, lost } = summary;
  const shown = options.all ? counts : counts.filter(({ benign }) => !benign);
  const most = options.rows ?? MOST_ROWS;
  const rows = shown
    .slice(0, most)
    .map(({ reason, function: where, device, count, benign }) => [
      String(count),
      safe(device ?? '-'),
      safe(reason),
      safe(where),
      safe(
        `${benign ? 'ordinary: ' : ''}${meaningOf(reason, where) ?? 'the kernel has no more to say than this name'}`,
      ),
    ]);
  const rest = sum(shown.slice(most)) + others;
  const folded = counts.filter(({ benign }) => benign && !options.all);
  const lines = [
    ...wrapped(`${sum(counts) + others} packets dropped in ${seconds.toFixed(1)} s`, terminal.width),
    ...tableLines(terminal, 'dropped', ['count', 'at', 'reason', 'function', 'meaning'], rows),
    ...(rest > 0 ? [`and ${rest} of further kinds`] : []),
    ...(folded.length > 0
      ? wrapped(`ordinary, as on every machine: ${safe(foldedText(folded.map(kind)))}`, terminal.width, '', '  ')
      : []),
    ...(lost > 0 ? wrapped(`${lost} events were lost: the counts are too low`, terminal.width) : []),
  ];
  return `${lines.join('\n')}\n`;
}

function sum(counts: readonly DropCount[]): number {
  return counts.reduce((total, { count }) => total + count, 0);
}

function kind({ reason, function: where, count }: DropCount): { name: string; count: number } {
  return { name: `${reason} in ${where}`, count };
}

/** Of all devices together. */
function foldedText(kinds: readonly { readonly name: string; readonly count: number }[]): string {
  const counts = new Map<string, number>();
  for (const { name, count } of kinds) counts.set(name, (counts.get(name) ?? 0) + count);
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
}

/** A document of schema/vdiag.drops.schema.json. */
export function dropsJson({ seconds, counts, others, lost }: DropsSummary, version: string): object {
  return {
    schema: 'vdiag.drops/1',
    version,
    seconds: Number(seconds.toFixed(3)),
    drops: counts.map(({ reason, function: where, device, count, benign }) => {
      const meaning = meaningOf(reason, where);
      return {
        reason,
        function: where,
        ...(device === undefined ? {} : { device }),
        count,
        ordinary: benign,
        ...(meaning === undefined ? {} : { meaning }),
      };
    }),
    others,
    lost,
  };
}
