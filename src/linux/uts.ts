/** The host name inside another process's UTS namespace (uts_namespaces(7)). */
import { closeSync, openSync } from 'node:fs';
import { hostname } from 'node:os';
import { type CFunction, libc } from './libc.ts';

/** include/uapi/linux/sched.h */
const CLONE_NEWUTS = 0x04000000;

let setnsFunction: CFunction | undefined;

/** As gethostname(2) answers there; undefined where the process has gone or may not be looked into. */
export function hostnameOf(pid: number): string | undefined {
  setnsFunction ??= libc().library.func('int setns(int fd, int nstype)');
  const enter = setnsFunction;
  const open: number[] = [];
  try {
    const home = openSync('/proc/thread-self/ns/uts', 'r');
    open.push(home);
    const there = openSync(`/proc/${pid}/ns/uts`, 'r');
    open.push(there);
    if (enter(there, CLONE_NEWUTS) !== 0) return undefined;
    try {
      return hostname();
    } finally {
      // Its own namespace cannot refuse it; should it, all that is wrong from now on is this thread's host name.
      enter(home, CLONE_NEWUTS);
    }
  } catch {
    return undefined;
  } finally {
    for (const fd of open) closeSync(fd);
  }
}
