/** The topology a walk goes through, and what the kernels on it learn on the way. */
import { familyOf } from '../topology/address.ts';
import type { FdbEntry, Link, Namespace, Neighbour, NetnsId, Topology } from '../topology/model.ts';
import { namespaceOf } from '../topology/query.ts';
import type { Place } from '../trace/frame.ts';
import type { Connections } from './connection.ts';
import type { FilterMemory } from './filter-memory.ts';
import type { Gate } from './gate.ts';
import type { Step } from './model.ts';
import { type Chain, chainsOf, type Rulesets } from './ruleset.ts';

export interface World {
  readonly topology: Topology;
  /** Neighbour entries made during the walk, by `netns/device/address`. */
  readonly learnt: Map<string, Neighbour>;
  /** Bridge ports where source addresses were seen during the walk, by `netns/bridge/mac`, and VLAN: port name. */
  readonly stations: Map<string, string>;
  /** Filter chains of namespaces that were asked about: read once for each walk. */
  readonly chains: Map<NetnsId, readonly Chain[]>;
  /** What conntrack of the namespaces learnt during the walk, where NAT rules make it matter. */
  readonly connections: Connections;
  /** Tunnels whose packet is being followed, by `netns/device`. */
  readonly inside: Set<string>;
  /** What the packet filters of the namespaces have seen and written. */
  readonly filters: Map<NetnsId, FilterMemory>;
  /** Rulesets that earlier walks have read. */
  readonly rulesets: Rulesets;
  /** A request before this one was answered: for conntrack it belongs to an established connection. */
  readonly established: boolean;
  /** Hardware addresses that were sighted answering first, by the IP address asked for. */
  readonly answered: ReadonlyMap<string, string>;
}

/** What is known beforehand. */
export type Foreknown = Partial<Pick<World, 'answered' | 'rulesets' | 'established'>>;

export function createWorld(topology: Topology, foreknown: Foreknown = {}): World {
  const { answered = new Map(), rulesets = new WeakMap(), established = false } = foreknown;
  return {
    topology,
    learnt: new Map(),
    stations: new Map(),
    chains: new Map(),
    connections: new Map(),
    filters: new Map(),
    inside: new Set(),
    rulesets,
    established,
    answered,
  };
}

/** One end of a frame's way: a link, and the namespace it is in. */
export interface Port {
  readonly namespace: Namespace;
  readonly link: Link;
}

export function placeOf(port: Port): Place {
  return { netns: port.namespace.id, name: port.link.name };
}

export function portAt(topology: Topology, place: Place): Port | undefined {
  const namespace = namespaceOf(topology, place.netns);
  const link = namespace?.links.find(({ name }) => name === place.name);
  return namespace && link ? { namespace, link } : undefined;
}

/** The packet filters of a namespace. */
export function chainsIn(world: World, { id, filters }: Namespace): readonly Chain[] {
  const known = world.chains.get(id) ?? world.rulesets.get(filters) ?? chainsOf(filters);
  world.chains.set(id, known);
  world.rulesets.set(filters, known);
  return known;
}

export function portNamed(namespace: Namespace, name: string | undefined): Port | undefined {
  const link = name === undefined ? undefined : namespace.links.find((candidate) => candidate.name === name);
  return link && { namespace, link };
}

/** States in which an entry's address is used without asking (include/net/neighbour.h NUD_VALID). */
const USABLE = new Set(['REACHABLE', 'STALE', 'DELAY', 'PROBE', 'PERMANENT', 'NOARP']);

/** The entry the kernel would use for `address` on this device, if it need not ask first. */
export function usableNeighbour(world: World, port: Port, address: string): Neighbour | undefined {
  const learnt = world.learnt.get(neighbourKey(port.namespace.id, port.link.name, address));
  if (learnt) return learnt;
  return port.namespace.neighbours.find(
    (entry) =>
      entry.address === address &&
      entry.device === port.link.name &&
      !entry.proxy &&
      entry.mac !== undefined &&
      USABLE.has(entry.state),
  );
}

/** What a packet of ARP or neighbour discovery teaches its receiver; a permanent entry is not overwritten (neigh_update, net/core/neighbour.c). */
export function learnNeighbour(world: World, port: Port, address: string, mac: string): void {
  const known = usableNeighbour(world, port, address);
  if (known?.state === 'PERMANENT' || known?.state === 'NOARP') return;
  const entry: Neighbour = {
    family: familyOf(address),
    address,
    device: port.link.name,
    mac,
    state: 'REACHABLE',
    proxy: false,
  };
  world.learnt.set(neighbourKey(port.namespace.id, port.link.name, address), entry);
}

function neighbourKey(netns: NetnsId, device: string, address: string): string {
  return `${netns}/${device}/${address}`;
}

/**
 * Where a bridge would send a unicast frame: an entry of its table, or the port where the address was just seen.
 * @param vlan of the frame, where the bridge filters by VLAN: then its table is one table for each
 */
export function forwardingEntry(world: World, bridge: Port, mac: string, vlan?: number): FdbEntry | undefined {
  const { namespace, link } = bridge;
  const entries = namespace.fdb.filter(
    (entry) =>
      entry.mac === mac &&
      (entry.master === link.name || entry.device === link.name) &&
      (vlan === undefined || entry.vlan === vlan),
  );
  const pinned = entries.find(({ state, flags }) => state === 'permanent' || flags.includes('sticky'));
  if (pinned) return pinned;
  const seen = world.stations.get(stationKey(bridge, mac, vlan));
  if (seen !== undefined) return { mac, device: seen, master: link.name, state: '', flags: [] };
  return entries.find(({ flags }) => !flags.includes('self')) ?? undefined;
}

/** br_fdb_update: the bridge notes on which port a source address was seen. */
export function learnStation(world: World, bridge: Port, mac: string, port: string, vlan?: number): void {
  world.stations.set(stationKey(bridge, mac, vlan), port);
}

function stationKey({ namespace, link }: Port, mac: string, vlan?: number): string {
  return `${namespace.id}/${link.name}/${mac}${vlan === undefined ? '' : ` vlan ${vlan}`}`;
}

export const placeStep = (port: Port, direction: 'in' | 'out'): Step => ({
  kind: 'place',
  place: placeOf(port),
  direction,
});

export const gateStep = (gate: Gate): Step => ({ kind: 'gate', gate });
