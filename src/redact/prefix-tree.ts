/**
 * Replaces addresses so that prefixes stay prefixes: two addresses that begin with the same n bits do so afterwards (Xu, Fan,
 * Ammar, Moon, "Prefix-preserving IP address anonymization"). Each bit is flipped or not by a secret bit that belongs to the
 * bits before it.
 */
import { byteAt } from '../wire/bytes.ts';
import { remembering, type Secret } from './secret.ts';

/** The first `length` bits of `bytes`. */
export interface BitPrefix {
  readonly bytes: Uint8Array;
  readonly length: number;
}

export interface PrefixTree {
  /** The bytes replaced, from `from` on and before `to`; those before `from` only say where in the tree they stand. */
  replaced(bytes: Uint8Array, from: number, to: number): Uint8Array;
}

/** @param keeps the bit behind these is to stay as it is */
export function createPrefixTree(
  label: string,
  secret: Secret,
  keeps: (bytes: Uint8Array, depth: number) => boolean,
): PrefixTree {
  // A digest has one bit for each of the 255 places where a byte's bits may branch.
  const flips = remembering((path) => secret.digest(`${label} ${path}`));
  return {
    replaced(bytes, from, to) {
      const made = Uint8Array.from(bytes);
      for (let at = from; at < to; at++) {
        const digest = flips(Buffer.from(bytes.subarray(0, at)).toString('hex'));
        let node = 1;
        let value = 0;
        for (let bit = 7; bit >= 0; bit--) {
          const own = (byteAt(bytes, at) >> bit) & 1;
          const secretBit = (byteAt(digest, node >> 3) >> (node & 7)) & 1;
          value = (value << 1) | (secretBit === 1 && !keeps(bytes, 8 * at + 7 - bit) ? own ^ 1 : own);
          node = (node << 1) | own;
        }
        made[at] = value;
      }
      return made;
    },
  };
}

function bitAt(bytes: Uint8Array, bit: number): number {
  return (byteAt(bytes, bit >> 3) >> (7 - (bit & 7))) & 1;
}

/** Do two addresses begin with the same bits? */
export function sameBits(a: Uint8Array, b: Uint8Array, length: number): boolean {
  for (let bit = 0; bit < length; bit++) if (bitAt(a, bit) !== bitAt(b, bit)) return false;
  return true;
}

/** The bits from `from` on and before `to` are all of one kind: such paths lead to a network's own address and its broadcast. */
export function isUniform(bytes: Uint8Array, from: number, to: number): boolean {
  for (let bit = from + 1; bit < to; bit++) if (bitAt(bytes, bit) !== bitAt(bytes, from)) return false;
  return true;
}

export function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let bit = from; bit < to; bit++) if (bitAt(bytes, bit) !== 0) return false;
  return true;
}

/** All bits from `length` on zero. */
export function masked(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.map((byte, at) => byte & (0xff << Math.max(0, Math.min(8, 8 * (at + 1) - length))) & 0xff);
}
