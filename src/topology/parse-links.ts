/** `ip -j -d addr show`: links, their addresses, and the settings of bridges and bridge ports (ip-link(8)). */
import { canonicalAddress, familyBits } from './address.ts';
import { child, field, flag, has, integer, isObject, type JsonObject, objects, strings, text } from './json.ts';
import type { Address, BridgePort, BridgeSettings, Link, PortState } from './model.ts';

/** A link, and the number its namespace gives to the namespace of its peer: `Link.peer.netns` is filled in once it is known. */
export interface ParsedLink {
  readonly link: Link;
  /** IFLA_LINK_NETNSID: the other end, or the lower device or the tunnel's socket, is in the namespace with this number. */
  readonly linkNetnsid?: number;
  /** The peer or lower device is in the same namespace. */
  readonly peerIsHere: boolean;
}

/** Links in the kernel's order. Entries without a number or a name are left out, as are repeated ones. */
export function parseLinks(json: unknown): ParsedLink[] {
  const entries = objects(json).filter((entry) => integer(entry, 'ifindex') !== undefined && text(entry, 'ifname'));
  const indexes = new Map<string, number>();
  for (const entry of entries) {
    const name = text(entry, 'ifname') ?? '';
    if (!indexes.has(name)) indexes.set(name, integer(entry, 'ifindex') ?? 0);
  }
  const seen = new Set<number>();
  const links: ParsedLink[] = [];
  for (const entry of entries) {
    const parsed = parseLink(entry, indexes);
    if (seen.has(parsed.link.index)) continue;
    seen.add(parsed.link.index);
    links.push(parsed);
  }
  return links;
}

function parseLink(entry: JsonObject, indexes: ReadonlyMap<string, number>): ParsedLink {
  const index = integer(entry, 'ifindex') ?? 0;
  const info = child(entry, 'linkinfo');
  const kind = text(info, 'info_kind') ?? (text(entry, 'link_type') === 'loopback' ? 'loopback' : 'physical');
  const isPort = text(info, 'info_slave_kind') === 'bridge';
  const linkNetnsid = integer(entry, 'link_netnsid');
  const peer = peerIndex(entry, kind, index, indexes);
  const master = indexes.get(text(entry, 'master') ?? '');
  const mac = (text(entry, 'address') ?? '').toLowerCase();
  const link: Link = {
    index,
    name: text(entry, 'ifname') ?? '',
    kind,
    mac: /^[0-9a-f]{2}(:[0-9a-f]{2}){5,31}$/.test(mac) ? mac : '',
    flags: strings(entry, 'flags'),
    operstate: (text(entry, 'operstate') ?? 'unknown').toLowerCase(),
    mtu: integer(entry, 'mtu') ?? 0,
    addresses: objects(field(entry, 'addr_info')).flatMap((item) => parseAddressEntry(item) ?? []),
    ...(master !== undefined && { master }),
    ...(peer !== undefined && { peer: { index: peer } }),
    ...(kind === 'bridge' && { bridge: parseBridge(child(info, 'info_data')) }),
    ...(isPort && { port: parsePort(child(info, 'info_slave_data')) }),
    ipv4: {},
    ipv6: {},
    data: otherData(entry, kind, child(info, 'info_data')),
  };
  const elsewhere = linkNetnsid !== undefined && linkNetnsid >= 0;
  return {
    link,
    ...(elsewhere && { linkNetnsid }),
    peerIsHere: peer !== undefined && !elsewhere && text(entry, 'link') !== undefined,
  };
}

/**
 * The number of the other end. In the same namespace iproute2 prints its name (`link`), else its number (`link_index`).
 * A device that has no lower device reports its own number once it was moved to another namespace (dev_get_iflink() in
 * net/core/dev.c): that is no peer. Only pairs and stacked devices can truly have one with an equal number elsewhere.
 */
function peerIndex(
  entry: JsonObject,
  kind: string,
  own: number,
  indexes: ReadonlyMap<string, number>,
): number | undefined {
  const name = text(entry, 'link');
  if (name !== undefined) return indexes.get(name) ?? integer({ name: name.replace(/^if/, '') }, 'name');
  const index = integer(entry, 'link_index');
  if (index === undefined || index <= 0) return undefined;
  return index === own && !kindsWithLink.has(kind) ? undefined : index;
}

