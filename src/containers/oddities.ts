/** What is odd about a map, seen from state alone: no packet is sent, so each is a place to look at and not yet a fault. */
import { isLinkLocal } from '../topology/address.ts';
import { type HostMap, isPair, type LinkFinder, type MapLink, type MapNamespace } from './host-map.ts';
import { type Segment, segmentsOf } from './segments.ts';

export type OddityKind =
  | 'port-detached'
  | 'peer-down'
  | 'peer-unseen'
  | 'bridge-down'
  | 'no-address'
  | 'no-network'
  | 'duplicate-mac'
  | 'duplicate-address'
  | 'gateway-unowned';

export interface Oddity {
  readonly kind: OddityKind;
  readonly netns: string;
  /** Absent where it is about the whole namespace. */
  readonly interface?: string;
  /** In a few words, beside the link it is about. */
  readonly mark: string;
  /** One sentence, without a full stop. */
  readonly text: string;
}

/** In the order of the map. */
export function odditiesOf(map: HostMap, finder: LinkFinder): Oddity[] {
  const segments = segmentsOf(map, finder);
  const found = [
    ...map.namespaces.flatMap((namespace) => [
      ...ofNamespace(namespace, map),
      ...namespace.links.flatMap((link) => ofLink({ namespace, link }, finder)),
    ]),
    ...segments.flatMap(duplicates),
    ...gateways(map, segments),
  ];
  const unseen = found.filter(({ kind }) => kind === 'peer-unseen');
  const said = unseen.length > 1 ? unseenText(map, unseen) : undefined;
  const order = new Map(map.namespaces.map(({ id }, at) => [id, at]));
  return found
    .map((oddity) => (said !== undefined && oddity.kind === 'peer-unseen' ? { ...oddity, text: said } : oddity))
    .sort((a, b) => (order.get(a.netns) ?? 0) - (order.get(b.netns) ?? 0));
}

/** One sentence for all: without privileges it is every pair of the machine. */
function unseenText({ namespaces }: HostMap, unseen: readonly Oddity[]): string {
  const names = unseen.flatMap(({ netns, interface: name }) =>
    namespaces.flatMap((namespace) =>
      namespace.id === netns
        ? namespace.links.filter((link) => link.name === name).map((link) => nameOf({ namespace, link }))
        : [],
    ),
  );
  return `the other ends of ${listed(names)} are in namespaces that cannot be seen from here`;
}

function ofNamespace(namespace: MapNamespace, { home }: HostMap): Oddity[] {
  const { id, links, tenants, label } = namespace;
  if (id === home || tenants.length === 0 || links.some(({ kind }) => kind !== 'loopback')) return [];
  // It may be meant (--network none): only the mark says so, and no alarm.
  return [{ kind: 'no-network', netns: id, mark: 'no network', text: `${label} has no interface but lo` }];
}

function ofLink(at: MapLink, finder: LinkFinder): Oddity[] {
  const { namespace, link } = at;
  const where = { netns: namespace.id, interface: link.name };
  const found: Oddity[] = [];
  const peer = finder.peer(at);
  if (link.peer && isPair(link) && !peer && link.peer.netns === undefined)
    found.push({
      ...where,
      kind: 'peer-unseen',
      mark: 'other end not to be seen',
      text: `the other end of ${nameOf(at)} is in a namespace that cannot be seen from here`,
    });
  if (peer && isUp(at) && !isUp(peer))
    found.push({
      ...where,
      kind: 'peer-down',
      mark: 'other end down',
      text: `${nameOf(peer)}, the other end of ${nameOf(at)}, is down`,
    });
  if (peer && isDetached(at, peer, finder))
    found.push({
      ...where,
      kind: 'port-detached',
      mark: 'in no bridge',
      text: `${nameOf(at)} is in no bridge and has no address and no route: ${nameOf(peer)} leads nowhere`,
    });
  if (link.bridge && !isUp(at) && finder.ports(at).length > 0)
    found.push({ ...where, kind: 'bridge-down', mark: 'down', text: `${nameOf(at)} is down, and has ports` });
  if (lacksAddress(at, finder))
    found.push({ ...where, kind: 'no-address', mark: 'no address', text: `${nameOf(at)} is up and has no address` });
  return found;
}

function isUp({ link }: MapLink): boolean {
  return link.flags.includes('UP');
}

/** An address that is good for more than the link itself. */
function hasAddress({ link }: MapLink): boolean {
  return link.addresses.some(({ family, address }) => family === 4 || !isLinkLocal(address));
}

/**
 * The host's end of a container's pair that nothing uses. Routed containers (Calico, ptp) have a route to it, and Cilium
 * forwards from programs on the device: where one of its devices is, nothing is said.
 */
function isDetached(at: MapLink, peer: MapLink, finder: LinkFinder): boolean {
  const { namespace, link } = at;
  if (peer.namespace.id === namespace.id || link.master !== undefined || peer.link.master !== undefined) return false;
  if (hasAddress(at) || !hasAddress(peer) || finder.uppers(at).length > 0) return false;
  const leads = namespace.routes.some(
    ({ isAutomatic, nextHops }) => !isAutomatic && nextHops.some(({ device }) => device === link.index),
  );
  return !leads && !namespace.links.some(({ name }) => name.startsWith('cilium_'));
}

