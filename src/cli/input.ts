/** Standard input that can be let go of: a capture that still runs upstream must not hold up the report, nor the end. */
import type { Readable } from 'node:stream';

/** What the stream brings, until it ends or the signal comes; then it is closed. */
export async function* untilAborted(stream: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const chunks = stream[Symbol.asyncIterator]();
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  for (;;) {
    const next = await Promise.race([chunks.next(), aborted]);
    if (next === undefined) {
      stream.destroy();
      return;
    }
    if (next.done === true) return;
    yield next.value;
  }
}
