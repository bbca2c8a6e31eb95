/** Code addresses to function names, from /proc/kallsyms. */
import { closeSync, openSync, readSync } from 'node:fs';

export interface KernelSymbols {
  /** The function an address lies in; its address in hexadecimal where the kernel does not say. */
  nameOf(address: bigint): string;
}

const chunkBytes = 1 << 20;
const codeTypes = new Set(['t', 'T', 'w', 'W']);
/** Of 4 GiB and more behind a symbol there is no function: kallsyms hides addresses (kptr_restrict), or the code is generated. */
const longestFunction = 1n << 24n;

/** Reads the list on first use and keeps it: some 100,000 functions, 50 ms. */
export function openKernelSymbols(path = '/proc/kallsyms'): KernelSymbols {
  let table: { readonly addresses: BigUint64Array; readonly names: readonly string[] } | undefined;
  const known = new Map<bigint, string>();
  return {
    nameOf(address) {
      const name = known.get(address);
      if (name !== undefined) return name;
      table ??= readSymbols(path);
      const found = lookUp(table.addresses, table.names, address) ?? `0x${address.toString(16)}`;
      known.set(address, found);
      return found;
    },
  };
}

function lookUp(addresses: BigUint64Array, names: readonly string[], address: bigint): string | undefined {
  let low = 0;
  let high = addresses.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((addresses[middle] ?? 0n) <= address) low = middle + 1;
    else high = middle;
  }
  const start = addresses[low - 1];
  return start !== undefined && start !== 0n && address - start < longestFunction
    ? plainName(names[low - 1] ?? '')
    : undefined;
}

function readSymbols(path: string): { addresses: BigUint64Array; names: string[] } {
  const addresses: bigint[] = [];
  const names: string[] = [];
  let sorted = true;
  for (const line of lines(path)) {
    // "ffffffff81000000 T name\t[module]"
    const end = line.indexOf(' ');
    if (end <= 0 || end > 16 || !codeTypes.has(line[end + 1] ?? '')) continue;
    const address = BigInt(`0x${line.slice(0, end)}`);
    if (address < (addresses.at(-1) ?? 0n)) sorted = false;
    addresses.push(address);
    names.push(line.slice(end + 3));
  }
  if (sorted) return { addresses: BigUint64Array.from(addresses), names };
  const order = addresses.map((_, index) => index);
  order.sort((a, b) => Number((addresses[a] ?? 0n) - (addresses[b] ?? 0n)));
  return {
    addresses: BigUint64Array.from(order, (index) => addresses[index] ?? 0n),
    names: order.map((index) => names[index] ?? ''),
  };
}

/** A compiler's copy of a function (name.part.0, name.isra.0) goes by the function's name; a module's name is left out. */
function plainName(symbol: string): string {
  return symbol.replace(/[\t.].*$/s, '');
}

function* lines(path: string): Generator<string> {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return;
  }
  try {
    const chunk = Buffer.alloc(chunkBytes);
    let rest = '';
    for (;;) {
      const count = readSync(fd, chunk, 0, chunkBytes, null);
      if (count === 0) break;
      const parts = (rest + chunk.toString('latin1', 0, count)).split('\n');
      rest = parts.pop() ?? '';
      yield* parts;
    }
    if (rest !== '') yield rest;
  } catch {
    // What was read so far names what it can.
  } finally {
    closeSync(fd);
  }
}