/** Kinds whose IFLA_LINK may truly equal their own number. */
export const kindsWithLink: ReadonlySet<string> = new Set(
  'veth netkit macvlan macvtap ipvlan ipvtap vlan macsec hsr dsa ipoib vxcan'.split(' '),
);

function parseAddressEntry(entry: JsonObject): Address | undefined {
  const family = text(entry, 'family') === 'inet' ? 4 : text(entry, 'family') === 'inet6' ? 6 : undefined;
  const peer = canonicalAddress(text(entry, 'address') ?? '');
  const address = canonicalAddress(text(entry, 'local') ?? '') ?? peer;
  if (family === undefined || address === undefined) return undefined;
  const length = integer(entry, 'prefixlen') ?? familyBits(family);
  return {
    family,
    address,
    prefixLength: Math.min(Math.max(length, 0), familyBits(family)),
    scope: text(entry, 'scope') ?? 'global',
    ...(peer !== undefined && peer !== address && { peer }),
    flags: Object.keys(entry).filter((key) => entry[key] === true),
  };
}

/** Fields of a bridge's info_data that {@link BridgeSettings} holds, and those that only count down. */
const bridgeFields =
  /^(stp_state|forward_delay|ageing_time|vlan_filtering|mcast_snooping|group_addr|nf_call_(ip|arp)tables|.*_timer)$/;

function parseBridge(data: JsonObject): BridgeSettings {
  const groupAddress = text(data, 'group_addr');
  return {
    stp: (integer(data, 'stp_state') ?? 0) !== 0,
    forwardDelay: integer(data, 'forward_delay') ?? 1500,
    ageingTime: integer(data, 'ageing_time') ?? 30000,
    vlanFiltering: flag(data, 'vlan_filtering', false),
    mcastSnooping: flag(data, 'mcast_snooping', false),
    nfCallIptables: flag(data, 'nf_call_iptables', false),
    nfCallArptables: flag(data, 'nf_call_arptables', false),
    ...(groupAddress !== undefined && { groupAddress }),
  };
}

const portStates: readonly PortState[] = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'];

/** The flags that an older kernel or iproute2 does not print have the value they have without the feature. */
function parsePort(data: JsonObject): BridgePort {
  const state = text(data, 'state')?.toLowerCase();
  return {
    state: portStates.find((known) => known === state) ?? portStates[integer(data, 'state') ?? 3] ?? 'forwarding',
    hairpin: flag(data, 'hairpin', false),
    isolated: flag(data, 'isolated', false),
    locked: flag(data, 'locked', false),
    learning: flag(data, 'learning', true),
    flood: flag(data, 'flood', true),
    mcastFlood: flag(data, 'mcast_flood', true),
    bcastFlood: flag(data, 'bcast_flood', true),
    neighSuppress: flag(data, 'neigh_suppress', false),
    proxyArp: flag(data, 'proxy_arp', false),
    vlans: [],
  };
}

/**
 * info_data without what has a field of its own, and four things beside it that gates read: `qdisc`, `xdp`, `promiscuity`
 * and `altnames`.
 */
function otherData(entry: JsonObject, kind: string, data: JsonObject): Record<string, unknown> {
  const kept = Object.entries(data).filter(([key]) => kind !== 'bridge' || !bridgeFields.test(key));
  for (const key of ['qdisc', 'promiscuity', 'altnames']) if (has(entry, key)) kept.push([key, field(entry, key)]);
  if (isObject(field(entry, 'xdp'))) kept.push(['xdp', field(entry, 'xdp')]);
  return Object.fromEntries(kept);
}

/** `bridge -j vlan show`: the VLANs of each port, by its name (bridge(8)). Ranges are written out. */
export function parseVlans(json: unknown): ReadonlyMap<string, BridgePort['vlans']> {
  const ports = new Map<string, BridgePort['vlans']>();
  for (const entry of objects(json)) {
    const name = text(entry, 'ifname');
    if (name === undefined) continue;
    const vlans = new Map<number, BridgePort['vlans'][number]>();
    for (const item of objects(field(entry, 'vlans'))) {
      const first = Math.max(integer(item, 'vlan') ?? 4096, 0);
      const last = Math.min(integer(item, 'vlanEnd') ?? first, 4094);
      const flags = strings(item, 'flags');
      for (let id = first; id <= last; id++)
        vlans.set(id, { id, pvid: flags.includes('PVID'), untagged: flags.includes('Egress Untagged') });
    }
    ports.set(name, [...vlans.values()]);
  }
  return ports;
}
