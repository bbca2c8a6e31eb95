/** Prefixes as the model keeps them: canonical text. */
import { formatPrefix, parseAddress, parsePrefix, prefixOf, textPrefixContains } from './address.ts';

/** Does "10.9.0.0/24" (host bits are ignored) hold this address? False where either cannot be read. */
export const prefixContains = textPrefixContains;

/** Bits of a prefix in text; -1 where it cannot be read. */
export function prefixLength(prefix: string): number {
  return parsePrefix(prefix)?.length ?? -1;
}

/** "10.9.0.7", 24: "10.9.0.0/24"; the address itself where it cannot be read. */
export function prefixAround(address: string, length: number): string {
  const parsed = parseAddress(address);
  const prefix = parsed && prefixOf(parsed, length);
  return prefix ? formatPrefix(prefix) : address;
}
