/** What is typed, as keys: terminals send a character, or a sequence that begins with ESC (ECMA-48, xterm's control sequences). */

export type Key =
  | { readonly name: 'char'; readonly char: string }
  | {
      readonly name:
        | 'enter'
        | 'escape'
        | 'backspace'
        | 'up'
        | 'down'
        | 'page-up'
        | 'page-down'
        | 'home'
        | 'end'
        | 'interrupt'
        | 'suspend'
        | 'redraw';
    };

const SEQUENCES: Readonly<Record<string, Exclude<Key['name'], 'char'>>> = {
  '[A': 'up',
  OA: 'up',
  '[B': 'down',
  OB: 'down',
  '[5~': 'page-up',
  '[6~': 'page-down',
  '[H': 'home',
  '[1~': 'home',
  '[F': 'end',
  '[4~': 'end',
};

const CONTROLS: Readonly<Record<string, Exclude<Key['name'], 'char'>>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\x7f': 'backspace',
  '\b': 'backspace',
  '\x03': 'interrupt',
  '\x04': 'interrupt',
  '\x1a': 'suspend',
  '\x0c': 'redraw',
};

/** Keys in what one read gave; sequences that are not known are passed over. */
export function keysIn(text: string): Key[] {
  const keys: Key[] = [];
  for (let rest = text; rest !== ''; ) {
    const sequence = /^\x1b(O[A-Za-z]|\[[0-9;?]*[ -/]*[@-~])/.exec(rest);
    if (sequence) {
      const name = SEQUENCES[sequence[1] ?? ''];
      if (name !== undefined) keys.push({ name });
      rest = rest.slice(sequence[0].length);
      continue;
    }
    const char = String.fromCodePoint(rest.codePointAt(0) ?? 0);
    rest = rest.slice(char.length);
    const control = CONTROLS[char];
    if (char === '\x1b') keys.push({ name: 'escape' });
    else if (control !== undefined) keys.push({ name: control });
    else if (char >= ' ') keys.push({ name: 'char', char });
  }
  return keys;
}
