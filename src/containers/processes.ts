/** One walk through /proc: which namespace each process lives in, and which container its cgroup names. */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { netnsInode } from '../linux/setns.ts';
import { type CgroupOwner, ownerOf } from './cgroup.ts';

export interface ScannedContainer {
  readonly owner: CgroupOwner;
  /** Inode of the network namespace of its first process. */
  readonly netns: number;
  /** Lowest first, at most 8. */
  readonly pids: readonly number[];
}

export interface ProcessScan {
  readonly containers: readonly ScannedContainer[];
  /** How many processes live in each namespace, by inode. */
  readonly counts: ReadonlyMap<number, number>;
  /** Processes of other users that may not be looked at. */
  readonly hidden: number;
  /** The namespace of process 1, the machine's first: containers that live there use the host's network. */
  readonly init?: number;
}

const maxPids = 8;
/** More processes than Linux allows at once by default (pid_max) need not be looked at. */
const maxProcesses = 1 << 17;
const maxCommandBytes = 4096;

/** Processes that end meanwhile, or may not be looked at, are left out. */
export function scanProcesses(): ProcessScan {
  const found = new Map<string, { owner: CgroupOwner; netns: number; pids: number[] }>();
  const counts = new Map<number, number>();
  let init: number | undefined;
  let hidden = 0;
  for (const pid of processNumbers()) {
    const netns = namespaceOf(pid);
    if (netns === 'hidden') hidden += 1;
    if (typeof netns !== 'number') continue;
    if (pid === 1) init = netns;
    if (pid === process.pid) continue;
    counts.set(netns, (counts.get(netns) ?? 0) + 1);
    const owner = ownerOf(read(`/proc/${pid}/cgroup`));
    if (!owner) continue;
    const known = found.get(owner.id);
    if (!known) found.set(owner.id, { owner, netns, pids: [pid] });
    else if (known.pids.length < maxPids) known.pids.push(pid);
  }
  return { containers: [...found.values()], counts, hidden, ...(init !== undefined && { init }) };
}

function processNumbers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)
    .slice(0, maxProcesses);
}

/** Undefined when it has ended. */
function namespaceOf(pid: number): number | 'hidden' | undefined {
  try {
    return netnsInode(readlinkSync(`/proc/${pid}/ns/net`));
  } catch (error) {
    // Asked for a process of another user, ptrace(2)'s check says EACCES.
    return error instanceof Error && 'code' in error && error.code === 'EACCES' ? 'hidden' : undefined;
  }
}

/**
 * What a process was started as, its arguments joined by spaces, or its name where it has no arguments (a kernel thread, a
 * zombie); undefined when it has gone.
 */
export function commandOf(pid: number): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(`/proc/${pid}/cmdline`, 'r');
    const bytes = new Uint8Array(maxCommandBytes);
    const text = new TextDecoder().decode(bytes.subarray(0, readSync(fd, bytes)));
    return text.replace(/\0+$/, '').replaceAll('\0', ' ') || readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
