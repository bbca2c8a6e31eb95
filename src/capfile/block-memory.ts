/** Blocks of pcapng behind one another, in memory that is used again: a busy network makes one for each packet. */
import { ENHANCED_PACKET, MIN_BLOCK } from './pcapng-format.ts';

/** Grows with what is written; little endian. */
export class BlockMemory {
  #bytes: Uint8Array;
  #view: DataView;
  #used = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#used;
  }
  get view(): DataView {
    return this.#view;
  }
  get bytes(): Uint8Array {
    return this.#bytes;
  }
  /** What has been written; valid until the next write. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  hasRoom(length: number): boolean {
    return this.#used + length <= this.#bytes.length;
  }

  /** Room for so many bytes, to be written whole: where it begins. */
  room(length: number): number {
    if (!this.hasRoom(length)) this.#grow(length);
    const at = this.#used;
    this.#used += length;
    return at;
  }

  append(block: Uint8Array): void {
    const at = this.room(block.length);
    this.#bytes.set(block, at);
  }

  /** From the beginning again. */
  clear(): void {
    this.#used = 0;
  }

  #grow(length: number): void {
    const bytes = new Uint8Array(Math.max(2 * this.#bytes.length, this.#used + length));
    bytes.set(this.written);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** Whole blocks, one by one; of those that are packets the time stamp, nanoseconds. */
export function* blocksOf(bytes: Uint8Array): Generator<{ block: Uint8Array; packetNs?: bigint }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + MIN_BLOCK <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    const block = bytes.subarray(at, at + length);
    if (view.getUint32(at, true) !== ENHANCED_PACKET) yield { block };
    else {
      const high = BigInt(view.getUint32(at + 12, true));
      yield { block, packetNs: (high << 32n) | BigInt(view.getUint32(at + 16, true)) };
    }
    at += length;
  }
}
