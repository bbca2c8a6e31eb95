/** Where the bytes of a capture come from: a file that is read in place, or a stream of chunks. */
import { closeSync, readSync } from 'node:fs';
import type { ByteWindow } from './byte-window.ts';
import type { Spool } from './spool.ts';

export interface Supply {
  /** Adds bytes to the window. False: there are no more. */
  fill(window: ByteWindow): boolean | Promise<boolean>;
  /** Bytes consumed of the file as stored. */
  readonly position: number;
  /** Why the bytes ended, where it was not their end. */
  readonly failure: string | undefined;
  close(): void;
}

/** Bytes read at a time: a few reads per cache of a processor, and few enough calls not to be seen. */
const READ_LENGTH = 1 << 20;

/** An open file, from a position on; closed with the supply. */
export class FileSupply implements Supply {
  position: number;
  failure: string | undefined;
  #fd: number | undefined;

  constructor(fd: number, position = 0) {
    this.#fd = fd;
    this.position = position;
  }

  fill(window: ByteWindow): boolean {
    if (this.#fd === undefined) return false;
    const room = window.room(READ_LENGTH);
    try {
      const length = readSync(this.#fd, room, 0, room.length, this.position);
      window.end += length;
      this.position += length;
      return length > 0;
    } catch (error) {
      this.failure = `the file cannot be read on: ${error instanceof Error ? error.message : String(error)}`;
      return false;
    }
  }

  /** Goes on reading here; what is in the window is the caller's to drop. */
  seek(position: number): void {
    this.position = position;
    this.failure = undefined;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** What a stream may do before it becomes bytes of a capture, and what it keeps. */
export interface StreamParts {
  /** Bytes consumed of the file as stored. */
  readonly consumed: () => number;
  /** Why the bytes ended. */
  readonly failure: () => string | undefined;
  readonly spool?: Spool | undefined;
  readonly closed: () => void;
}

/** Chunks, as they arrive. */
export class StreamSupply implements Supply {
  failure: string | undefined;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #parts: StreamParts;
  #closed = false;

  constructor(chunks: AsyncIterator<Uint8Array>, parts: StreamParts) {
    this.#chunks = chunks;
    this.#parts = parts;
  }

  get position(): number {
    return this.#parts.consumed();
  }

  async fill(window: ByteWindow): Promise<boolean> {
    const chunk = await this.take();
    if (chunk === undefined) return false;
    window.append(chunk);
    return true;
  }

  /** The next bytes; undefined when there are no more. */
  async take(): Promise<Uint8Array | undefined> {
    if (this.#closed) return undefined;
    try {
      const { done, value } = await this.#chunks.next();
      if (done !== true) {
        this.#parts.spool?.add(value);
        return value;
      }
      this.failure = this.#parts.failure();
    } catch (error) {
      this.failure = `the input cannot be read on: ${error instanceof Error ? error.message : String(error)}`;
    }
    return undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Ends a generator that is not being waited for; one that is ends with its next chunk.
    const ended = this.#chunks.return?.() ?? Promise.resolve();
    ended.catch(() => {}).finally(this.#parts.closed);
  }
}
