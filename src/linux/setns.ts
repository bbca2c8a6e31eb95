/**
 * The network namespace of this thread, and stepping into another one (setns(2)).
 *
 * A namespace belongs to a thread, not to a process. Everything Node does synchronously, and the fork of a child process,
 * happens on the calling thread; promises and the thread pool do not wait. So an action inside must be synchronous, and a
 * child spawned inside stays there however long it runs.
 */
import { closeSync, fstatSync, openSync, readlinkSync, statSync, writeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { VdiagError } from './error.ts';
import { type CFunction, libc } from './libc.ts';

/** include/uapi/linux/sched.h */
const CLONE_NEWNET = 0x40000000;

const ownPath = '/proc/thread-self/ns/net';

let setnsFunction: CFunction | undefined;

/** 0, or a negative errno. */
function setns(fd: number): number {
  const { koffi, library } = libc();
  setnsFunction ??= library.func('int setns(int fd, int nstype)');
  return setnsFunction(fd, CLONE_NEWNET) === 0 ? 0 : -koffi.errno();
}

/** The inode in `net:[4026531840]`, as /proc/PID/ns/net links to it; undefined for any other text. */
export function netnsInode(link: string): number | undefined {
  const inode = /^net:\[(\d{1,15})\]$/.exec(link)?.[1];
  return inode === undefined ? undefined : Number(inode);
}

/** The network namespace this thread is in now. */
export function netnsOfThread(): { inode: number } {
  const inode = netnsInode(readlinkSync(ownPath));
  if (inode === undefined)
    throw new VdiagError('unsupported-platform', `${ownPath} names no network namespace`, 'is /proc mounted?');
  return { inode };
}

/**
 * Runs a synchronous action with this thread in the network namespace that `path` opens, and comes back whatever happens.
 * A child process spawned by the action starts in that namespace, and /proc/sys/net read by it shows that namespace.
 * Nothing is switched when the thread is there already.
 *
 * @param at a file that opens a network namespace (`/run/netns/blue`, `/proc/1234/ns/net`), or better a handle: then the
 * inode is compared too, since a process may have ended or moved, and its number be another's
 * @throws VdiagError `no-such-namespace` when the path is gone or opens something else, `permission` without CAP_SYS_ADMIN
 */
export function insideNetns<T>(at: string | { readonly path: string; readonly inode: number }, action: () => T): T {
  const path = typeof at === 'string' ? at : at.path;
  const target = openNamespace(path);
  try {
    const there = fstatSync(target);
    const here = statSync(ownPath);
    if (there.dev !== here.dev) throw notANamespace(path);
    if (typeof at !== 'string' && there.ino !== at.inode)
      throw new VdiagError('no-such-namespace', `${path} is another network namespace now`, 'run it again');
    if (there.ino === here.ino) return synchronous(action);
    return switched(target, path, action);
  } finally {
    closeSync(target);
  }
}

function switched<T>(target: number, path: string, action: () => T): T {
  const home = openSync(ownPath, 'r');
  try {
    const failure = setns(target);
    if (failure !== 0) throw refused(path, failure);
    try {
      return synchronous(action);
    } finally {
      const stuck = setns(home);
      if (stuck !== 0) abort(path, stuck);
    }
  } finally {
    closeSync(home);
  }
}

/** A promise would go on in the wrong namespace: a mistake of the programmer, not of the user. */
function synchronous<T>(action: () => T): T {
  const result = action();
  if (typeof result === 'object' && result !== null && 'then' in result)
    throw new TypeError('the action inside a network namespace must be synchronous');
  return result;
}

/** Going on would capture from, and send into, the wrong network. */
function abort(path: string, failure: number): never {
  writeSync(2, `vdiag: cannot come back from network namespace ${JSON.stringify(path)}: ${errnoName(failure)}\n`);
  process.abort();
}

function openNamespace(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : '';
    if (code === 'EACCES' || code === 'EPERM') throw permission(path, cause);
    throw new VdiagError('no-such-namespace', `no network namespace at ${path}`, 'list them: ip netns, lsns -t net', {
      cause,
    });
  }
}

function refused(path: string, failure: number): VdiagError {
  if (errnoName(failure) === 'EPERM') return permission(path);
  if (errnoName(failure) === 'EINVAL') return notANamespace(path);
  return new VdiagError('system-call', `cannot enter network namespace ${path}: ${errnoName(failure)}`);
}

function permission(path: string, cause?: unknown): VdiagError {
  return new VdiagError(
    'permission',
    `entering network namespace ${path} needs CAP_SYS_ADMIN (and CAP_SYS_PTRACE for another user's process)`,
    'run it with sudo, or try it in namespaces of your own: unshare -Urnm',
    { cause },
  );
}

function notANamespace(path: string): VdiagError {
  return new VdiagError('no-such-namespace', `${path} is no network namespace`, 'list them: ip netns, lsns -t net');
}

/** `EPERM` for -1; a negative errno as this file returns it. */
function errnoName(negative: number): string {
  return getSystemErrorName(negative);
}
