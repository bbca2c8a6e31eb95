/** Sentences and commands broken into lines. All widths are terminal cells; all texts are printable already. */
import { beginning, displayWidth } from './printable.ts';

/** Keeps two words on one line. `printable` lets none in from outside. */
export const NO_BREAK = '\u00a0';

/** Lines longer than this are hard to read, however wide the terminal is. */
const READABLE = 100;

/**
 * Breaks at spaces; a word longer than a line is broken inside.
 * @param first what the first line begins with
 * @param rest what every further line begins with
 */
export function wrapped(text: string, width: number, first = '', rest = first): string[] {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const whole of text.split(' ')) {
    let word = whole;
    if (!empty && displayWidth(line) + 1 + displayWidth(word) > width) {
      lines.push(line);
      line = rest;
      empty = true;
    }
    while (displayWidth(line) + (empty ? 0 : 1) + displayWidth(word) > width) {
      const part = beginning(word, Math.max(1, width - displayWidth(line)));
      if (part === word) break;
      lines.push(line + part);
      word = word.slice(part.length);
      line = rest;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  lines.push(line);
  return lines.map((each) => each.trimEnd().replaceAll(NO_BREAK, ' '));
}

/** As `wrapped`, for sentences: never wider than can be read. */
export function prose(text: string, width: number, first = '', rest = first): string[] {
  return wrapped(text, Math.min(width, READABLE), first, rest);
}

/**
 * A shell command that may be copied as it is printed: broken only at spaces outside quotes, each break a backslash at the
 * end of the line. A word that has no such space is never broken.
 */
export function commandLines(command: string, width: number, indent: string): string[] {
  const whole = indent + command;
  if (displayWidth(whole) <= width) return [whole];
  const lines: string[] = [];
  let line = indent;
  for (const word of shellWords(command)) {
    if (line === indent) line += word;
    else if (displayWidth(line) + 1 + displayWidth(word) + 2 > width) {
      lines.push(`${line} \\`);
      line = `${indent}  ${word}`;
    } else line += ` ${word}`;
  }
  lines.push(line);
  return lines;
}

/** Parts of a command between its unquoted, unescaped spaces. */
function shellWords(command: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  let escaped = false;
  for (const character of command) {
    if (character === ' ' && quote === '' && !escaped) {
      words.push(word);
      word = '';
      continue;
    }
    word += character;
    if (escaped) escaped = false;
    else if (character === '\\' && quote !== "'") escaped = true;
    else if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === "'" || character === '"') quote = character;
  }
  words.push(word);
  return words;
}
