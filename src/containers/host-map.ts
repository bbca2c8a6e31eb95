/** The map of a machine: every namespace with its links and who lives in it, and how the links hang together. */

import type { Landscape, MappedNamespace } from '../topology/landscape.ts';
import type { Link, NetnsId } from '../topology/model.ts';
import { type Container, labelOf, type RuntimeNetwork } from './container.ts';
import { containersIn, type Directory } from './directory.ts';
import { commandOf } from './processes.ts';

export interface HostMap {
  readonly takenNs: string;
  readonly kernel: string;
  readonly home: NetnsId;
  /** The one of `home` first. */
  readonly namespaces: readonly MapNamespace[];
  /** Containers without a namespace now: those that are stopped, and those whose processes cannot be seen. */
  readonly elsewhere: readonly Container[];
  readonly networks: readonly RuntimeNetwork[];
  readonly gaps: readonly string[];
}

export interface MapNamespace extends MappedNamespace {
  /** Who has it to himself; empty for the host's. */
  readonly tenants: readonly Container[];
  /** Containers in it that use it as the host's network. */
  readonly guests: readonly Container[];
  readonly processes: number;
  /** "web", "default/web-1", "blue", "pid 4711": as a person calls it. */
  readonly label: string;
}

/** A link where it is. */
export interface MapLink {
  readonly namespace: MapNamespace;
  readonly link: Link;
}

/** @param commandOfPid for namespaces that only a process names */
export function hostMap(
  landscape: Landscape,
  directory: Directory,
  commandOfPid: (pid: number) => string | undefined = commandOf,
): HostMap {
  const namespaces = landscape.namespaces.map((namespace): MapNamespace => {
    const living = containersIn(directory, namespace.inode);
    const host = living.some(({ hostNetwork }) => hostNetwork);
    const tenants = host ? [] : living;
    return {
      ...namespace,
      tenants,
      guests: host ? living : [],
      processes: directory.processes.get(namespace.inode) ?? 0,
      label: labelFor(namespace, tenants, landscape.home, commandOfPid),
    };
  });
  const known = new Set(namespaces.map(({ inode }) => inode));
  return {
    takenNs: landscape.takenNs,
    kernel: landscape.kernel,
    home: landscape.home,
    namespaces,
    elsewhere: directory.containers.filter(({ netns }) => netns === undefined || !known.has(netns)),
    networks: directory.networks,
    gaps: [...landscape.gaps, ...directory.gaps],
  };
}

function labelFor(
  { id, names, pids, path }: MappedNamespace,
  tenants: readonly Container[],
  home: NetnsId,
  command: (pid: number) => string | undefined,
): string {
  if (id === home) return 'this namespace';
  const [owner] = tenants;
  if (owner) return labelOf(owner);
  if (names[0] !== undefined) return names[0];
  const [pid] = pids;
  if (pid === undefined) return path.startsWith('/proc/') ? id : path;
  const program = command(pid)?.split(' ')[0]?.split('/').at(-1);
  return program ? `pid ${pid} (${program})` : `pid ${pid}`;
}

/** Finds links by namespace and number: a number alone means nothing. */
export interface LinkFinder {
  at(netns: NetnsId, index: number): MapLink | undefined;
  /** The other end of a pair, wherever it is. */
  peer(of: MapLink): MapLink | undefined;
  /** The device that a macvlan, ipvlan, vlan … sits on. */
  lower(of: MapLink): MapLink | undefined;
  master(of: MapLink): MapLink | undefined;
  /** The ports of a bridge, in the kernel's order. */
  ports(of: MapLink): readonly MapLink[];
  /** The devices that sit on this one, in all namespaces. */
  uppers(of: MapLink): readonly MapLink[];
}

/** Devices that come in pairs: what enters one end leaves the other. */
const pairKinds: ReadonlySet<string> = new Set(['veth', 'netkit', 'vxcan']);

export function isPair({ kind }: Link): boolean {
  return pairKinds.has(kind);
}

export function linkFinder({ namespaces }: Pick<HostMap, 'namespaces'>): LinkFinder {
  const key = (netns: NetnsId, index: number): string => `${index} ${netns}`;
  const links = new Map<string, MapLink>();
  const ports = new Map<string, MapLink[]>();
  const uppers = new Map<string, MapLink[]>();
  const push = (map: Map<string, MapLink[]>, at: string, link: MapLink): void => {
    const known = map.get(at);
    if (known) known.push(link);
    else map.set(at, [link]);
  };
  for (const namespace of namespaces)
    for (const link of namespace.links) {
      const here = { namespace, link };
      links.set(key(namespace.id, link.index), here);
      if (link.master !== undefined) push(ports, key(namespace.id, link.master), here);
      if (!isPair(link) && link.peer?.netns !== undefined) push(uppers, key(link.peer.netns, link.peer.index), here);
    }
  const linked = ({ link }: MapLink): MapLink | undefined =>
    link.peer?.netns === undefined ? undefined : links.get(key(link.peer.netns, link.peer.index));
  const own = ({ namespace, link }: MapLink): string => key(namespace.id, link.index);
  return {
    at: (netns, index) => links.get(key(netns, index)),
    peer(of) {
      const other = isPair(of.link) ? linked(of) : undefined;
      // The other end must name this one.
      return other && isPair(other.link) && other.link.peer?.index === of.link.index ? other : undefined;
    },
    lower: (of) => (isPair(of.link) ? undefined : linked(of)),
    master: ({ namespace, link }) =>
      link.master === undefined ? undefined : links.get(key(namespace.id, link.master)),
    ports: (of) => ports.get(own(of)) ?? [],
    uppers: (of) => uppers.get(own(of)) ?? [],
  };
}

/** The runtime's network that a bridge carries, or that macvlans on a device belong to. */
export function networkOf(
  { networks }: Pick<HostMap, 'networks'>,
  { namespace, link }: MapLink,
  home: NetnsId,
): RuntimeNetwork | undefined {
  // Runtimes name devices of the namespace they run in, which is the host's.
  if (namespace.id !== home && namespace.guests.length === 0) return undefined;
  return networks.find(({ device }) => device === link.name);
}
