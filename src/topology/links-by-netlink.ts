/**
 * Links and addresses straight from the kernel (RTM_GETLINK, RTM_GETADDR; rtnetlink(7)): what `ip -j -d addr show` prints,
 * for commands that look at every namespace of a machine, where a program for each would take seconds.
 */
import {
  type Attributes,
  attribute,
  attributesIn,
  type RouteSocket,
  RTM_GETLINK,
  s32,
  textIn,
  u8,
  u16,
  u32,
  u32Bytes,
} from '../linux/rtnetlink.ts';
import { addressIn, dumpAddresses } from './addresses-by-netlink.ts';
import type { Address, BridgePort, BridgeSettings, Link, PortState } from './model.ts';
import { kindsWithLink, type ParsedLink } from './parse-links.ts';

/** include/uapi/linux/if_link.h */
const IFLA = {
  address: 1,
  ifname: 3,
  mtu: 4,
  link: 5,
  qdisc: 6,
  master: 10,
  operstate: 16,
  linkinfo: 18,
  extMask: 29,
  promiscuity: 30,
  linkNetnsid: 37,
  propList: 52,
  altIfname: 53,
} as const;
const INFO = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 } as const;
const BRIDGE = {
  forwardDelay: 1,
  ageing: 4,
  stp: 5,
  vlanFiltering: 7,
  groupAddress: 20,
  snooping: 23,
  ipt: 36,
  arpt: 38,
};
const PORT = {
  state: 1,
  hairpin: 4,
  learning: 8,
  flood: 9,
  proxyArp: 10,
  mcastFlood: 27,
  bcastFlood: 30,
  neighSuppress: 32,
  isolated: 33,
  locked: 39,
};
const ARPHRD_LOOPBACK = 772;
/** Counters are not asked for: they are half of each answer. */
const RTEXT_FILTER_SKIP_STATS = 8;
const ifinfoBytes = 16;
/** More than the kernel's own tables hold of links in practice; memory stays bounded. */
const most = 1 << 16;

/** include/uapi/linux/if.h, in the order and with the names of ip-link(8). */
const flagNames: readonly (readonly [number, string])[] = [
  [0x8, 'LOOPBACK'],
  [0x2, 'BROADCAST'],
  [0x10, 'POINTOPOINT'],
  [0x1000, 'MULTICAST'],
  [0x80, 'NOARP'],
  [0x200, 'ALLMULTI'],
  [0x100, 'PROMISC'],
  [0x400, 'MASTER'],
  [0x800, 'SLAVE'],
  [0x4, 'DEBUG'],
  [0x8000, 'DYNAMIC'],
  [0x4000, 'AUTOMEDIA'],
  [0x2000, 'PORTSEL'],
  [0x20, 'NOTRAILERS'],
  [0x1, 'UP'],
  [0x10000, 'LOWER_UP'],
  [0x20000, 'DORMANT'],
  [0x40000, 'ECHO'],
];
const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;
/** RFC 2863, as include/uapi/linux/if.h numbers them. */
const operStates = ['unknown', 'notpresent', 'down', 'lowerlayerdown', 'testing', 'dormant', 'up'];
const portStates: readonly PortState[] = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'];
const macvlanModes: Readonly<Record<number, string>> = {
  1: 'private',
  2: 'vepa',
  4: 'bridge',
  8: 'passthru',
  16: 'source',
};
const ipvlanModes = ['l2', 'l3', 'l3s'];

/**
 * The links of the socket's namespace as {@link parseLinks} gives them, in the kernel's order, with what `data` holds of
 * macvlan, ipvlan, vlan, vxlan and tun. Undefined when the kernel does not say.
 */
export function dumpLinks(socket: RouteSocket): ParsedLink[] | undefined {
  const mask = attribute(IFLA.extMask, u32Bytes(RTEXT_FILTER_SKIP_STATS));
  const request = new Uint8Array(ifinfoBytes + mask.length);
  request.set(mask, ifinfoBytes);
  const { messages, errno } = socket.dump(RTM_GETLINK, request, most);
  if (errno !== 0) return undefined;
  const addresses = dumpAddresses(socket);
  return messages.flatMap((message) => parseLink(message, addresses) ?? []);
}

function parseLink(message: Uint8Array, addresses: ReadonlyMap<number, Address[]>): ParsedLink | undefined {
  const index = s32(message, 4);
  const attributes = attributesIn(message, ifinfoBytes);
  const name = textIn(attributes.get(IFLA.ifname));
  if (index === undefined || name === undefined) return undefined;
  const info = attributesIn(attributes.get(IFLA.linkinfo) ?? new Uint8Array());
  const kind = textIn(info.get(INFO.kind)) ?? (u16(message, 2) === ARPHRD_LOOPBACK ? 'loopback' : 'physical');
  const netnsid = s32(attributes.get(IFLA.linkNetnsid));
  const elsewhere = netnsid !== undefined && netnsid >= 0;
  const peer = peerIndex(s32(attributes.get(IFLA.link)), index, kind);
  const master = s32(attributes.get(IFLA.master));
  const data = attributesIn(info.get(INFO.data) ?? new Uint8Array());
  const link: Link = {
    index,
    name,
    kind,
    mac: macText(attributes.get(IFLA.address)),
    flags: linkFlags(u32(message, 8) ?? 0),
    operstate: operStates[u8(attributes.get(IFLA.operstate)) ?? 0] ?? 'unknown',
    mtu: u32(attributes.get(IFLA.mtu)) ?? 0,
    addresses: addresses.get(index) ?? [],
    ...(master !== undefined && master > 0 && { master }),
    ...(peer !== undefined && { peer: { index: peer } }),
    ...(kind === 'bridge' && { bridge: bridgeSettings(data) }),
    ...(textIn(info.get(INFO.slaveKind)) === 'bridge' && {
      port: bridgePort(attributesIn(info.get(INFO.slaveData) ?? new Uint8Array())),
    }),
    ipv4: {},
    ipv6: {},
    data: { ...kindData(kind, data), ...otherData(attributes) },
  };
  return {
    link,
    ...(elsewhere && { linkNetnsid: netnsid }),
    peerIsHere: peer !== undefined && !elsewhere,
  };
}

