/**
 * Routing tables straight from the kernel (RTM_GETROUTE, rtnetlink(7)): exactly what {@link parseRoutes} and
 * {@link parsePathMtus} make of what `ip -j -d route show` prints, or nothing, so that the program must be asked.
 */
import {
  type Attributes,
  attributesIn,
  type RouteSocket,
  RTM_GETROUTE,
  s32,
  u8,
  u16,
  u32,
} from '../linux/rtnetlink.ts';
import { type Family, familyBits, formatPrefix, prefixOf } from './address.ts';
import { addressBytesIn, addressIn } from './addresses-by-netlink.ts';
import type { PathMtu, Route } from './model.ts';

/** include/uapi/linux/rtnetlink.h */
const RTA = {
  dst: 1,
  src: 2,
  iif: 3,
  oif: 4,
  gateway: 5,
  priority: 6,
  prefsrc: 7,
  metrics: 8,
  multipath: 9,
  cacheinfo: 12,
  table: 15,
  via: 18,
  pref: 20,
  expires: 23,
  nexthopId: 30,
} as const;
const known: ReadonlySet<number> = new Set(Object.values(RTA));
const RTAX_LOCK = 1;
const RTAX_MTU = 2;
const RTM_F_CLONED = 0x200;
const AF: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };
const rtmsgBytes = 12;
const nexthopBytes = 8;
/** Of more routes the program is asked: they take it no longer. */
const most = 1 << 16;

