/** The bytes of a file that are in memory now: what is read moves on at the front, what arrives is added at the back. */

/** Room for the first chunk, bytes; it grows with what arrives, never with what a file claims. */
const FIRST_CAPACITY = 1 << 16;

export class ByteWindow {
  /** Unread bytes are `bytes[start]` to `bytes[end - 1]`. Reused: what is kept must be copied. */
  bytes: Uint8Array;
  /** Over `bytes`. */
  view: DataView;
  start = 0;
  end = 0;
  /** Whether `bytes` is the window's own and may be written to. */
  #owned: boolean;
  /** Where `bytes[0]` stands in the file. */
  #base = 0;

  constructor() {
    this.bytes = new Uint8Array(FIRST_CAPACITY);
    this.view = new DataView(this.bytes.buffer);
    this.#owned = true;
  }

  /** A window over a whole file in memory, in place. The bytes are read, never written to. */
  static over(bytes: Uint8Array): ByteWindow {
    const window = new ByteWindow();
    window.#use(bytes);
    window.#owned = false;
    window.end = bytes.length;
    return window;
  }

  /** Bytes before `start` in the file. */
  get offset(): number {
    return this.#base + this.start;
  }

  get unread(): number {
    return this.end - this.start;
  }

  /** Drops what is there: the next bytes are those from `offset` on in the file. */
  restart(offset: number): void {
    this.start = 0;
    this.end = 0;
    this.#base = offset;
  }

  /** Adds a chunk behind what is unread. Memory is bounded by the largest unread rest plus the largest chunk. */
  append(chunk: Uint8Array): void {
    this.room(chunk.length).set(chunk);
    this.end += chunk.length;
  }

  /**
   * Free space behind what is unread, at least `length` bytes, to be read into in place;
   * add what was filled to `end` afterwards.
   */
  room(length: number): Uint8Array {
    if (this.#owned && this.bytes.length - this.end >= length) return this.bytes.subarray(this.end);
    const unread = this.bytes.subarray(this.start, this.end);
    this.#base += this.start;
    if (this.#owned && this.bytes.length - unread.length >= length) this.bytes.copyWithin(0, this.start, this.end);
    else {
      const capacity = Math.max(this.bytes.length, FIRST_CAPACITY);
      const grown = new Uint8Array(Math.max(capacity, 2 * unread.length, unread.length + length));
      grown.set(unread);
      this.#use(grown);
      this.#owned = true;
    }
    this.end = unread.length;
    this.start = 0;
    return this.bytes.subarray(this.end);
  }

  #use(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}
