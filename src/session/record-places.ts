/** Where a recording listens: everywhere around, on the way to an address, or on the interfaces that were named. */
import { attachContainers } from '../containers/attach.ts';
import { VdiagError } from '../linux/error.ts';
import type { NetnsHandle } from '../linux/netns.ts';
import { expectPath } from '../path/expect.ts';
import { placesOf } from '../path/model.ts';
import { canonicalAddress } from '../topology/address.ts';
import { takeTopology } from '../topology/collect.ts';
import type { Topology } from '../topology/model.ts';
import { type Place, placeKey } from '../trace/frame.ts';
import { locate } from './locate.ts';
import {
  homeNetns,
  interfacesOf,
  type Known,
  lookAround,
  meantNetns,
  meantPlaces,
  noInterface,
} from './whereabouts.ts';

export interface PlacesWanted {
  /** `IFACE` of `netns`, `IFACE@NETNS`, or a container: all its interfaces. */
  readonly on?: readonly string[];
  /** The way from an interface of `netns`, or a container, to an address or another container, as the kernel should take it. */
  readonly way?: { readonly interface: string; readonly address: string };
  /** A name, a process id, a path or a container. Default: the namespace of this process. */
  readonly netns?: string;
  /** Told what was chosen where a container was named, one line each. */
  readonly onNote?: (line: string) => void;
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
  const known = await lookAround();
  const { handles } = known;
  const home = homeNetns(known);
  const located = wanted.way && locate({ ...wanted.way, ...(wanted.netns && { netns: wanted.netns }) }, known);
  for (const note of located?.notes ?? []) wanted.onNote?.(note);
  const start = located?.start ?? (wanted.netns === undefined ? home : meantNetns(wanted.netns, known).netns);
  const named = (wanted.on ?? []).flatMap((spec) => placesNamed(spec, start, known));
  const way = located && { interface: located.interface, address: located.address };
  if (way && canonicalAddress(way.address) === undefined)
    throw new VdiagError('not-an-address', `not an IP address: ${way.address}`, 'vdiag asks no DNS: 10.9.0.3');
  if (way && !interfacesOf(start).includes(way.interface))
    throw noInterface(way.interface, way.interface, interfacesOf(start));
  const taken = await takeTopology({
    // Interfaces named elsewhere alone: the topology around them is the one that matters.
    start: way || named.length === 0 ? start : (named[0]?.netns ?? start),
    home,
    ...(way ? { interfaceName: way.interface, targetAddress: way.address } : {}),
    ...(wanted.signal ? { signal: wanted.signal } : {}),
  });
  const before = attachContainers(taken, known.directory);
  if (!way && named.length === 0) return { before, namespaces: handlesOf(before, handles) };
  const only = new Map(named.map(({ place }) => [placeKey(place), place]));
  if (way) {
    const first = { netns: before.start, name: way.interface };
    const path = expectPath(before, { start: first, destination: way.address });
    for (const place of [first, ...placesOf(path)]) only.set(placeKey(place), place);
  }
  const ids = new Set([...only.values()].map(({ netns }) => netns));
  const candidates = [...handlesOf(before, handles), ...named.map(({ netns }) => netns)];
  const namespaces = [...new Map(candidates.map((handle) => [handle.id, handle])).values()].filter(({ id }) =>
    ids.has(id),
  );
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

function placesNamed(spec: string, start: NetnsHandle, known: Known): { netns: NetnsHandle; place: Place }[] {
  const { netns, names } = meantPlaces(spec, start, known);
  return names.map((name) => ({ netns, place: { netns: netns.id, name } }));
}
