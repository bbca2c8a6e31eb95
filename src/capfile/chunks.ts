/** Chunks of a file or a stream, and a look at the first of them before they are used. */
import { readSync } from 'node:fs';

/** A new buffer of this many bytes for every chunk: who reads chunks may keep them. */
const CHUNK_LENGTH = 1 << 16;

/** How many bytes of the stored file have been taken. */
export interface Counter {
  bytes: number;
}

/** A regular file from its start. The descriptor stays open. */
export async function* fileChunks(fd: number, counter: Counter): AsyncGenerator<Uint8Array> {
  for (;;) {
    const chunk = new Uint8Array(CHUNK_LENGTH);
    const length = readSync(fd, chunk, 0, chunk.length, counter.bytes);
    if (length === 0) return;
    counter.bytes += length;
    yield chunk.subarray(0, length);
  }
}

/** A stream, counted as it is read. */
export async function* countedChunks(chunks: AsyncIterable<Uint8Array>, counter: Counter): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    counter.bytes += chunk.length;
    yield chunk;
  }
}

export interface Peeked {
  /** The first bytes. */
  readonly first: Uint8Array;
  /** All, the first ones again. */
  readonly all: AsyncGenerator<Uint8Array>;
}

/**
 * Reads until the first bytes are enough to decide by, or are `most`, or all there are: a program that is still capturing
 * writes a file header and then, for a while, nothing.
 */
export async function peek(
  chunks: AsyncGenerator<Uint8Array>,
  enough: (first: Uint8Array) => boolean,
  most: number,
): Promise<Peeked> {
  let first = new Uint8Array(0);
  while (first.length < most && !enough(first)) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    const longer = new Uint8Array(first.length + value.length);
    longer.set(first);
    longer.set(value, first.length);
    first = longer;
  }
  return { first, all: followed(first, chunks) };
}

async function* followed(first: Uint8Array, chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (first.length > 0) yield first;
    yield* chunks;
  } finally {
    await chunks.return(undefined);
  }
}
