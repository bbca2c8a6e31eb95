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

/** The code symbols, in order of their addresses. Names stay in the text until one is asked for. */
interface Table {
  readonly text: Buffer;
  readonly addresses: Float64Array;
  /** Where in the text each name begins. */
  readonly names: Uint32Array;
}

/** Reads the list on first use and keeps it: some 100,000 functions. */
export function openKernelSymbols(path = '/proc/kallsyms'): KernelSymbols {
  let table: Table | undefined;
  const known = new Map<bigint, string>();
  return {
    nameOf(address) {
      const name = known.get(address);
      if (name !== undefined) return name;
      table ??= tableOf(readWhole(path));
      const found = lookUp(table, Number(address & LOW_BITS)) ?? `0x${address.toString(16)}`;
      known.set(address, found);
      return found;
    },
  };
}

function lookUp({ text, addresses, names }: Table, address: number): string | undefined {
  let low = 0;
  let high = addresses.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((addresses[middle] ?? 0) <= address) low = middle + 1;
    else high = middle;
  }
  const start = addresses[low - 1];
  if (start === undefined || start === 0 || address - start >= longestFunction) return undefined;
  const from = names[low - 1] ?? 0;
  const end = text.indexOf(NEWLINE, from);
  return plainName(text.toString('latin1', from, end < 0 ? text.length : end));
}

/** Lines of "ffffffff81000000 T name\t[module]"; others are passed over. */
function tableOf(text: Buffer): Table {
  const addresses: number[] = [];
  const names: number[] = [];
  let sorted = true;
  for (let at = 0; at < text.length; ) {
    const space = text.indexOf(SPACE, at);
    if (space < 0) break;
    if (space - at <= 16 && codeTypes.has(text[space + 1] ?? 0)) {
      const address = hexadecimal(text, Math.max(at, space - 12), space);
      if (address < (addresses.at(-1) ?? 0)) sorted = false;
      addresses.push(address);
      names.push(space + 3);
    }
    const end = text.indexOf(NEWLINE, space);
    if (end < 0) break;
    at = end + 1;
  }
  if (sorted) return { text, addresses: Float64Array.from(addresses), names: Uint32Array.from(names) };
  const order = addresses.map((_, index) => index).sort((a, b) => (addresses[a] ?? 0) - (addresses[b] ?? 0));
  return {
    text,
    addresses: Float64Array.from(order, (index) => addresses[index] ?? 0),
    names: Uint32Array.from(order, (index) => names[index] ?? 0),
  };
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
