/** Taking the topology of this machine, before a probe and again after it. */
import { setMaxListeners } from 'node:events';
import { release } from 'node:os';
import { VdiagError } from '../linux/error.ts';
import { listNetns, type NetnsHandle, netnsOfThread } from '../linux/netns.ts';
import { pinNetns } from '../linux/pin.ts';
import { realtimeNs } from '../linux/socket.ts';
import { readInFull as chooseFull, connectedTo, type LinkedScan, resolvePeers, type Scan } from './discover.ts';
import type { Namespace, NetnsId, Topology } from './model.ts';
import { type Outcome, programRunner, type RunProgram, refuseUnfitIp } from './program.ts';
import { linksOnly, readInFull, readLinks } from './read-namespace.ts';

export interface TopologyOptions {
  /** Where the trace starts. */
  readonly start: NetnsHandle;
  /** The namespace vdiag runs in; the one of this thread when left out. */
  readonly home?: NetnsHandle;
  /** The interface in `start` that is traced: the namespace of its other end is read in full. */
  readonly interfaceName?: string;
  /** What is pinged: the namespaces that own it are read in full. */
  readonly targetAddress?: string;
  readonly signal?: AbortSignal;
}

/**
 * The namespaces connected to the start, by veth pairs and by devices stacked across namespaces. Those that are not are left
 * out: another network may use the same addresses. What cannot be read, or vanishes meanwhile, becomes a line in `gaps`.
 *
 * @throws VdiagError `missing-program` without iproute2, `permission` or `no-such-namespace` when the start cannot be
 * entered; the signal's reason when it is aborted
 */
export async function takeTopology(options: TopologyOptions): Promise<Topology> {
  const takenNs = String(realtimeNs());
  const others = listNetns().filter((handle) => handle.inode !== options.start.inode);
  const handles = [options.start, ...others];
  const pinned = pinNetns(handles);
  try {
    const state = await readConnected(options, pinned.handles);
    return {
      schema: 'vdiag.topology/1',
      takenNs,
      kernel: release(),
      home: options.home?.id ?? currentId(handles),
      start: options.start.id,
      namespaces: withPaths(state.namespaces, handles),
      gaps: state.gaps,
    };
  } finally {
    pinned.release();
  }
}

async function readConnected(
  options: TopologyOptions,
  handles: readonly NetnsHandle[],
): Promise<{ namespaces: Namespace[]; gaps: string[] }> {
  const gaps = new Set<string>();
  const given = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, given.signal]) : given.signal;
  // One for each program that runs, and for those that have just ended.
  setMaxListeners(64, signal);
  const run = programRunner({ signal });
  const { scans, unread } = await scanAll(run, handles, options.signal).catch((error: unknown) => {
    // Nobody waits for what still runs.
    given.abort();
    throw error;
  });
  const linked = resolvePeers(scans);
  const steps = connectedTo(options.start.id, linked);
  const chosen = chooseFull(linked, steps, {
    start: options.start.id,
    interfaceName: options.interfaceName,
    targetAddress: options.targetAddress,
  });
  if (chosen.leftOut > 0)
    gaps.add(`${chosen.leftOut} more namespaces could be on the path: only their links were read`);
  const connected = linked
    .filter((scan) => steps.has(scan.handle.id))
    .sort((a, b) => (steps.get(a.handle.id) ?? 0) - (steps.get(b.handle.id) ?? 0));
  noteLostPeers(connected, unread, gaps);
  noteNamesakes(connected, gaps);
  const namespaces = await Promise.all(
    connected.map(({ handle, links }) =>
      chosen.full.has(handle.id) ? readInFull(run, handle, links, (gap) => gaps.add(gap)) : linksOnly(handle, links),
    ),
  );
  options.signal?.throwIfAborted();
  return { namespaces, gaps: [...gaps] };
}

/** Namespaces with the paths by which they were found, instead of the files that were held open to read them. */
function withPaths(namespaces: readonly Namespace[], handles: readonly NetnsHandle[]): Namespace[] {
  const paths = new Map(handles.map(({ id, path }) => [id, path]));
  return namespaces.map((namespace) => ({ ...namespace, path: paths.get(namespace.id) ?? namespace.path }));
}

/** Who lives in a namespace was found out beside the topology, and stays. */
function withContainers(namespaces: readonly Namespace[], before: Topology): Namespace[] {
  const known = new Map(before.namespaces.map(({ id, containers }) => [id, containers]));
  return namespaces.map((namespace) => {
    const containers = known.get(namespace.id);
    return containers ? { ...namespace, containers } : namespace;
  });
}

export interface RetakeOptions {
  readonly signal?: AbortSignal;
  /** Known to have gone: what has their inodes now are others. */
  readonly vanished?: ReadonlySet<NetnsId> | undefined;
}

/**
 * The same namespaces once more, to see what changed: those read in full are read in full again, the others are kept as they
 * were. A namespace that has vanished is kept as it was too, with a line in `gaps`.
 */
export async function retakeTopology(
  before: Topology,
  { signal, vanished = new Set() }: RetakeOptions = {},
): Promise<Topology> {
  const takenNs = String(realtimeNs());
  const now = new Map(listNetns().map((handle) => [handle.inode, handle]));
  const found = before.namespaces.flatMap((namespace) =>
    vanished.has(namespace.id) ? [] : (handleFor(namespace, now) ?? []),
  );
  const replaced = new Set([...now.values()].flatMap(({ names }) => names));
  const pinned = pinNetns(found);
  try {
    const handlesById = new Map(pinned.handles.map((handle) => [handle.id, handle]));
    const state = await readAgain(before, handlesById, replaced, signal);
    const namespaces = withContainers(withPaths(state.namespaces, found), before);
    return { ...before, takenNs, namespaces, gaps: state.gaps };
  } finally {
    pinned.release();
  }
}

