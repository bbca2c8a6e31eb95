/**
 * The containers of this machine: what the kernel shows of them (processes, cgroups, namespaces), joined with what their
 * runtimes say. The kernel decides what exists and which namespace it lives in; a runtime only gives names to it.
 */
import { statSync } from 'node:fs';
import { hostnameOf } from '../linux/uts.ts';
import { type Container, labelOf, type RuntimeNetwork, shortId, type Told } from './container.ts';
import { inspectDocker } from './docker.ts';
import { commandOf, type ProcessScan, type ScannedContainer, scanProcesses } from './processes.ts';
import { RECORD_PLACES, type RecordPlaces, recordOf } from './records.ts';
import { type Asked, askRuntimes, type Environment } from './sources.ts';

export interface Directory {
  /** By their labels; those of one namespace that own it before those that were let in. */
  readonly containers: readonly Container[];
  readonly networks: readonly RuntimeNetwork[];
  /** How many processes live in each network namespace, by inode. */
  readonly processes: ReadonlyMap<number, number>;
  /** Why a runtime that is there gave no names, one line each. */
  readonly gaps: readonly string[];
}

export interface DirectoryOptions {
  readonly env?: Environment;
  readonly records?: RecordPlaces;
}

const inspectTimeoutMs = 300;
const longestCommand = 200;

/** Never fails: what cannot be read or does not answer is missing from it, or has no name. */
export async function readDirectory({ env, records = RECORD_PLACES }: DirectoryOptions = {}): Promise<Directory> {
  const scan = scanProcesses();
  const asked = await askRuntimes(
    {
      runtimes: new Set(scan.containers.map(({ owner }) => owner.runtime)),
      pods: scan.containers.some(({ owner }) => owner.podUid !== undefined),
    },
    env,
    records,
  );
  return joined(scan, await withProcesses(scan, asked), asked, records);
}

/** Containers that should run and whose processes no cgroup shows: their runtime is asked for them. */
async function withProcesses(scan: ProcessScan, { told, sockets }: Asked): Promise<readonly Told[]> {
  const seen = new Set(scan.containers.map(({ owner }) => keyOf(owner)));
  const lost = (each: Told): boolean => isAlive(each) && !seen.has(keyOf(each)) && each.pid === undefined;
  let known = told;
  for (const { path, runtime } of sockets) {
    const asked = known.filter((each) => each.runtime === runtime && lost(each));
    if (asked.length === 0) continue;
    const inspected = new Map((await inspectDocker(path, asked, inspectTimeoutMs)).map((each) => [keyOf(each), each]));
    known = known.map((each) => inspected.get(keyOf(each)) ?? each);
  }
  return known;
}

function isAlive({ state }: Told): boolean {
  return state === 'running' || state === 'paused';
}

/** Ids of hexadecimal digits are the same whoever tells them; names are only unique within one kind of runtime. */
function keyOf({ runtime, id }: Pick<Told, 'runtime' | 'id'>): string {
  if (/^[0-9a-f]{12,64}$/.test(id)) return id;
  return `${runtime === 'incus' ? 'lxc' : runtime}:${id}`;
}

function joined(scan: ProcessScan, told: readonly Told[], asked: Asked, records: RecordPlaces): Directory {
  const names = new Map<string, Told>();
  for (const each of told) {
    const before = names.get(keyOf(each));
    // The first to tell is believed; a later one may know what it did not.
    names.set(keyOf(each), before ? { ...each, ...before } : each);
  }
  const containers: Container[] = [];
  for (const scanned of scan.containers) {
    const { owner } = scanned;
    const said = names.get(keyOf(owner));
    names.delete(keyOf(owner));
    const named =
      said?.name !== undefined || said?.pod ? said : { ...said, ...recordOf(owner.id, owner.runtime, records) };
    containers.push(running(scanned, named, scan.init));
  }
  for (const each of names.values()) containers.push(withoutProcess(each, scan.init));
  const ranked = containers.sort((a, b) => rank(a) - rank(b) || compare(labelOf(a), labelOf(b)) || compare(a.id, b.id));
  return {
    containers: ranked,
    networks: asked.networks,
    processes: scan.counts,
    gaps: [...hiddenText(scan), ...asked.gaps],
  };
}

function hiddenText({ hidden }: ProcessScan): string[] {
  if (hidden === 0) return [];
  const whose = hidden === 1 ? 'a process of another user' : `${hidden} processes of other users`;
  return [`${whose}, and the containers and namespaces they live in: run vdiag as root`];
}

/** A pod's sandbox, and what was not let into another's namespace, come first. */
function rank({ pod, sharesWith }: Container): number {
  if (sharesWith !== undefined) return 2;
  return pod && !pod.sandbox ? 1 : 0;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function running({ owner, netns, pids }: ScannedContainer, said: Partial<Told>, init: number | undefined): Container {
  const [first] = pids;
  const runtime =
    said.runtime && said.runtime !== 'unknown' && owner.runtime !== 'podman' ? said.runtime : owner.runtime;
  const command = said.command ?? (first === undefined ? undefined : commandOf(first));
  const named = said.name !== undefined || !/^[0-9a-f]{12,64}$/.test(owner.id);
  const hostname = named || first === undefined ? undefined : hostnameOf(first);
  return {
    ...common({ ...said, runtime, id: owner.id }),
    named,
    ...(command !== undefined && { command: command.slice(0, longestCommand) }),
    // Only where nobody knows a name: it is the beginning of the id unless somebody chose one.
    ...(hostname !== undefined && { hostname }),
    state: said.state === 'paused' ? 'paused' : 'running',
    netns,
    hostNetwork: said.hostNetwork ?? netns === init,
    pids,
  };
}

/** Stopped, or running where its processes cannot be seen. */
function withoutProcess(said: Told, init: number | undefined): Container {
  const netns = isAlive(said) ? namespaceOfTold(said) : undefined;
  return {
    ...common(said),
    named: said.name !== undefined,
    ...(said.command !== undefined && { command: said.command.slice(0, longestCommand) }),
    state: said.state ?? 'stopped',
    ...(netns !== undefined && { netns }),
    hostNetwork: said.hostNetwork ?? (netns !== undefined && netns === init),
    pids: said.pid !== undefined && netns !== undefined ? [said.pid] : [],
  };
}

function common({
  runtime,
  id,
  name,
  pod,
  image,
  sharesWith,
  networks,
  ports,
}: Told): Pick<Container, 'runtime' | 'id' | 'name' | 'pod' | 'image' | 'sharesWith' | 'networks' | 'ports'> {
  return {
    runtime,
    id,
    name: name ?? shortId(id),
    ...(pod && { pod }),
    ...(image !== undefined && { image }),
    ...(sharesWith !== undefined && { sharesWith }),
    networks: networks ?? [],
    ports: ports ?? [],
  };
}

/** The file is the runtime's word for this very namespace; a process number may be one of another process namespace. */
function namespaceOfTold({ netnsPath, pid }: Told): number | undefined {
  const own = deviceOf('/proc/thread-self/ns/net');
  for (const path of [netnsPath, pid === undefined ? undefined : `/proc/${pid}/ns/net`]) {
    if (path === undefined) continue;
    try {
      const there = statSync(path);
      if (there.dev === own) return there.ino;
    } catch {
      // gone, or not to be seen from here
    }
  }
  return undefined;
}

function deviceOf(path: string): number {
  return statSync(path).dev;
}

/** The containers that live in a namespace, its owner first. */
export function containersIn({ containers }: Pick<Directory, 'containers'>, inode: number): Container[] {
  return containers.filter((container) => container.netns === inode);
}
