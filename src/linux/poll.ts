/** Waiting for sockets without blocking the event loop: poll(2) on a thread of libuv's pool. */
import { type CFunction, libc } from './libc.ts';

/** struct pollfd: int fd, short events, short revents. */
const pollfdBytes = 8;
const POLLIN = 1;

let pollFunction: CFunction | undefined;

/**
 * The descriptors that are readable, have something on their error queue, or are closed; empty when the time is over.
 * Nothing can cut it short, so a program that waits to end waits as long: keep `timeoutMs` at some tenths of a second.
 * Each call under way takes one of libuv's threads (4 unless UV_THREADPOOL_SIZE says otherwise).
 */
export function pollReadable(fds: readonly number[], timeoutMs: number): Promise<Set<number>> {
  const { library } = libc();
  pollFunction ??= library.func('int poll(void *fds, unsigned long count, int timeout)');
  const call = pollFunction;
  const set = new DataView(new ArrayBuffer(Math.max(1, fds.length) * pollfdBytes));
  fds.forEach((fd, index) => {
    set.setInt32(index * pollfdBytes, fd, true);
    set.setInt16(index * pollfdBytes + 4, POLLIN, true);
  });
  const bytes = new Uint8Array(set.buffer);
  return new Promise((resolve, reject) => {
    call.async(bytes, fds.length, Math.max(0, Math.ceil(timeoutMs)), (error: unknown, count: number) => {
      if (error) return reject(error);
      // Interrupted by a signal (-1) is the same to the caller as nothing there yet.
      if (count <= 0) return resolve(new Set());
      resolve(new Set(fds.filter((_, index) => set.getInt16(index * pollfdBytes + 6, true) !== 0)));
    });
  });
}
