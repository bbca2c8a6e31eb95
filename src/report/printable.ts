/**
 * What comes from outside (interface and namespace names, comments, texts of errors) made inert for a terminal.
 * An interface name may hold any byte but slash, colon and white space (dev_valid_name, net/core/dev.c).
 */

/**
 * Controls, format characters (bidirectional controls among them), private and unassigned code points, lone surrogates,
 * combining marks, characters that are drawn as nothing, and every white space but the plain one.
 */
const UNSAFE = /[\p{C}\p{M}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|[^\S ]/gu;

/** Two cells wide in a terminal: East Asian wide and full-width forms (UAX #11), emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1b000}-\u{1b2ff}\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The signs vdiag's own sentences use, for terminals that have ASCII alone. */
const ASCII_SPELLING: Readonly<Record<string, string>> = {
  '→': '->',
  '←': '<-',
  '…': '...',
  '–': '-',
  '—': '-',
  '·': '-',
  '×': 'x',
  '≥': '>=',
  '≤': '<=',
  '≠': '!=',
  '‘': "'",
  '’': "'",
  '“': '"',
  '”': '"',
  µ: 'u',
};

/**
 * The text with everything replaced that could move the cursor, hide or reorder its neighbours: ESC becomes `\x1b`,
 * a newline `\n`, a right-to-left override `\u202e`.
 * @param unicode false: ASCII alone is left
 */
export function printable(text: string, unicode: boolean): string {
  const safe = text.replace(UNSAFE, escapeOf);
  if (unicode) return safe;
  return safe.replace(/[^\x20-\x7e]/gu, (character) => ASCII_SPELLING[character] ?? escapeOf(character));
}

function escapeOf(character: string): string {
  const short = SHORT_ESCAPES[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  const digits = code.toString(16);
  if (code <= 0xff) return `\\x${digits.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${digits.padStart(4, '0')}` : `\\u{${digits}}`;
}

/** Cells of a terminal that a printable text takes. */
export function displayWidth(text: string): number {
  let cells = 0;
  for (const character of text) cells += WIDE.test(character) ? 2 : 1;
  return cells;
}

/** The longest beginning of a printable text that takes no more than so many cells; at least one character. */
export function beginning(text: string, cells: number): string {
  let kept = '';
  let used = 0;
  for (const character of text) {
    used += displayWidth(character);
    if (used > cells && kept !== '') break;
    kept += character;
  }
  return kept;
}

/** A printable text cut to so many cells, the cut shown by an ellipsis. */
export function shortened(text: string, cells: number, unicode: boolean): string {
  if (displayWidth(text) <= cells) return text;
  const ellipsis = unicode ? '…' : '..';
  return beginning(text, Math.max(1, cells - ellipsis.length)) + ellipsis;
}

/** Filled with spaces to so many cells. */
export function padded(text: string, cells: number): string {
  return text + ' '.repeat(Math.max(0, cells - displayWidth(text)));
}
