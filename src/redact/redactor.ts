/**
 * Redaction: addresses, hardware addresses and names replaced by others, the same by the same everywhere. What is captured and
 * what the kernel said is replaced before it is diagnosed, so that no sentence about it can say more.
 */
import { VdiagError } from '../linux/error.ts';
import type { Filters, NetnsId, Topology } from '../topology/model.ts';
import type { Frame, Place } from '../trace/frame.ts';
import { parseIpv4 } from '../wire/text.ts';
import { TunnelPort } from '../wire/tunnel.ts';
import { type AddressReplacer, createAddressReplacer, isTelling, type KnownPrefixes } from './addresses.ts';
import { filterPrefixes, learnFilterNames } from './filter-names.ts';
import { replaceFrame } from './link-layer.ts';
import { createNames, isGenericInterface, type Names } from './names.ts';
import { PacketBytes } from './packet-bytes.ts';
import type { BitPrefix } from './prefix-tree.ts';
import { createSecret, type Secret } from './secret.ts';
import { createTextReplacer } from './text.ts';
import { replaceContainer, replaceNetns, replacePath, replaceTopology } from './topology.ts';

export interface Redactor {
  readonly names: Names;
  /** An address, a prefix or a hardware address; anything else comes back as it is. */
  address(text: string): string;
  netns(id: NetnsId): NetnsId;
  place(place: Place): Place;
  /** Everything in it that has another name now. */
  text(text: string): string;
  topology(topology: Topology): Topology;
  /** Its bytes replaced, and where it was sighted. */
  frame(frame: Frame): Frame;
}

export interface RedactorOptions {
  /** What is known of the machine: its prefixes and names. */
  readonly topologies?: readonly Topology[];
  /** 8 bytes each: what vdiag's own probes carry. */
  readonly tokens?: readonly Uint8Array[];
  /** UDP ports that carry VXLAN, beside the usual ones. */
  readonly vxlanPorts?: ReadonlySet<number>;
  /** Further names that will be met: of containers and networks. */
  readonly learn?: (names: Names) => void;
  /** Default: a new one, which nobody keeps. */
  readonly secret?: Uint8Array;
}

/** Secrets that are tried until none of the machine's own addresses is the replacement of another. */
const ATTEMPTS = 64;

export function createRedactor(options: RedactorOptions = {}): Redactor {
  const { topologies = [], tokens = [], vxlanPorts = new Set() } = options;
  const known = knownPrefixes(topologies);
  const { secret, addresses } = settled(options.secret, known, ownAddresses(topologies));
  const names = createNames(secret);
  for (const topology of topologies) learnNames(topology, names);
  options.learn?.(names);
  const address = (text: string): string => {
    const [plain = '', zone] = text.split('%');
    return (addresses.text(plain) ?? plain) + (zone === undefined ? '' : `%${names.interface(zone)}`);
  };
  const netns = (id: NetnsId): NetnsId => replaceNetns(id, names);
  const place = ({ netns: id, name }: Place): Place => ({ netns: netns(id), name: placeName(name, names) });
  let replaceText = createTextReplacer(addresses, names.replaced());
  let replacedNames = names.replaced().size;
  const text = (given: string): string => {
    const now = names.replaced();
    if (now.size !== replacedNames) {
      replaceText = createTextReplacer(addresses, now);
      replacedNames = now.size;
    }
    return replaceText(given);
  };
  const ports = new Set<number>([TunnelPort.vxlan, TunnelPort.vxlanLinux, ...vxlanPorts]);
  return {
    names,
    address,
    netns,
    place,
    text,
    topology: (topology) => replaceTopology(topology, { names, address, text, netns }),
    frame(frame) {
      const packet = new PacketBytes(Uint8Array.from(frame.bytes), { addresses, tokens, vxlanPorts: ports });
      replaceFrame(packet, frame.linkType ?? 'ethernet');
      return { ...frame, bytes: packet.bytes, place: place(frame.place) };
    },
  };
}

/** "eth0 (web)": one of two captures that have the same interface. */
function placeName(name: string, names: Names): string {
  const parts = /^(.+) \((.+)\)$/.exec(name);
  return parts ? `${names.interface(parts[1] ?? '')} (${names.named(parts[2] ?? '', 'name')})` : names.interface(name);
}

function settled(
  given: Uint8Array | undefined,
  known: KnownPrefixes,
  own: ReadonlySet<string>,
): { secret: Secret; addresses: AddressReplacer } {
  const base = createSecret(given);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const secret = createSecret(base.digest(`attempt ${attempt}`));
    const addresses = createAddressReplacer(secret, known);
    if ([...own].every((address) => !own.has(addresses.text(address) ?? address))) return { secret, addresses };
  }
  throw new VdiagError(
    'usage',
    'the addresses of this machine leave no room to replace them all',
    'leave --redact out, or replace them by hand',
  );
}

function ownAddresses(topologies: readonly Topology[]): Set<string> {
  const all = topologies.flatMap(({ namespaces }) =>
    namespaces.flatMap(({ links, neighbours, routes }) => [
      ...links.flatMap(({ mac, addresses }) => [mac, ...addresses.map(({ address }) => address)]),
      ...neighbours.flatMap(({ address, mac }) => [address, mac ?? '']),
      ...routes.flatMap(({ nextHops }) => nextHops.map(({ gateway }) => gateway ?? '')),
    ]),
  );
  return new Set(all.filter(isTelling));
}

function knownPrefixes(topologies: readonly Topology[]): KnownPrefixes {
  const namespaces = topologies.flatMap((topology) => topology.namespaces);
  const subnets = namespaces.flatMap(({ links }) =>
    links.flatMap(({ addresses }) =>
      addresses.flatMap(({ address, peer, prefixLength }) => prefixOf(`${peer ?? address}/${prefixLength}`)),
    ),
  );
  const parts = namespaces.flatMap(({ routes, rules, filters }) =>
    [
      ...routes.map(({ destination }) => destination),
      ...rules.flatMap(({ from, to }) => [from ?? '', to ?? '']),
      ...filterPrefixes(filters),
    ].flatMap(prefixOf),
  );
  return { subnets: distinct(subnets), parts: distinct(parts) };
}

function prefixOf(text: string): BitPrefix[] {
  const [address = '', length = '32'] = text.split('/');
  const bytes = parseIpv4(address);
  return bytes === undefined ? [] : [{ bytes, length: Number(length) }];
}

function distinct(prefixes: readonly BitPrefix[]): BitPrefix[] {
  return [...new Map(prefixes.map((prefix) => [`${prefix.bytes.join('.')}/${prefix.length}`, prefix])).values()];
}

/** Those that stay first: no name may be given to two. */
function learnNames({ namespaces }: Topology, names: Names): void {
  // By name: where one of several is told of, it is the first of them then too.
  const links = namespaces.flatMap((namespace) => namespace.links).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name } of links.filter((link) => isGenericInterface(link.name))) names.interface(name);
  for (const { name, kind } of links) names.interface(name, kind);
  for (const namespace of namespaces) {
    for (const name of namespace.names) names.named(name, 'netns');
    replacePath(namespace.path, names);
    replaceNetns(namespace.id, names);
    for (const container of namespace.containers ?? []) replaceContainer(container, names);
    for (const { table } of namespace.routes) names.named(table, 'table');
    learnFilterNames(namespace.filters satisfies Filters, names);
  }
}
