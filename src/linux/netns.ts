/** The network namespaces of this machine: every one that can be found, and the one a user means. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { VdiagError } from './error.ts';
import { nearestNames } from './nearest.ts';
import { netnsInode, netnsOfThread } from './setns.ts';

export { insideNetns, netnsOfThread } from './setns.ts';

/** A name under /run/netns (the first in order where it has several), or `net:[INODE]`. */
export type NetnsId = string;

export interface NetnsHandle {
  readonly id: NetnsId;
  readonly inode: number;
  /** Names under /run/netns, sorted. */
  readonly names: string[];
  /** Opens it, also for `nsenter --net=PATH`: its name where it has one, else a process, a mount or an open file. */
  readonly path: string;
  /** Processes that live in it, this one and passers-by left out, lowest first, at most 8. */
  readonly pids: number[];
}

/** Where iproute2 keeps names; some systems have no /var/run link to /run. */
const nameDirectories = ['/run/netns', '/var/run/netns'];
const maxPids = 8;
/** Processes looked at to find those that stay. */
const maxCandidates = 24;
/** Open files looked at per process: more would make one huge server slow down every listing. */
const maxFiles = 4096;

interface Found {
  names: Set<string>;
  paths: string[];
  pids: number[];
  mounts: string[];
  files: string[];
}

/**
 * All network namespaces that this process can see: its own, named ones, those of processes, mounted ones (Docker's), and
 * those only held by an open file. What vanishes or may not be read meanwhile is left out. The current one comes first, the
 * others by id.
 */
