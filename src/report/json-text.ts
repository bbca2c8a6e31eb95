/** JSON documents as text. */

/** Controls beyond ASCII's, separators, marks that reorder or hide text: inert in JSON, and active in a terminal that shows it. */
const ACTIVE = /[\u007f-\u009f\p{Cf}\u2028\u2029]/gu;

/** Two blanks for each level, and a newline at the end; nothing in it can move a cursor. The same document for every parser. */
export function jsonText(document: unknown): string {
  return `${JSON.stringify(document, undefined, 2).replace(ACTIVE, escaped)}\n`;
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, index) => unit(character.charCodeAt(index))).join('');
}

function unit(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`;
}
