/** Markdown in which nothing from outside is markup. */
import { printable } from './printable.ts';
import { NO_BREAK } from './prose.ts';

/** Text in which nothing is markup: every sign of it is escaped (CommonMark 0.31, section 2.4). */
export function plain(text: string): string {
  return printable(text.replaceAll(NO_BREAK, ' '), true).replace(/[\\`*_{}[\]<>#|~!&]/g, (sign) => `\\${sign}`);
}

/** A code span, with a fence longer than any run of backticks in it. */
export function code(text: string): string {
  const safe = printable(text, true);
  const fence = '`'.repeat(longestRun(safe) + 1);
  const pad = safe.startsWith('`') || safe.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${safe}${pad}${fence}`;
}

export function fenced(lines: readonly string[], language = ''): string {
  const safe = lines.map((line) => printable(line, true));
  const fence = '`'.repeat(Math.max(3, longestRun(safe.join('\n')) + 1));
  return [`${fence}${language}`, ...safe, fence].join('\n');
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}