export function listNetns(): NetnsHandle[] {
  const found = new Map<number, Found>();
  const entry = (inode: number): Found => {
    const known = found.get(inode) ?? { names: new Set(), paths: [], pids: [], mounts: [], files: [] };
    found.set(inode, known);
    return known;
  };
  const current = netnsOfThread().inode;
  entry(current);
  for (const directory of nameDirectories) {
    for (const name of list(directory)) {
      const inode = inodeOf(`${directory}/${name}`);
      if (inode === undefined) continue;
      entry(inode).names.add(name);
      entry(inode).paths.push(`${directory}/${name}`);
    }
  }
  const processes = list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
  for (const pid of processes) {
    const inode = pid === process.pid ? undefined : netnsInode(readLink(`/proc/${pid}/ns/net`));
    if (inode !== undefined) entry(inode).pids.push(pid);
  }
  for (const mount of namespaceMounts()) entry(mount.inode).mounts.push(mount.path);
  // Its own files are left out: they may be closed, or another file, a moment later.
  for (const pid of processes) {
    if (pid === process.pid) continue;
    for (const file of list(`/proc/${pid}/fd`).slice(0, maxFiles)) {
      const path = `/proc/${pid}/fd/${file}`;
      const inode = netnsInode(readLink(path));
      if (inode !== undefined) entry(inode).files.push(path);
    }
  }
  const handles: NetnsHandle[] = [];
  for (const [inode, seen] of found) {
    const handle = handleOf(inode, seen, inode === current);
    if (handle) handles.push(handle);
  }
  return handles.sort(
    (a, b) => Number(b.inode === current) - Number(a.inode === current) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
}

/**
 * The namespace a user means: a name under /run/netns, the number of a process, a path, or `net:[INODE]`.
 *
 * @throws VdiagError `no-such-namespace`, with the nearest names as hint; `permission` for a process that may not be looked at
 */
export function resolveNetns(spec: string): NetnsHandle {
  const handles = listNetns();
  const named = handles.find((handle) => handle.names.includes(spec));
  if (named) return named;
  const inode = netnsInode(spec) ?? inodeOfSpec(spec);
  const handle = handles.find((candidate) => candidate.inode === inode);
  if (handle) return handle;
  if (inode !== undefined && spec.includes('/'))
    return { id: `net:[${inode}]`, inode, names: [], path: spec, pids: [] };
  const names = handles.flatMap((candidate) => candidate.names);
  const near = nearestNames(spec, names);
  const hint = near.length > 0 ? `did you mean ${near.join(', ')}?` : knownNames(names);
  throw new VdiagError('no-such-namespace', `no network namespace ${spec}`, hint);
}

function knownNames(names: string[]): string {
  if (names.length === 0) return 'no namespace has a name here: give the number of a process that lives in it';
  const shown = names.slice(0, 8).join(', ');
  return `there are: ${shown}${names.length > 8 ? ` and ${names.length - 8} more` : ''}; or give the number of a process`;
}

function inodeOfSpec(spec: string): number | undefined {
  if (spec.includes('/')) return inodeOf(spec);
  if (!/^\d{1,10}$/.test(spec)) return undefined;
  try {
    return netnsInode(readlinkSync(`/proc/${spec}/ns/net`));
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : '';
    if (code !== 'EACCES' && code !== 'EPERM') return undefined;
    throw new VdiagError(
      'permission',
      `the network namespace of process ${spec} may not be read`,
      "another user's process needs CAP_SYS_PTRACE: run it with sudo",
      { cause },
    );
  }
}

function handleOf(inode: number, seen: Found, current: boolean): NetnsHandle | undefined {
  // A file may be called net:[1]: it would pass for another namespace, so it never becomes an id.
  const names = [...seen.names].sort();
  const id = names.find((name) => netnsInode(name) === undefined) ?? `net:[${inode}]`;
  const pids = seen.pids
    .slice(0, maxCandidates)
    .filter((pid) => stays(pid, inode))
    .slice(0, maxPids);
  const path =
    seen.paths.find((candidate) => candidate.endsWith(`/${id}`)) ??
    // No other process is as sure to be here until the end as this one.
    (current ? `/proc/${process.pid}/ns/net` : undefined) ??
    (pids.length > 0 ? `/proc/${oldest(pids)}/ns/net` : undefined) ??
    seen.mounts.find((mount) => inodeOf(mount) === inode) ??
    seen.files.find((file) => netnsInode(readLink(file)) === inode);
  return path === undefined ? undefined : { id, inode, names, path, pids };
}

/**
 * Does the process live there? A program that looks into namespaces, as this one does, moves its first thread for a moment
 * and leaves the others at home.
 */
function stays(pid: number, inode: number): boolean {
  const last = list(`/proc/${pid}/task`).at(-1);
  return (
    netnsInode(readLink(`/proc/${pid}/task/${last}/ns/net`)) === inode &&
    netnsInode(readLink(`/proc/${pid}/ns/net`)) === inode
  );
}

/** The process that began first: what was just started may just as soon be gone, and numbers start over. */
function oldest(pids: readonly number[]): number | undefined {
  const began = (pid: number): number => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      // Field 22, starttime; the program's name, field 2, may hold spaces and parentheses (proc_pid_stat(5)).
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
    } catch {
      return Number.POSITIVE_INFINITY;
    }
  };
  return pids.map((pid) => ({ pid, began: began(pid) })).sort((a, b) => a.began - b.began || a.pid - b.pid)[0]?.pid;
}

/** Namespaces mounted on files, as Docker keeps them: field 4 is `net:[INODE]` and the type is nsfs (proc_pid_mountinfo(5)). */
function namespaceMounts(): { inode: number; path: string }[] {
  let text = '';
  try {
    text = readFileSync('/proc/thread-self/mountinfo', 'utf8');
  } catch {
    return [];
  }
  const mounts: { inode: number; path: string }[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    const inode = netnsInode(fields[3] ?? '');
    const path = fields[4];
    if (inode !== undefined && path !== undefined) mounts.push({ inode, path: unescapeOctal(path) });
  }
  return mounts;
}

/** The kernel writes space, tab, newline and backslash in mount paths as \040 and so on. */
function unescapeOctal(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** The namespace a path opens, without opening it: a fifo or a device that somebody left there could block or do something. */
function inodeOf(path: string): number | undefined {
  try {
    const there = statSync(path);
    return there.dev === statSync('/proc/thread-self/ns/net').dev ? there.ino : undefined;
  } catch {
    return undefined;
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