/** Those that every system has; the names of others stand in files of iproute2. */
const tables: Readonly<Record<number, string>> = { 253: 'default', 254: 'main', 255: 'local' };
const protocols: Readonly<Record<number, string>> = { 1: 'redirect', 2: 'kernel', 3: 'boot', 4: 'static', 9: 'ra' };
const scopes: Readonly<Record<number, string>> = { 0: 'global', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere' };
const types = [
  undefined,
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
];
/** RTNH_F_*, in the order in which iproute2 prints them. */
const hopFlags: readonly (readonly [number, string])[] = [
  [1, 'dead'],
  [4, 'onlink'],
  [2, 'pervasive'],
  [16, 'linkdown'],
];
const knownFlags = 1 | 2 | 4 | 16 | RTM_F_CLONED;

/** The name of an interface by its number; undefined where it is not known. */
export type NameOf = (index: number) => string | undefined;

export interface DumpedRoutes {
  readonly routes: Route[];
  /** Routes with a selector that the model cannot hold. */
  readonly skipped: number;
}

/** All tables of a family; undefined where anything in them has a meaning or a name that is not known here. */
export function dumpRoutesInFull(socket: RouteSocket, family: Family, nameOf: NameOf): DumpedRoutes | undefined {
  const messages = dump(socket, family, 0);
  const routes: Route[] = [];
  let skipped = 0;
  for (const message of messages ?? []) {
    if (isCached(message)) continue;
    const route = parseRoute(message, family, nameOf);
    if (route === undefined) return undefined;
    if (route === 'selective') skipped++;
    else routes.push(route);
  }
  return messages && { routes, skipped };
}

/** What is known of paths; undefined as with {@link dumpRoutesInFull}. */
export function dumpPathMtus(socket: RouteSocket, family: Family, nameOf: NameOf): PathMtu[] | undefined {
  const paths: PathMtu[] = [];
  const messages = dump(socket, family, RTM_F_CLONED);
  for (const message of messages ?? []) {
    if (!isCached(message)) continue;
    const attributes = attributesIn(message, rtmsgBytes);
    const { mtu, mtuLocked = false } = metricsIn(attributes);
    const destination = u8(message, 1) === familyBits(family) ? addressIn(attributes.get(RTA.dst)) : undefined;
    if (destination === undefined || mtu === undefined) continue;
    const oif = s32(attributes.get(RTA.oif));
    const device = oif === undefined ? undefined : nameOf(oif);
    if (oif !== undefined && device === undefined) return undefined;
    paths.push({ family, destination, ...(device !== undefined && { device }), mtu, locked: mtuLocked });
  }
  return messages && paths;
}

function dump(socket: RouteSocket, family: Family, flags: number): readonly Uint8Array[] | undefined {
  const request = new Uint8Array(rtmsgBytes);
  request[0] = AF[family];
  new Uint32Array(request.buffer)[2] = flags;
  const { messages, cut, errno } = socket.dump(RTM_GETROUTE, request, most);
  // A kernel without a family answers with what it has of others.
  const others = messages.some((message) => u8(message) !== AF[family]);
  return cut || errno !== 0 || others ? undefined : messages;
}

function isCached(message: Uint8Array): boolean {
  return ((u32(message, 8) ?? 0) & RTM_F_CLONED) !== 0;
}

function parseRoute(message: Uint8Array, family: Family, nameOf: NameOf): Route | 'selective' | undefined {
  const attributes = attributesIn(message, rtmsgBytes);
  if ([...attributes.keys()].some((number) => !known.has(number))) return undefined;
  const destination = destinationOf(message, attributes, family);
  const table = tables[u32(attributes.get(RTA.table)) ?? u8(message, 4) ?? 0];
  const protocol = protocols[u8(message, 5) ?? 0];
  const scope = scopes[u8(message, 6) ?? 0];
  const type = types[u8(message, 7) ?? 0];
  const nextHops = nextHopsOf(message, attributes, nameOf);
  if (!destination || !table || !protocol || !scope || !type || !nextHops) return undefined;
  const selective = (u8(message, 2) ?? 0) !== 0 || attributes.has(RTA.src) || (u8(message, 3) ?? 0) !== 0;
  if (selective) return 'selective';
  const source = addressIn(attributes.get(RTA.prefsrc));
  const preference = u8(attributes.get(RTA.pref));
  const nexthopId = u32(attributes.get(RTA.nexthopId));
  return {
    family,
    table,
    type,
    destination,
    metric: u32(attributes.get(RTA.priority)) ?? 0,
    scope,
    protocol,
    ...(source !== undefined && { source }),
    ...metricsIn(attributes),
    ...(preference === 1 && { preference: 'high' }),
    ...(preference === 3 && { preference: 'low' }),
    ...(nexthopId !== undefined && { nexthopId }),
    nextHops,
  };
}

function destinationOf(message: Uint8Array, attributes: Attributes, family: Family): string | undefined {
  const length = u8(message, 1) ?? 0;
  const bytes = attributes.get(RTA.dst);
  if (!bytes) return length > 0 ? undefined : family === 4 ? '0.0.0.0/0' : '::/0';
  const address = addressBytesIn(bytes);
  const prefix = address?.family === family ? prefixOf(address, length) : undefined;
  return prefix && formatPrefix(prefix);
}

/** RTA_METRICS; a lock without an MTU holds nothing. */
function metricsIn(attributes: Attributes): Pick<Route, 'mtu' | 'mtuLocked'> {
  const metrics = attributesIn(attributes.get(RTA.metrics) ?? new Uint8Array());
  const mtu = u32(metrics.get(RTAX_MTU)) ?? 0;
  if (mtu === 0) return {};
  const locked = ((u32(metrics.get(RTAX_LOCK)) ?? 0) & (1 << RTAX_MTU)) !== 0;
  return { mtu, ...(locked && { mtuLocked: true }) };
}

function nextHopsOf(message: Uint8Array, attributes: Attributes, nameOf: NameOf): Route['nextHops'] | undefined {
  const flags = u32(message, 8) ?? 0;
  if ((flags & ~knownFlags) !== 0) return undefined;
  const multipath = attributes.get(RTA.multipath);
  const hops = multipath ? hopsIn(multipath) : [{ device: s32(attributes.get(RTA.oif)), flags, attributes }];
  const parsed: Route['nextHops'][number][] = [];
  for (const hop of hops ?? [{ device: undefined, flags: ~knownFlags, attributes }]) {
    const name = hop.device === undefined ? undefined : nameOf(hop.device);
    const via = hop.attributes.get(RTA.via)?.subarray(2);
    const gateway = addressIn(hop.attributes.get(RTA.gateway) ?? via);
    if ((hop.flags & ~knownFlags) !== 0 || (hop.device !== undefined && name === undefined)) return undefined;
    if (name === undefined && gateway === undefined) continue;
    parsed.push({
      ...(gateway !== undefined && { gateway }),
      ...(name !== undefined && { device: name }),
      flags: hopFlags.flatMap(([bit, word]) => ((hop.flags & bit) === 0 ? [] : [word])),
    });
  }
  return parsed;
}

interface Hop {
  readonly device: number | undefined;
  readonly flags: number;
  readonly attributes: Attributes;
}

/** struct rtnexthop: length, flags, hops, interface, then attributes. Undefined where a length does not fit. */
function hopsIn(bytes: Uint8Array): Hop[] | undefined {
  const hops: Hop[] = [];
  for (let rest = bytes; rest.length > 0; ) {
    const length = u16(rest) ?? 0;
    if (length < nexthopBytes || length > rest.length) return undefined;
    const attributes = attributesIn(rest.subarray(0, length), nexthopBytes);
    hops.push({ device: s32(rest, 4), flags: u8(rest, 2) ?? 0, attributes });
    rest = rest.subarray((length + 3) & ~3);
  }
  return hops;
}