/** The only way out of a namespace that somebody lives in, or that has a name: up, and without an address. */
function lacksAddress(at: MapLink, finder: LinkFinder): boolean {
  const { namespace, link } = at;
  const leaf = namespace.links.filter(({ kind }) => kind !== 'loopback').length === 1;
  if (!leaf || !isUp(at) || hasAddress(at) || link.master !== undefined) return false;
  if (!isPair(link) && link.kind !== 'macvlan' && link.kind !== 'ipvlan') return false;
  const peer = finder.peer(at);
  // Both ends bare: a pair that waits to be used.
  return peer ? peer.link.master !== undefined || hasAddress(peer) : !isPair(link);
}

/** One hardware or IP address on two ends of a segment, in two namespaces. */
function duplicates({ links, divided }: Segment): Oddity[] {
  if (divided) return [];
  // A port has no address of its own on the segment, and a bridge takes that of one of its ports.
  const ends = links.filter(
    ({ link }) => link.master === undefined && isUpLink(link.flags) && !/^ip(vlan|vtap)$/.test(link.kind),
  );
  const found: Oddity[] = [];
  for (const [mac, owners] of grouped(ends, ({ link }) => (link.mac === '' ? [] : [link.mac])))
    if (owners.length > 1 && !arePair(owners) && !isStack(owners))
      found.push(...twice('duplicate-mac', `hardware address ${mac}`, owners));
  const addresses = (end: MapLink): string[] =>
    end.link.addresses.flatMap(({ address, flags }) =>
      isLinkLocal(address) || flags.includes('dadfailed') ? [] : [address],
    );
  for (const [address, owners] of grouped(ends, addresses))
    if (new Set(owners.map(({ namespace }) => namespace.id)).size > 1)
      found.push(...twice('duplicate-address', address, owners));
  return found;
}

function isUpLink(flags: readonly string[]): boolean {
  return flags.includes('UP');
}

/** The two ends of one pair may share an address, since neither hears itself. */
function arePair([a, b, ...more]: readonly MapLink[]): boolean {
  return (
    a !== undefined &&
    b !== undefined &&
    more.length === 0 &&
    a.link.peer?.index === b.link.index &&
    b.link.peer?.index === a.link.index
  );
}

/** A macvlan in passthru mode has the address of the device below it. */
function isStack(owners: readonly MapLink[]): boolean {
  return owners.some(({ link }) => link.data.mode === 'passthru');
}

const mostListed = 4;

function twice(kind: OddityKind, what: string, owners: readonly MapLink[]): Oddity[] {
  return owners.map((owner) => {
    const others = owners.filter((other) => other !== owner).map(nameOf);
    const shown = others.slice(0, 3).join(', ') + (others.length > 3 ? ` and ${others.length - 3} more` : '');
    return {
      kind,
      netns: owner.namespace.id,
      interface: owner.link.name,
      mark: `${kind === 'duplicate-mac' ? 'hardware address' : what} also at ${shown}`,
      // One sentence for all of them: it is said once.
      text: `${what} is given ${times(owners.length)}: to ${listed(owners.map(nameOf))}`,
    };
  });
}

function times(count: number): string {
  return count === 2 ? 'twice' : `${count} times`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, mostListed);
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}

function grouped(links: readonly MapLink[], keys: (link: MapLink) => readonly string[]): Map<string, MapLink[]> {
  const groups = new Map<string, MapLink[]>();
  for (const link of links) for (const key of keys(link)) groups.set(key, [...(groups.get(key) ?? []), link]);
  return groups;
}

/** Default routes to an address that nobody on the whole, visible segment has. */
function gateways({ namespaces }: HostMap, segments: readonly Segment[]): Oddity[] {
  const segmentAt = new Map<string, Segment>();
  for (const segment of segments)
    for (const { namespace, link } of segment.links) segmentAt.set(`${link.index} ${namespace.id}`, segment);
  return namespaces.flatMap((namespace) =>
    namespace.routes
      .filter(({ isDefault, main }) => isDefault && main)
      .flatMap(({ nextHops }) => nextHops)
      .flatMap(({ device, gateway }): Oddity[] => {
        const segment = segmentAt.get(`${device} ${namespace.id}`);
        const link = namespace.links.find(({ index }) => index === device);
        if (gateway === undefined || !link || !segment?.closed || isLinkLocal(gateway)) return [];
        // Calico's way: a gateway that no one has, answered by proxy ARP.
        if (gateway.startsWith('169.254.')) return [];
        if (segment.links.some((end) => end.link.addresses.some(({ address }) => address === gateway))) return [];
        return [
          {
            kind: 'gateway-unowned',
            netns: namespace.id,
            interface: link.name,
            mark: `nobody has its gateway ${gateway}`,
            text: `the gateway of ${namespace.label}, ${gateway}, belongs to nobody on the network of ${link.name}`,
          },
        ];
      }),
  );
}

/** "eth0 of web", "docker0" in this namespace. */
export function nameOf({ namespace, link }: MapLink): string {
  return namespace.label === 'this namespace' ? link.name : `${link.name} of ${namespace.label}`;
}
