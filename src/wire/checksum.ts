/** The Internet checksum (RFC 1071) and the pseudo-headers it is taken over (RFC 768, RFC 8200 section 8.1). */
import { byteAt, wordAt } from './bytes.ts';

/**
 * Ones' complement sum of 16-bit words, not yet folded; an odd last byte counts as a high byte.
 * Exact for any frame: a double holds the sum of 2^37 words.
 */
export function sumWords(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let sum = 0;
  let at = from;
  for (; at + 1 < to; at += 2) sum += wordAt(bytes, at);
  return at < to ? sum + (byteAt(bytes, at) << 8) : sum;
}

/** The checksum field for a sum taken with that field as zero. Over data with a good field in place it is 0. */
export function finishChecksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = Math.floor(folded / 0x10000) + (folded % 0x10000);
  return 0xffff - folded;
}

/** RFC 1071 over some bytes, started with a pseudo-header's sum where there is one. */
export function internetChecksum(bytes: Uint8Array, initial = 0): number {
  return finishChecksum(sumWords(bytes) + initial);
}

/**
 * The pseudo-header's sum. Lengths beyond 16 bits fold to the same value as RFC 8200's 32-bit field.
 * @param addresses source and destination, one behind the other
 * @param lengthBytes of the upper-layer header and its data
 */
export function pseudoHeaderSum(addresses: Uint8Array, protocol: number, lengthBytes: number): number {
  return sumWords(addresses) + protocol + lengthBytes;
}
