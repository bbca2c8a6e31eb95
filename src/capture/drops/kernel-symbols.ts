/** Code addresses to function names, from /proc/kallsyms. */
import { readFileSync } from 'node:fs';

export interface KernelSymbols {
  /** The function an address lies in; its address in hexadecimal where the kernel does not say. */
  nameOf(address: bigint): string;
}

const codeTypes = new Set([...'tTwW'].map((letter) => letter.charCodeAt(0)));
/** Of 4 GiB and more behind a symbol there is no function: kallsyms hides addresses (kptr_restrict), or the code is generated. */
const longestFunction = 2 ** 24;
/** Kernel code lies in the upper half of the address space: the low 48 bits tell any two addresses apart, and a number holds them. */
const LOW_BITS = (1n << 48n) - 1n;
const NEWLINE = 0x0a;
const SPACE = 0x20;

interface Symbol {
  /** The low 48 bits. */
  readonly address: number;
  /** Where in the list its name begins. */
  readonly at: number;
}

/**
 * Reads the list on first use and keeps it: some 100,000 symbols. The kernel's own come first and are searched as they
 * stand: they are in order, as the kernel searches them the same way (kernel/kallsyms.c, get_symbol_pos). Those of modules,
 * behind them, are in no order: they are read one by one, and only for an address that is not the kernel's own.
 */
export function openKernelSymbols(path = '/proc/kallsyms'): KernelSymbols {
  let text: Buffer | undefined;
  let own = 0;
  let modules: readonly Symbol[] | undefined;
  const known = new Map<bigint, string>();

  const find = (list: Buffer, address: number): string | undefined => {
    const [before, isLast] = lastBefore(list, own, address);
    if (isLast) modules ??= [...symbolsIn(list, own)].sort((a, b) => a.address - b.address);
    const other = isLast ? modules?.findLast((symbol) => symbol.address <= address) : undefined;
    const found = before && (!other || before.address > other.address) ? before : other;
    if (!found || found.address === 0 || address - found.address >= longestFunction) return undefined;
    const end = list.indexOf(NEWLINE, found.at);
    return plainName(list.toString('latin1', found.at, end < 0 ? list.length : end));
  };

  return {
    nameOf(address) {
      const name = known.get(address);
      if (name !== undefined) return name;
      if (!text) {
        text = readWhole(path);
        own = firstOfModules(text);
      }
      const found = find(text, Number(address & LOW_BITS)) ?? `0x${address.toString(16)}`;
      known.set(address, found);
      return found;
    },
  };
}

/** Where the lines begin that name a module: "ffffffffc0001000 t nft_do_chain\t[nf_tables]". */
function firstOfModules(text: Buffer): number {
  const bracket = text.indexOf('\t[');
  return bracket < 0 ? text.length : lineAt(text, bracket);
}

/** The last code symbol up to an address among the lines before `end`, and whether no other symbol follows that address. */
function lastBefore(text: Buffer, end: number, address: number): [Symbol | undefined, isLast: boolean] {
  let low = 0;
  let high = end;
  while (low < high) {
    const line = lineAt(text, (low + high) >>> 1);
    const next = text.indexOf(NEWLINE, line);
    if (addressAt(text, line) > address) high = line;
    else low = next < 0 || next >= end ? end : next + 1;
  }
  const isLast = low >= end;
  // Data is no code: the address lies in the function before it.
  for (let line = low; line > 0; ) {
    line = lineAt(text, line - 1);
    const symbol = codeAt(text, line);
    if (symbol) return [symbol, isLast];
  }
  return [undefined, isLast];
}

/** The code symbols from a line on. */
function* symbolsIn(text: Buffer, from: number): Generator<Symbol> {
  for (let line = from; line < text.length; ) {
    const symbol = codeAt(text, line);
    if (symbol) yield symbol;
    const end = text.indexOf(NEWLINE, line);
    line = end < 0 ? text.length : end + 1;
  }
}

/** Where the line begins that holds this byte; a line's end belongs to it. */
function lineAt(text: Buffer, at: number): number {
  return at === 0 ? 0 : text.lastIndexOf(NEWLINE, at - 1) + 1;
}

/** A line of "ffffffff81000000 T name"; undefined for any other. */
function codeAt(text: Buffer, line: number): Symbol | undefined {
  const space = text.indexOf(SPACE, line);
  if (space < 0 || space - line > 16 || !codeTypes.has(text[space + 1] ?? 0)) return undefined;
  return { address: hexadecimal(text, Math.max(line, space - 12), space), at: space + 3 };
}

function addressAt(text: Buffer, line: number): number {
  const space = text.indexOf(SPACE, line);
  return space < 0 ? Number.POSITIVE_INFINITY : hexadecimal(text, Math.max(line, space - 12), space);
}

/** The number that the digits in these bytes are; no digit counts as 0. */
function hexadecimal(text: Buffer, from: number, until: number): number {
  let value = 0;
  for (let at = from; at < until; at++) {
    const byte = text[at] ?? 0;
    // '0'-'9' are 0x30-0x39, 'a'-'f' 0x61-0x66.
    value = value * 16 + (byte >= 0x61 ? byte - 0x57 : byte - 0x30);
  }
  return value;
}

/** A compiler's copy of a function (name.part.0, name.isra.0) goes by the function's name; a module's name is left out. */
function plainName(symbol: string): string {
  return symbol.replace(/[\t.].*$/s, '');
}

function readWhole(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