async function readAgain(
  before: Topology,
  handles: ReadonlyMap<string, NetnsHandle>,
  names: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<{ namespaces: Namespace[]; gaps: string[] }> {
  const gaps = new Set<string>();
  const run = programRunner({ signal });
  const wanted = before.namespaces.flatMap(({ id, detail }) => (detail === 'full' ? (handles.get(id) ?? []) : []));
  const scans = new Map<string, Awaited<ReturnType<typeof scan>>>();
  for (const [at, result] of (await Promise.all(wanted.map((handle) => scan(run, handle)))).entries())
    scans.set(wanted[at]?.id ?? '', result);
  // Those that are not read again may still be where a link leads.
  const known = [...handles.values()].map((handle): Scan => {
    const scanned = scans.get(handle.id);
    return scanned && 'parsed' in scanned ? scanned : { handle, parsed: [] };
  });
  const linked = new Map(resolvePeers(known).map(({ handle, links }) => [handle.id, links]));
  const namespaces = await Promise.all(
    before.namespaces.map(async (namespace) => {
      const handle = handles.get(namespace.id);
      const scanned = scans.get(namespace.id);
      if (!handle) {
        const again = names.has(namespace.id) ? ', and another one has its name now' : '';
        gaps.add(`namespace ${namespace.id} has vanished${again}: its state is the one before the probe`);
      }
      if (!handle || !scanned) return namespace;
      if ('parsed' in scanned)
        return readInFull(run, handle, linked.get(namespace.id) ?? namespace.links, (gap) => gaps.add(gap));
      gaps.add(`ip addr in ${namespace.id}: ${scanned.reason}, its state is the one before the probe`);
      return namespace;
    }),
  );
  signal?.throwIfAborted();
  return { namespaces, gaps: [...gaps] };
}

function handleFor(namespace: Namespace, now: ReadonlyMap<number, NetnsHandle>): NetnsHandle | undefined {
  const handle = now.get(namespace.inode);
  // The id stays what it was: a name given or taken away meanwhile must not make it another namespace.
  return handle && { ...handle, id: namespace.id };
}

async function scan(run: RunProgram, handle: NetnsHandle): Promise<Scan | Exclude<Outcome, { kind: 'ok' }>> {
  const parsed = await readLinks(run, handle);
  return 'kind' in parsed ? parsed : { handle, parsed };
}

/** Links of all namespaces, the first one being the start, without which there is nothing to say. */
async function scanAll(
  run: RunProgram,
  handles: readonly NetnsHandle[],
  signal: AbortSignal | undefined,
): Promise<{ scans: Scan[]; unread: readonly string[] }> {
  const scanning = handles.map((handle) => scan(run, handle));
  const [first] = scanning;
  const begun = first && (await first);
  signal?.throwIfAborted();
  if (begun && !('parsed' in begun)) throw startUnreadable(handles[0]?.id ?? '', begun);
  const results = await Promise.all(scanning);
  signal?.throwIfAborted();
  const scans: Scan[] = [];
  const unread: string[] = [];
  for (const [at, result] of results.entries()) {
    const id = handles[at]?.id ?? '';
    if ('parsed' in result) scans.push(result);
    else unread.push(`ip addr in ${id}: ${result.reason}, its links are unknown`);
  }
  return { scans, unread };
}

function startUnreadable(id: string, failure: Exclude<Outcome, { kind: 'ok' }>): Error {
  if (failure.cause instanceof VdiagError) return failure.cause;
  refuseUnfitIp(failure);
  return new VdiagError('unreadable', `ip addr in ${id}: ${failure.reason}`, 'try it by hand: ip -j -d addr show', {
    cause: failure.cause,
  });
}

/**
 * Links whose other end is in a namespace that cannot be seen from here: the path ends there. Only then does it matter which
 * namespaces could not be read, since one of them may be that one. On a busy machine others come and go all the time.
 */
function noteLostPeers(scans: readonly LinkedScan[], unread: readonly string[], gaps: Set<string>): void {
  const lost = scans.flatMap(({ handle, links }) =>
    links
      .filter((link) => link.peer && link.peer.netns === undefined)
      .map((link) => `the other end of ${link.name} in ${handle.id} is in a namespace that cannot be seen from here`),
  );
  for (const line of lost.length > 0 ? [...lost, ...unread] : []) gaps.add(line);
}

/** Names whose bytes are no UTF-8 read alike: the kernel tells them apart, and here nobody can. */
function noteNamesakes(scans: readonly LinkedScan[], gaps: Set<string>): void {
  for (const { handle, links } of scans) {
    const names = links.map(({ name }) => name);
    const double = [...new Set(names.filter((name, at) => names.indexOf(name) !== at))];
    if (double.length > 0)
      gaps.add(
        `interfaces of ${handle.id} have names that are no UTF-8 and read alike: ${double.slice(0, 4).join(', ')}`,
      );
  }
}

function currentId(handles: readonly NetnsHandle[]): string {
  const { inode } = netnsOfThread();
  return handles.find((handle) => handle.inode === inode)?.id ?? `net:[${inode}]`;
}
