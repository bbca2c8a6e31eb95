/**
 * Links and addresses straight from the kernel (RTM_GETLINK, RTM_GETADDR; rtnetlink(7)): what `ip -j -d addr show` prints,
 * without a program for each namespace of a machine.
 */
import {
  type Attributes,
  attribute,
  attributesIn,
  attributesOf,
  type RouteSocket,
  RTM_GETLINK,
  s32,
  textIn,
  u8,
  u16,
  u32,
  u32Bytes,
} from '../linux/rtnetlink.ts';
import { dumpAddresses } from './addresses-by-netlink.ts';
import { bridgeData, bridgePort, bridgeSettings } from './bridge-by-netlink.ts';
import { defined, kindData, macText } from './link-data-by-netlink.ts';
import type { Address, Link } from './model.ts';
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
  xdp: 43,
  propList: 52,
  altIfname: 53,
} as const;
const INFO = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 } as const;
const XDP_ATTACHED = 2;
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

/**
 * The links of the socket's namespace as {@link parseLinks} gives them, in the kernel's order, with what `data` holds of
 * bridges, macvlan, ipvlan, vlan, vxlan and tun. Undefined when the kernel does not say.
 */
export function dumpLinks(socket: RouteSocket): ParsedLink[] | undefined {
  const dumped = dump(socket);
  return dumped && [...dumped.values()].map(({ parsed }) => parsed);
}

/**
 * Exactly what {@link parseLinks} gives of `ip -j -d addr show`; undefined where one of the links has settings that are not
 * read here, so that the program must be asked.
 */
export function dumpLinksInFull(socket: RouteSocket): ParsedLink[] | undefined {
  const dumped = dump(socket);
  if (!dumped || [...dumped.values()].some(({ whole }) => !whole)) return undefined;
  return [...dumped.values()].map(({ parsed, lower }) => {
    const below = parsed.linkNetnsid === undefined && lower !== undefined ? dumped.get(lower) : undefined;
    if (!below || below.parsed.link.flags.includes('UP')) return parsed;
    // The word of iproute2 for a lower device or a peer that is not up.
    return { ...parsed, link: { ...parsed.link, flags: [...parsed.link.flags, 'M-DOWN'] } };
  });
}

interface DumpedLink {
  readonly parsed: ParsedLink;
  /** IFLA_LINK, as it is. */
  readonly lower: number | undefined;
  /** Nothing that iproute2 prints of it is missing. */
  readonly whole: boolean;
}

/** By number. */
function dump(socket: RouteSocket): ReadonlyMap<number, DumpedLink> | undefined {
  const mask = attribute(IFLA.extMask, u32Bytes(RTEXT_FILTER_SKIP_STATS));
  const request = new Uint8Array(ifinfoBytes + mask.length);
  request.set(mask, ifinfoBytes);
  const { messages, cut, errno } = socket.dump(RTM_GETLINK, request, most);
  if (errno !== 0) return undefined;
  const addresses = dumpAddresses(socket, most);
  const links = messages.flatMap((message) => parseLink(message, addresses ?? new Map()) ?? []);
  const whole = !cut && addresses !== undefined;
  return new Map(links.map((link) => [link.parsed.link.index, { ...link, whole: link.whole && whole }]));
}

function parseLink(message: Uint8Array, addresses: ReadonlyMap<number, Address[]>): DumpedLink | undefined {
  const index = s32(message, 4);
  const attributes = attributesIn(message, ifinfoBytes);
  const name = textIn(attributes.get(IFLA.ifname));
  if (index === undefined || name === undefined) return undefined;
  const info = attributesIn(attributes.get(IFLA.linkinfo) ?? new Uint8Array());
  const kind = textIn(info.get(INFO.kind)) ?? (u16(message, 2) === ARPHRD_LOOPBACK ? 'loopback' : 'physical');
  const netnsid = s32(attributes.get(IFLA.linkNetnsid));
  const elsewhere = netnsid !== undefined && netnsid >= 0;
  const lower = s32(attributes.get(IFLA.link));
  const peer = peerIndex(lower, index, kind);
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
    data: { ...(kind === 'bridge' ? bridgeData(data) : kindData(kind, data)), ...otherData(attributes) },
  };
  const xdp = attributesIn(attributes.get(IFLA.xdp) ?? new Uint8Array());
  return {
    parsed: {
      link,
      ...(elsewhere && { linkNetnsid: netnsid }),
      peerIsHere: peer !== undefined && !elsewhere,
    },
    lower,
    whole: (kind === 'bridge' || !info.has(INFO.data)) && (u8(xdp.get(XDP_ATTACHED)) ?? 0) === 0,
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

function otherData(attributes: Attributes): Record<string, unknown> {
  const altnames = attributesOf(attributes.get(IFLA.propList)).flatMap(([type, value]) =>
    type === IFLA.altIfname ? (textIn(value) ?? []) : [],
  );
  return defined({
    qdisc: textIn(attributes.get(IFLA.qdisc)),
    promiscuity: u32(attributes.get(IFLA.promiscuity)),
    altnames: altnames.length > 0 ? altnames : undefined,
  });
}
