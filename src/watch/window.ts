/**
 * The last minute: frames kept for the judgement and for writing them down, within a stated bound. Whole exchanges are kept or
 * left out, never parts of one: what was left out must not look like a loss.
 */
import type { Frame } from '../trace/frame.ts';

/** What a frame belongs to: an exchange, or a packet by itself. */
export interface Root {
  /** First sighting of the request, nanoseconds of the tracker. */
  readonly ns: number;
  readonly kept: boolean;
}

export const WINDOW_SECONDS = 60;
/** Frames and bytes of them at most; together about 64 MiB with what describes them. */
export const MOST_FRAMES = 120_000;
export const MOST_BYTES = 32 << 20;
/** Exchanges that begin in one second. */
const MOST_ROOTS = 1500;
const MOST_OF_PAIR = 40;

const SECOND_NS = 1e9;

export interface HeldFrame {
  readonly frame: Frame;
  readonly root: Root;
  readonly ns: number;
}

export class FrameWindow {
  /** Exchanges left out so far. */
  leftOut = 0;
  #frames: HeldFrame[] = [];
  #first = 0;
  #bytes = 0;
  #second = Number.NEGATIVE_INFINITY;
  #roots = 0;
  readonly #ofPair = new Map<unknown, number>();

  get size(): number {
    return this.#frames.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Whether an exchange that begins now is kept.
   * @param owner whose share it takes
   */
  admit(ns: number, owner: unknown): boolean {
    const second = Math.floor(ns / SECOND_NS);
    if (second !== this.#second) {
      this.#second = second;
      this.#roots = 0;
      this.#ofPair.clear();
    }
    const own = this.#ofPair.get(owner) ?? 0;
    if (this.#roots >= MOST_ROOTS || own >= MOST_OF_PAIR) {
      this.leftOut++;
      return false;
    }
    this.#roots++;
    this.#ofPair.set(owner, own + 1);
    return true;
  }

  /** Keeps a frame of a kept root; its bytes are copied out of the block they came in. */
  add(frame: Frame, root: Root, ns: number): void {
    this.#frames.push({ frame: { ...frame, bytes: frame.bytes.slice() }, root, ns });
    this.#bytes += frame.bytes.length;
    while (this.size > MOST_FRAMES || this.#bytes > MOST_BYTES) this.#drop();
  }

  /** Forgets what is older than the window. */
  forget(nowNs: number): void {
    while (this.size > 0 && (this.#frames[this.#first]?.ns ?? 0) < nowNs - WINDOW_SECONDS * SECOND_NS) this.#drop();
  }

  /** Frames of exchanges that began in this time, in the order they came; all of each, if none of them was forgotten. */
  between(fromNs: number, untilNs: number): HeldFrame[] {
    const oldest = this.#frames[this.#first]?.ns ?? Number.POSITIVE_INFINITY;
    // What began before the oldest frame has lost its beginning.
    const from = Math.max(fromNs, oldest);
    return this.#frames.slice(this.#first).filter(({ root }) => root.ns >= from && root.ns < untilNs);
  }

  #drop(): void {
    this.#bytes -= this.#frames[this.#first]?.frame.bytes.length ?? 0;
    this.#first++;
    if (this.#first < 4096 || this.#first * 2 < this.#frames.length) return;
    this.#frames = this.#frames.slice(this.#first);
    this.#first = 0;
  }
}