/** As in {@link parseLinks}: a device without a lower one reports its own number once it was moved. */
function peerIndex(link: number | undefined, own: number, kind: string): number | undefined {
  if (link === undefined || link <= 0) return undefined;
  return link === own && !kindsWithLink.has(kind) ? undefined : link;
}

function linkFlags(bits: number): string[] {
  const carrier = (bits & IFF_UP) !== 0 && (bits & IFF_RUNNING) === 0 ? ['NO-CARRIER'] : [];
  return [...carrier, ...flagNames.flatMap(([bit, name]) => ((bits & bit) !== 0 ? [name] : []))];
}

function macText(bytes: Uint8Array | undefined): string {
  if (!bytes || bytes.length < 6) return '';
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function bridgeSettings(data: Attributes): BridgeSettings {
  const groupAddress = macText(data.get(BRIDGE.groupAddress));
  return {
    stp: (u32(data.get(BRIDGE.stp)) ?? 0) !== 0,
    forwardDelay: u32(data.get(BRIDGE.forwardDelay)) ?? 1500,
    ageingTime: u32(data.get(BRIDGE.ageing)) ?? 30000,
    vlanFiltering: u8(data.get(BRIDGE.vlanFiltering)) === 1,
    mcastSnooping: u8(data.get(BRIDGE.snooping)) === 1,
    nfCallIptables: u8(data.get(BRIDGE.ipt)) === 1,
    nfCallArptables: u8(data.get(BRIDGE.arpt)) === 1,
    ...(groupAddress !== '' && { groupAddress }),
  };
}

function bridgePort(data: Attributes): BridgePort {
  const flag = (number: number, otherwise: boolean): boolean => (u8(data.get(number)) ?? Number(otherwise)) !== 0;
  return {
    state: portStates[u8(data.get(PORT.state)) ?? 3] ?? 'forwarding',
    hairpin: flag(PORT.hairpin, false),
    isolated: flag(PORT.isolated, false),
    locked: flag(PORT.locked, false),
    learning: flag(PORT.learning, true),
    flood: flag(PORT.flood, true),
    mcastFlood: flag(PORT.mcastFlood, true),
    bcastFlood: flag(PORT.bcastFlood, true),
    neighSuppress: flag(PORT.neighSuppress, false),
    proxyArp: flag(PORT.proxyArp, false),
    vlans: [],
  };
}

/** With the names that iproute2's JSON has. */
function kindData(kind: string, data: Attributes): Record<string, unknown> {
  switch (kind) {
    case 'macvlan':
    case 'macvtap':
      return defined({ mode: macvlanModes[u32(data.get(1)) ?? 0] });
    case 'ipvlan':
    case 'ipvtap':
      return defined({ mode: ipvlanModes[u16(data.get(1)) ?? -1] });
    case 'vlan':
      return defined({ id: u16(data.get(1)) });
    case 'vxlan': {
      const port = data.get(15);
      const remote = addressIn(data.get(2) ?? data.get(16));
      const group = remote !== undefined && /^(22[4-9]|23\d)\.|^ff/i.test(remote);
      return defined({
        id: u32(data.get(1)),
        [group ? 'group' : 'remote']: remote,
        local: addressIn(data.get(4) ?? data.get(17)),
        // In network byte order, unlike everything else here.
        port: port && port.length >= 2 ? (port[0] ?? 0) * 256 + (port[1] ?? 0) : undefined,
        linkIndex: u32(data.get(3)),
      });
    }
    case 'tun':
      return defined({ type: [undefined, 'tun', 'tap'][u8(data.get(3)) ?? 0] });
    default:
      return {};
  }
}

function otherData(attributes: Attributes): Record<string, unknown> {
  // IFLA_ALT_IFNAME comes once for each name: a map would keep the last alone, so they are counted out by hand.
  const list = attributes.get(IFLA.propList);
  const altnames = list ? allTexts(list, IFLA.altIfname) : [];
  return defined({
    qdisc: textIn(attributes.get(IFLA.qdisc)),
    promiscuity: u32(attributes.get(IFLA.promiscuity)),
    altnames: altnames.length > 0 ? altnames : undefined,
  });
}

function allTexts(list: Uint8Array, wanted: number): string[] {
  const found: string[] = [];
  for (let rest = list; rest.length >= 4; ) {
    const length = u16(rest) ?? 0;
    if (length < 4 || length > rest.length) break;
    const text = ((u16(rest, 2) ?? 0) & 0x3fff) === wanted ? textIn(rest.subarray(4, length)) : undefined;
    if (text !== undefined) found.push(text);
    rest = rest.subarray((length + 3) & ~3);
  }
  return found;
}

function defined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
