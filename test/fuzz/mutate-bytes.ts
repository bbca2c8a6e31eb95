/** Bytes made wrong: single bits, whole numbers at the edges of their types, pieces moved, doubled, cut and spliced. */
import type { Random } from './random.ts';

const EDGES = [0, 1, 2, 3, 4, 7, 8, 15, 16, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff];
const HIGH_EDGES = [0x80000000, 0xfffffff0, 0xfffffffe, 0xffffffff, 262144, 262145, 65535, 1 << 24];
/** No input grows beyond this. */
const LONGEST = 1 << 16;

/** One to a few changes; the bytes given stay as they are. */
export function mutatedBytes(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  let changed: Uint8Array = Uint8Array.from(bytes.subarray(0, LONGEST));
  for (let left = 1 + random.below(random.once(4) ? 24 : 4); left > 0; left--)
    changed = changedOnce(random, changed, other);
  return changed.subarray(0, LONGEST);
}

function changedOnce(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  // Most near the start, where the headers are.
  const at = random.below(random.once(2) ? Math.min(bytes.length, 160) : bytes.length);
  switch (random.below(12)) {
    case 0:
    case 1:
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    case 2:
      if (at < bytes.length) bytes[at] = random.below(256);
      return bytes;
    case 3:
    case 4:
    case 5:
      return withNumber(random, bytes, at);
    case 6:
      return bytes.subarray(0, at);
    case 7:
      return spliced(bytes, at, 1 + random.below(16), new Uint8Array(0));
    case 8:
      return spliced(bytes, at, 0, pieceOf(random, bytes));
    case 9:
      return spliced(bytes, at, random.below(64), pieceOf(random, other));
    case 10: {
      const piece = Uint8Array.from({ length: 1 + random.below(32) }, () => random.below(256));
      return spliced(bytes, at, random.once(2) ? piece.length : 0, piece);
    }
    default:
      bytes.fill(random.once(2) ? 0 : 0xff, at, at + 1 + random.below(32));
      return bytes;
  }
}

/** A number at the edge of a type, or one beside what stood there, in either byte order. */
function withNumber(random: Random, bytes: Uint8Array, at: number): Uint8Array {
  const size = random.of([1, 2, 2, 4, 4]);
  const aligned = random.once(2) ? at - (at % size) : at;
  if (aligned + size > bytes.length) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = random.once(2);
  const before =
    size === 4
      ? view.getUint32(aligned, little)
      : size === 2
        ? view.getUint16(aligned, little)
        : view.getUint8(aligned);
  const value = random.once(3) ? before + random.below(9) - 4 : random.of(random.once(3) ? HIGH_EDGES : EDGES);
  if (size === 4) view.setUint32(aligned, value, little);
  else if (size === 2) view.setUint16(aligned, value, little);
  else view.setUint8(aligned, value);
  return bytes;
}

function pieceOf(random: Random, bytes: Uint8Array): Uint8Array {
  const from = random.below(bytes.length);
  return bytes.slice(from, from + 1 + random.below(random.once(8) ? 2048 : 96));
}

function spliced(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  const rest = bytes.subarray(Math.min(bytes.length, at + remove));
  const joined = new Uint8Array(at + insert.length + rest.length);
  joined.set(bytes.subarray(0, at));
  joined.set(insert, at);
  joined.set(rest, at + insert.length);
  return joined;
}
