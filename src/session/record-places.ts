/** Where a recording listens: everywhere around, on the way to an address, or on the interfaces that were named. */
import { VdiagError } from '../linux/error.ts';
import { listInterfaces } from '../linux/interfaces.ts';
import { insideNetns, listNetns, type NetnsHandle, netnsOfThread, resolveNetns } from '../linux/netns.ts';
import { expectPath } from '../path/expect.ts';
import { placesOf } from '../path/model.ts';
import { canonicalAddress } from '../topology/address.ts';
import { takeTopology } from '../topology/collect.ts';
import type { Topology } from '../topology/model.ts';
import { nearestNames } from '../topology/query.ts';
import { type Place, placeKey } from '../trace/frame.ts';

export interface PlacesWanted {
  /** `IFACE` or `IFACE@NETNS`, without a namespace those of `netns`. */
  readonly on?: readonly string[];
  /** The way from an interface of `netns` to an address, as the kernel should take it. */
  readonly way?: { readonly interface: string; readonly address: string };
  /** A name, a process id or a path. Default: the namespace of this process. */
  readonly netns?: string;
  readonly signal?: AbortSignal;
}

export interface RecordedPlaces {
  readonly before: Topology;
  /** The namespaces to listen in, the starting one first where it is one of them. */
  readonly namespaces: readonly NetnsHandle[];
  /** The interfaces to keep; undefined: all of those namespaces, also those that appear later. */
  readonly only?: readonly Place[];
}

/**
 * Takes the topology and says where to listen. Without `on` and `way`: every interface of the starting namespace and of all
 * that are connected to it.
 * @throws VdiagError no-such-interface, no-such-namespace, not-an-address, permission, missing-program
 */
export async function choosePlaces(wanted: PlacesWanted): Promise<RecordedPlaces> {
  const handles = listNetns();
  const home = handles.find(({ inode }) => inode === netnsOfThread().inode);
  const start = wanted.netns === undefined ? home : resolveNetns(wanted.netns);
  if (!home || !start)
    throw new VdiagError('unreadable', 'the network namespace of this process cannot be found in /proc');
  const named = (wanted.on ?? []).map((spec) => placeNamed(spec, start));
  const { way } = wanted;
  if (way && canonicalAddress(way.address) === undefined)
    throw new VdiagError('not-an-address', `not an IP address: ${way.address}`, 'vdiag resolves no names: 10.9.0.3');
  if (way) assertInterface(start, way.interface, way.interface);
  const before = await takeTopology({
    // Interfaces named elsewhere alone: the topology around them is the one that matters.
    start: way || named.length === 0 ? start : (named[0]?.netns ?? start),
    home,
    ...(way ? { interfaceName: way.interface, targetAddress: way.address } : {}),
    ...(wanted.signal ? { signal: wanted.signal } : {}),
  });
  if (!way && named.length === 0) return { before, namespaces: handlesOf(before, handles) };
  const only = new Map(named.map(({ place }) => [placeKey(place), place]));
  if (way) {
    const first = { netns: before.start, name: way.interface };
    const path = expectPath(before, { start: first, destination: way.address });
    for (const place of [first, ...placesOf(path)]) only.set(placeKey(place), place);
  }
  const ids = new Set([...only.values()].map(({ netns }) => netns));
  const known = [...handlesOf(before, handles), ...named.map(({ netns }) => netns)];
  const namespaces = [...new Map(known.map((handle) => [handle.id, handle])).values()].filter(({ id }) => ids.has(id));
  return { before, namespaces, only: [...only.values()] };
}

function handlesOf(topology: Topology, handles: readonly NetnsHandle[]): NetnsHandle[] {
  return topology.namespaces.flatMap((namespace) => {
    const handle = handles.find(({ inode }) => inode === namespace.inode);
    // One that was found by its path alone is in no list.
    const { id, inode, path } = namespace;
    return handle ? [{ ...handle, id }] : [{ id, inode, path, names: [], pids: [] }];
  });
}

function placeNamed(spec: string, start: NetnsHandle): { netns: NetnsHandle; place: Place } {
  const at = spec.lastIndexOf('@');
  const netns = at < 0 ? start : resolveNetns(spec.slice(at + 1));
  const name = at < 0 ? spec : spec.slice(0, at);
  assertInterface(netns, name, spec);
  return { netns, place: { netns: netns.id, name } };
}

function assertInterface(netns: NetnsHandle, name: string, spec: string): void {
  const names = [...insideNetns(netns, listInterfaces).values()];
  if (names.includes(name)) return;
  const near = nearestNames(name, names);
  throw new VdiagError(
    'no-such-interface',
    `no such interface: ${spec}`,
    near.length > 0 ? `did you mean ${near.join(', ')}?` : `there is ${names.join(', ') || 'none'}`,
  );
}
