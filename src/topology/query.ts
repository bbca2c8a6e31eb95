/** Looking things up in a topology. Interface numbers and names only mean something together with their namespace. */
import { canonicalAddress, type Family } from './address.ts';
import type { Address, Link, Namespace, NetnsId, Topology } from './model.ts';

export { nearestNames, someOf } from '../linux/nearest.ts';
export { ipv4Setting, ipv6Setting } from './setting.ts';

export interface LinkAt {
  readonly namespace: Namespace;
  readonly link: Link;
}

export function namespaceOf(topology: Topology, id: NetnsId): Namespace | undefined {
  return topology.namespaces.find((namespace) => namespace.id === id);
}

/** The link with this name in this namespace. */
export function linkOf(
  topology: Topology,
  place: { readonly netns: NetnsId; readonly name: string },
): Link | undefined {
  return namespaceOf(topology, place.netns)?.links.find((link) => link.name === place.name);
}

export function linkByIndex(namespace: Namespace, index: number): Link | undefined {
  return namespace.links.find((link) => link.index === index);
}

/** Devices that come in pairs: what enters one end leaves the other. */
const pairKinds: ReadonlySet<string> = new Set(['veth', 'netkit', 'vxcan']);

/**
 * The other end of a veth pair, wherever it is; undefined for other devices, and where the other end is in a namespace that
 * is not in this topology. Found by namespace and number: the same number is something else in another namespace.
 */
export function peerOf(topology: Topology, netns: NetnsId, link: Link): LinkAt | undefined {
  if (!pairKinds.has(link.kind)) return undefined;
  const found = linked(topology, link);
  if (!found || !pairKinds.has(found.link.kind)) return undefined;
  // The other end must name this one: a saved topology may say anything.
  const back = found.link.peer;
  if (!back || back.index !== link.index) return undefined;
  return back.netns === undefined || back.netns === netns ? found : undefined;
}

/** The device that a macvlan, ipvlan, vlan … sits on, in its own namespace or another one. */
export function lowerOf(topology: Topology, link: Link): LinkAt | undefined {
  return pairKinds.has(link.kind) ? undefined : linked(topology, link);
}

function linked(topology: Topology, link: Link): LinkAt | undefined {
  if (link.peer?.netns === undefined) return undefined;
  const namespace = namespaceOf(topology, link.peer.netns);
  const other = namespace && linkByIndex(namespace, link.peer.index);
  return namespace && other ? { namespace, link: other } : undefined;
}

/** The bridge, bond or VRF that a link is a port of. */
export function masterOf(namespace: Namespace, link: Link): Link | undefined {
  return link.master === undefined ? undefined : linkByIndex(namespace, link.master);
}

/** The ports of a bridge (or bond, or VRF), in the kernel's order. */
export function portsOf(namespace: Namespace, bridge: Link): Link[] {
  return namespace.links.filter((link) => link.master === bridge.index);
}

/**
 * Every interface that owns an address, in all namespaces of the topology, also addresses that are tentative or on a link
 * that is down. None for text that is no address.
 */
export function ownersOf(topology: Topology, address: string): (LinkAt & { readonly address: Address })[] {
  const wanted = canonicalAddress(address);
  const owners: (LinkAt & { readonly address: Address })[] = [];
  if (wanted === undefined) return owners;
  for (const namespace of topology.namespaces)
    for (const link of namespace.links)
      for (const own of link.addresses) if (own.address === wanted) owners.push({ namespace, link, address: own });
  return owners;
}

export function addressesOf(link: Pick<Link, 'addresses'>, family: Family): Address[] {
  return link.addresses.filter((address) => address.family === family);
}

/** Administratively up (IFF_UP). */
export function isUp(link: Link): boolean {
  return link.flags.includes('UP');
}

/**
 * IFF_LOWER_UP: the device has carrier. Of a link that is down iproute2 says nothing about it, so neither end of a pair has
 * carrier while one of them is down.
 */
export function hasCarrier(link: Link): boolean {
  return link.flags.includes('LOWER_UP') && !link.flags.includes('NO-CARRIER');
}
