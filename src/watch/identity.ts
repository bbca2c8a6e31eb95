/** Numbers by which a live view knows packets, exchanges and pairs again: made of two 32-bit hashes, exact in a double. */

const HIGH = 2 ** 21;

/** 53 bits of two hashes. */
export function joined(high: number, low: number): number {
  return (high >>> 0) * HIGH + (low & (HIGH - 1));
}

/** Of an address of 4 or 16 bytes. */
export function addressHash(view: DataView, at: number, length: number): number {
  let hash = 0x811c9dc5 ^ length;
  for (let offset = 0; offset < length; offset += 4) {
    hash = Math.imul(hash ^ view.getUint32(at + offset), 0x85ebca6b);
    hash ^= hash >>> 13;
  }
  return Math.imul(hash, 0xc2b2ae35) | 0;
}

/** Of who asks, whom, with what, and which of their questions: the reply has the same. */
export function questionKey(source: number, target: number, kind: number, echo: number): number {
  let high = Math.imul(source ^ Math.imul(kind + 1, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(target, 0x27d4eb2f);
  let low = Math.imul(target ^ echo, 0xc2b2ae35) ^ Math.imul(source, 0x165667b1);
  high = Math.imul(high ^ (high >>> 15) ^ echo, 0x2c1b3c6d);
  low = Math.imul(low ^ (low >>> 13), 0x297a2d39);
  return joined(high ^ (high >>> 12), low ^ (low >>> 15));
}
