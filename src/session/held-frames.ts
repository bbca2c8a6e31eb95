/** The first frames of a capture, kept so that they can be put in order of time: what several programs wrote at once is in none. */
import type { CaptureInterface } from '../capfile/capture-interface.ts';

/** Bytes kept of each frame: a survey looks no further. */
const KEPT_BYTES = 192;
const FIRST_BYTES = 1 << 16;

export interface HeldFrame {
  readonly source: CaptureInterface;
  readonly flags: number;
  readonly number: number;
  readonly ns: number;
  readonly start: number;
  readonly end: number;
}

export class HeldFrames {
  #bytes = new Uint8Array(FIRST_BYTES);
  #used = 0;
  #frames: HeldFrame[] = [];
  #next = 0;

  get size(): number {
    return this.#frames.length;
  }

  /** Over the bytes of all of them. */
  get view(): DataView {
    return new DataView(this.#bytes.buffer);
  }

  add(source: CaptureInterface, flags: number, number: number, ns: number, bytes: Uint8Array): void {
    const length = Math.min(bytes.length, KEPT_BYTES);
    if (this.#used + length > this.#bytes.length) {
      const grown = new Uint8Array(this.#bytes.length * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(length < bytes.length ? bytes.subarray(0, length) : bytes, this.#used);
    this.#frames.push({ source, flags, number, ns, start: this.#used, end: this.#used + length });
    this.#used += length;
  }

  /** In order of time; those of one time stay in order of the file. */
  sort(): void {
    this.#frames.sort((a, b) => a.ns - b.ns);
  }

  /** The next one, or undefined when there is none left: then their memory is released. */
  next(): HeldFrame | undefined {
    const frame = this.#frames[this.#next++];
    if (frame === undefined) {
      this.#frames = [];
      this.#next = 0;
      this.#bytes = new Uint8Array(0);
      this.#used = 0;
    }
    return frame;
  }
}
