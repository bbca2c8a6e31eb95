/** Lines of text as people paste it: any line ends, quoting marks, indentation, colour codes; lengths bounded. */

export interface TextLine {
  /** In the text, from 1. */
  readonly number: number;
  /** Columns of white space in front, quoting marks not counted. */
  readonly indent: number;
  /** Without white space at either end, quoting marks and colour codes. */
  readonly text: string;
}

/** tcpdump's longest lines (DNS, -vvv) stay far below; what is beyond is dropped, so that a file without line ends costs nothing. */
const LONGEST_LINE = 16384;
const TAB = 8;

const QUOTING = /^\s{0,3}(?:[>|│]\s?)+/;
// biome-ignore lint/complexity/useRegexLiterals: a control character in a literal reads badly
const COLOURS = new RegExp('\\u001b\\[[0-9;?]*[A-Za-z]', 'g');

/** Cuts a stream of bytes into lines: UTF-8, or UTF-16 where a byte order mark says so (a PowerShell redirection). */
export class LineSplitter {
  #decoder: InstanceType<typeof TextDecoder> | undefined;
  #first = new Uint8Array(0);
  #rest = '';
  #overlong = false;
  #number = 0;

  push(chunk: Uint8Array): TextLine[] {
    if (this.#decoder !== undefined) return this.#take(this.#decoder.decode(chunk, { stream: true }));
    const bytes = Buffer.concat([this.#first, chunk]);
    if (bytes.length < 2) {
      this.#first = bytes;
      return [];
    }
    this.#decoder = new TextDecoder(encodingOf(bytes));
    return this.#take(this.#decoder.decode(bytes, { stream: true }));
  }

  /** The last line, where nothing ends it. */
  end(): TextLine[] {
    const decoder = this.#decoder ?? new TextDecoder();
    const last = this.#decoder === undefined ? decoder.decode(this.#first) : decoder.decode();
    return this.#take(`${last}\n`);
  }

  #take(text: string): TextLine[] {
    const lines = (this.#rest + text).split(/\r?\n|\r(?!$)/);
    const rest = lines.pop() ?? '';
    const found: TextLine[] = [];
    for (const line of lines) {
      this.#number++;
      if (!this.#overlong) found.push(cleanLine(line.slice(0, LONGEST_LINE), this.#number));
      else found.push({ number: this.#number, indent: 0, text: '' });
      this.#overlong = false;
    }
    this.#keep(rest);
    return found;
  }

  #keep(rest: string): void {
    if (this.#overlong) this.#rest = '';
    else if (rest.length <= LONGEST_LINE) this.#rest = rest;
    else {
      this.#overlong = true;
      this.#rest = '';
    }
  }
}

/** The encoding that a byte order mark names, else UTF-8. */
export function encodingOf(bytes: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
}

export function cleanLine(line: string, number: number): TextLine {
  const plain = line.includes('\u001b') ? line.replace(COLOURS, '') : line;
  const quoted = QUOTING.exec(plain);
  const body = quoted === null ? plain : plain.slice(quoted[0].length);
  const text = body.trim();
  let indent = 0;
  for (const character of body.slice(0, body.indexOf(text.charAt(0)))) indent += character === '\t' ? TAB : 1;
  return { number, indent, text };
}
