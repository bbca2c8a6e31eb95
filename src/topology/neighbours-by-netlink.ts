/**
 * Neighbours and forwarding entries straight from the kernel (RTM_GETNEIGH, rtnetlink(7)): exactly what
 * {@link parseNeighbours} and {@link parseFdb} make of what `ip -j neigh` and `bridge -j fdb` print, or nothing, so that the
 * program must be asked.
 */
import {
  type Attributes,
  attributesIn,
  type RouteSocket,
  RTM_GETNEIGH,
  s32,
  u8,
  u16,
  u32,
} from '../linux/rtnetlink.ts';
import { type Family, formatAddress, isMulticast } from './address.ts';
import { addressBytesIn } from './addresses-by-netlink.ts';
import type { NameOf } from './full-routes-by-netlink.ts';
import { macText } from './link-data-by-netlink.ts';
import type { FdbEntry, Neighbour } from './model.ts';

/** include/uapi/linux/neighbour.h */
const NDA = { dst: 1, lladdr: 2, cacheinfo: 3, probes: 4, vlan: 5, master: 9, protocol: 12, flagsExt: 15 } as const;
const NTF_PROXY = 0x08;
const NTF_EXT_LOCKED = 1 << 1;
const NUD_STALE = 0x04;
const NUD_REACHABLE = 0x02;
const NUD_NOARP = 0x40;
const NUD_PERMANENT = 0x80;
const AF_BRIDGE = 7;
const AF: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };
const ndmsgBytes = 12;
const macBytes = 6;
const most = 1 << 18;
/** Bits in the order in which iproute2 tells them. */
const states: readonly (readonly [number, string])[] = [
  [0x01, 'INCOMPLETE'],
  [0x02, 'REACHABLE'],
  [0x04, 'STALE'],
  [0x08, 'DELAY'],
  [0x10, 'PROBE'],
  [0x20, 'FAILED'],
  [0x40, 'NOARP'],
  [0x80, 'PERMANENT'],
];
const fdbFlags: readonly (readonly [number, string])[] = [
  [0x02, 'self'],
  [0x80, 'router'],
  [0x10, 'extern_learn'],
  [0x20, 'offload'],
  [0x04, 'master'],
  [0x40, 'sticky'],
];
/** What an entry of a bridge has; those of VXLAN devices have more. */
const fdbKnown: ReadonlySet<number> = new Set([
  NDA.lladdr,
  NDA.cacheinfo,
  NDA.vlan,
  NDA.master,
  NDA.protocol,
  NDA.flagsExt,
]);

/** Neighbours of a family, then the addresses it answers for; undefined where one is not of the usual kind. */
export function dumpNeighbours(socket: RouteSocket, family: Family, nameOf: NameOf): Neighbour[] | undefined {
  const own = dump(socket, AF[family], 0);
  const proxies = dump(socket, AF[family], NTF_PROXY);
  if (!own || !proxies) return undefined;
  const neighbours: Neighbour[] = [];
  for (const message of [...own, ...proxies]) {
    const attributes = attributesIn(message, ndmsgBytes);
    const index = s32(message, 4) ?? 0;
    const device = nameOf(index);
    const lladdr = attributes.get(NDA.lladdr);
    // A tunnel's is an address, which ip prints as one.
    if (lladdr && lladdr.length !== macBytes) return undefined;
    if (u8(message) !== AF[family] || (index !== 0 && device === undefined)) return undefined;
    const address = addressBytesIn(attributes.get(NDA.dst));
    if (!address || device === undefined || isMulticast(address)) continue;
    const state = u16(message, 8) ?? 0;
    neighbours.push({
      family: address.family,
      address: formatAddress(address),
      device,
      ...(lladdr && { mac: macText(lladdr) }),
      state: states.find(([bit]) => (state & bit) !== 0)?.[1] ?? 'NONE',
      proxy: ((u8(message, 10) ?? 0) & NTF_PROXY) !== 0,
    });
  }
  return neighbours;
}

/** Forwarding entries of bridges; undefined where a VXLAN device has some, too, or one is not of the usual kind. */
export function dumpFdb(socket: RouteSocket, nameOf: NameOf): FdbEntry[] | undefined {
  const messages = dump(socket, AF_BRIDGE, 0);
  const entries: FdbEntry[] = [];
  for (const message of messages ?? []) {
    const entry = parseFdbEntry(message, attributesIn(message, ndmsgBytes), nameOf);
    if (entry === undefined) return undefined;
    if (entry !== 'group') entries.push(entry);
  }
  return messages && entries;
}

function parseFdbEntry(message: Uint8Array, attributes: Attributes, nameOf: NameOf): FdbEntry | 'group' | undefined {
  const lladdr = attributes.get(NDA.lladdr);
  const device = nameOf(s32(message, 4) ?? 0);
  if (u8(message) !== AF_BRIDGE || lladdr?.length !== macBytes || device === undefined) return undefined;
  if ([...attributes.keys()].some((number) => !fdbKnown.has(number))) return undefined;
  const masterIndex = s32(attributes.get(NDA.master));
  const master = masterIndex === undefined ? undefined : nameOf(masterIndex);
  if (masterIndex !== undefined && master === undefined) return undefined;
  // What a device lets through, and forwards nothing (parseFdb).
  if (master === undefined && ((lladdr[0] ?? 0) & 1) === 1) return 'group';
  const state = fdbState(u16(message, 8) ?? 0);
  if (state === undefined) return undefined;
  const vlan = u16(attributes.get(NDA.vlan));
  const flags = u8(message, 10) ?? 0;
  const isLocked = ((u32(attributes.get(NDA.flagsExt)) ?? 0) & NTF_EXT_LOCKED) !== 0;
  return {
    mac: macText(lladdr),
    device,
    ...(master !== undefined && { master }),
    ...(vlan !== undefined && { vlan }),
    state,
    flags: [...fdbFlags.flatMap(([bit, name]) => ((flags & bit) === 0 ? [] : [name])), ...(isLocked ? ['locked'] : [])],
  };
}

function fdbState(bits: number): string | undefined {
  if ((bits & NUD_PERMANENT) !== 0) return 'permanent';
  if ((bits & NUD_NOARP) !== 0) return 'static';
  if ((bits & NUD_STALE) !== 0) return 'stale';
  return (bits & NUD_REACHABLE) === 0 ? undefined : '';
}

/** struct ndmsg: family, three bytes, interface, state, flags, type. */
function dump(socket: RouteSocket, family: number, flags: number): readonly Uint8Array[] | undefined {
  const request = new Uint8Array(ndmsgBytes);
  request[0] = family;
  request[10] = flags;
  const { messages, cut, errno } = socket.dump(RTM_GETNEIGH, request, most);
  return cut || errno !== 0 ? undefined : messages;
}
