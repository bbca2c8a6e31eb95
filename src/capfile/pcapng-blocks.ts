/**
 * Walks the blocks of a pcapng file, in place.
 * Memory is bounded whatever the file says: a block is waited for only while bytes arrive and only when it is no larger than
 * `LARGEST_BLOCK`; anything else is passed over by its length.
 */
import type { ByteWindow } from './byte-window.ts';
import { BYTE_ORDER_MAGIC, MIN_BLOCK, minLength, SECTION_HEADER } from './pcapng-format.ts';
import { ProblemList } from './problem.ts';

/** Bytes: 64 times the largest packet that capture programs keep by themselves (262144). */
const LARGEST_BLOCK = 1 << 24;
const TRAILER = 4;

export class PcapngBlocks {
  /** The block it stands on: its type, where it stands in the file, and its bytes in the window from `at` to its trailer at `end`. */
  type = 0;
  offset = 0;
  at = 0;
  end = 0;
  /** False: it is too large to be kept; there are no bytes to look at. */
  whole = true;
  /** Byte order of the section. */
  little = true;
  /** Nothing more can be read. */
  stopped = false;
  readonly problems = new ProblemList();

  #begun = false;
  /** Bytes of a block that are still to be passed over, its trailer not among them, and the length the trailer must repeat. */
  #passOver = 0;
  #passedLength = 0;

  /**
   * Goes to the next block of a type that `minLength` knows. Its fixed fields are there when it is whole.
   * False: the window must be given more bytes first, or, when `stopped`, there is none.
   */
  next(window: ByteWindow): boolean {
    while (!this.stopped) {
      if (this.#passedLength > 0) {
        if (!this.#goPast(window)) return false;
        continue;
      }
      if (window.unread < MIN_BLOCK) return false;
      const { view, start } = window;
      this.offset = window.offset;
      this.type = view.getUint32(start, this.little);
      if (!this.#readByteOrder(view, start)) return false;
      const length = view.getUint32(start + 4, this.little);
      const least = minLength(this.type);
      if (length < (least ?? MIN_BLOCK) || length % 4 !== 0)
        return this.stop(`a block of type ${hex(this.type)} claims a length of ${length} bytes, which none can have`);
      if (least === undefined || length > LARGEST_BLOCK) {
        this.#passedLength = length;
        this.#passOver = length - TRAILER;
        this.whole = false;
        if (least !== undefined) return true;
        continue;
      }
      if (window.unread < length) return false;
      this.at = start;
      this.end = start + length - TRAILER;
      this.whole = true;
      if (!this.#trailerAgrees(view.getUint32(this.end, this.little), length)) return false;
      window.start += length;
      return true;
    }
    return false;
  }

  /** Goes on at a block whose section is known. */
  resume(little: boolean): void {
    this.little = little;
    this.#begun = true;
    this.#passOver = 0;
    this.#passedLength = 0;
    this.stopped = false;
  }

  /**
   * Says that no more bytes come: what is left in the window is a block cut off.
   * @param cause why they end, where it is not the end of the file
   */
  finish(window: ByteWindow, cause?: string): void {
    if (this.stopped) return;
    if (cause !== undefined) {
      if (this.#passedLength === 0) this.offset = window.offset;
      this.stop(cause);
      return;
    }
    const { unread } = window;
    if (this.#passedLength > 0) this.#stopCut(this.#passOver + TRAILER - unread, this.#passedLength);
    else if (unread === 0 && this.#begun) this.stopped = true;
    else {
      this.offset = window.offset;
      if (unread === 0) this.stop('the file is empty');
      else if (unread < MIN_BLOCK) this.#stopCut(MIN_BLOCK - unread, MIN_BLOCK);
      else {
        const length = window.view.getUint32(window.start + 4, this.little);
        this.#stopCut(length - unread, length);
      }
    }
  }

  /** Ends the reading at this block. */
  stop(message: string): false {
    this.problems.add({ offset: this.offset, message, fatal: true });
    this.stopped = true;
    return false;
  }

  /** Leaves this block out: where the next one starts is known. */
  leaveOut(message: string): false {
    this.problems.add({ offset: this.offset, message, fatal: false });
    return false;
  }

  #stopCut(missing: number, length: number): void {
    this.stop(`the file ends inside a block: ${missing} of at least ${length} bytes are missing`);
  }

  #trailerAgrees(trailer: number, length: number): boolean {
    if (trailer === length) return true;
    return this.stop(`a block claims a length of ${length} bytes at its start and of ${trailer} at its end`);
  }

  /** A section may be written in another byte order than the one before it: no length can be read before this is known. */
  #readByteOrder(view: DataView, start: number): boolean {
    if (this.type !== SECTION_HEADER)
      return this.#begun || this.stop('no pcapng file: it does not start with a section header');
    const little = view.getUint32(start + 8, true) === BYTE_ORDER_MAGIC;
    if (!little && view.getUint32(start + 8, false) !== BYTE_ORDER_MAGIC)
      return this.stop('a section header names no byte order: its magic number is damaged');
    this.little = little;
    this.#begun = true;
    return true;
  }

  #goPast(window: ByteWindow): boolean {
    const passed = Math.min(this.#passOver, window.unread);
    window.start += passed;
    this.#passOver -= passed;
    if (this.#passOver > 0 || window.unread < TRAILER) return false;
    const length = this.#passedLength;
    this.#passedLength = 0;
    if (!this.#trailerAgrees(window.view.getUint32(window.start, this.little), length)) return false;
    window.start += TRAILER;
    return true;
  }
}

function hex(type: number): string {
  return `0x${type.toString(16).padStart(8, '0')}`;
}
