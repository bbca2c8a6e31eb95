/** The end of this process, whatever else of it has not ended. */
import { readFileSync } from 'node:fs';
import { libc } from './libc.ts';

/** What Node writes when it takes itself down in order: with these it is let to. */
const MEASURED = /^--(cpu-prof|heap-prof|inspect|trace-event|report-)/;

/** fcntl(2) */
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const STANDARD = [0, 1, 2] as const;

/** Standard descriptors that others share, and gave to this process non-blocking. */
export type GivenStreams = ReadonlySet<number>;

/** How the standard streams are before Node opens them: it makes pipes non-blocking, for everybody who has them. */
export function givenStreams(): GivenStreams {
  return new Set(
    STANDARD.filter((fd) => {
      try {
        const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
        return flags !== undefined && (Number.parseInt(flags, 8) & O_NONBLOCK) !== 0;
      } catch {
        return false;
      }
    }),
  );
}

/**
 * Ends the process with `process.exitCode`, as `process.exit()` does: whoever listens for `exit` is still called. Then it is
 * gone by _exit(2), while Node would first wait for V8's compiler threads: one of them may be waiting for a garbage collection
 * that the main thread no longer does (nodejs/node#54918), and vdiag would hang with its report complete. What was written must
 * be handed over before.
 *
 * @param given what to leave the standard streams as: Node does so where it ends by itself
 */
export function endProcess(given: GivenStreams): never {
  const words = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
  const measured = process.env.NODE_V8_COVERAGE !== undefined || words.some((word) => MEASURED.test(word));
  const leave = measured ? undefined : immediateExit(given);
  // The last of all listeners.
  if (leave) process.once('exit', leave);
  process.exit();
}

/** Undefined where there is no libc to be called. */
function immediateExit(given: GivenStreams): ((status: number) => void) | undefined {
  try {
    const { library } = libc();
    const fcntl = library.func('int fcntl(int fd, int command, int flags)');
    const exit = library.func('void _exit(int status)');
    return (status) => {
      for (const fd of STANDARD) {
        const flags: number = fcntl(fd, F_GETFL, 0);
        if (flags >= 0 && !given.has(fd) && (flags & O_NONBLOCK) !== 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
      }
      exit(status);
    };
  } catch {
    return undefined;
  }
}
