/** Unpacks gzip (RFC 1952) as it arrives, members one behind the other too; all that is whole comes out of a damaged file. */
import { createGunzip } from 'node:zlib';

/** Bytes given to zlib at a time: they become at most a thousand times as many, which bounds what waits to be read. */
const PIECE = 1 << 14;
const OUTPUT = 1 << 18;

/** How the unpacking ended. */
export interface GunzipEnd {
  /** Why it ended before the data did: "unexpected end of file". */
  failure?: string;
}

/**
 * The unpacked bytes. Damage is no exception: the bytes end there, and `ending.failure` says why.
 * @param chunks bytes of the file from its start
 */
export async function* gunzip(chunks: AsyncIterable<Uint8Array>, ending: GunzipEnd): AsyncGenerator<Uint8Array> {
  const unpack = createGunzip({ chunkSize: OUTPUT });
  const ready: Uint8Array[] = [];
  // Listening for data, not reading from the stream: an error throws away what is still waiting inside it.
  unpack.on('data', (bytes: Uint8Array) => ready.push(bytes));
  const ended = new Promise<void>((resolve) => {
    unpack.once('error', ({ message }) => {
      ending.failure = message;
      resolve();
    });
    unpack.once('end', resolve);
  });
  const give = (piece: Uint8Array): Promise<void> =>
    Promise.race([new Promise<void>((resolve) => unpack.write(piece, () => resolve())), ended]);
  try {
    for await (const chunk of chunks)
      for (let at = 0; at < chunk.length; at += PIECE) {
        await give(chunk.subarray(at, at + PIECE));
        yield* ready.splice(0);
        if (ending.failure !== undefined) return;
      }
    unpack.end();
    await ended;
    yield* ready.splice(0);
  } finally {
    unpack.destroy();
  }
}
