/** read(2) and poll(2) that never wait, for descriptors that are looked at many times a second. */
import { errnoName, systemCallError } from './errno.ts';
import { type CFunction, libc } from './libc.ts';

const pollfdBytes = 8;
const POLLIN = 1;

/** Reads what is there now; call it with a set made once. */
export interface ReadySet {
  /** The positions, among the descriptors it was made of, of those that have something to read. */
  ready(): number[];
}

let bound: { read: CFunction; poll: CFunction } | undefined;

function calls(): { read: CFunction; poll: CFunction } {
  const { library } = libc();
  bound ??= {
    read: library.func('int64_t read(int fd, void *bytes, size_t length)'),
    poll: library.func('int poll(void *fds, unsigned long count, int timeout)'),
  };
  return bound;
}

/**
 * read(2) on a non-blocking descriptor: the number of bytes, 0 when there is nothing now.
 * @throws VdiagError `system-call`
 */
export function readNow(fd: number, bytes: Uint8Array): number {
  const count = Number(calls().read(fd, bytes, bytes.length));
  if (count >= 0) return count;
  const errno = libc().koffi.errno();
  const name = errnoName(errno);
  if (name === 'EAGAIN' || name === 'EINTR') return 0;
  throw systemCallError('read', errno);
}

export function readySet(fds: readonly number[]): ReadySet {
  const set = new DataView(new ArrayBuffer(Math.max(1, fds.length) * pollfdBytes));
  fds.forEach((fd, index) => {
    set.setInt32(index * pollfdBytes, fd, true);
    set.setInt16(index * pollfdBytes + 4, POLLIN, true);
  });
  const bytes = new Uint8Array(set.buffer);
  return {
    ready() {
      if (Number(calls().poll(bytes, fds.length, 0)) <= 0) return [];
      return fds.flatMap((_, index) => (set.getInt16(index * pollfdBytes + 6, true) !== 0 ? [index] : []));
    },
  };
}
