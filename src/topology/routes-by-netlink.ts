/** Routes straight from the kernel (RTM_GETROUTE, rtnetlink(7)): the table in short, and one decision of the kernel. */
import { attribute, attributesIn, type RouteSocket, RTM_GETROUTE, s32, u8, u16, u32 } from '../linux/rtnetlink.ts';
import { addressBytes } from '../linux/sockaddr.ts';
import { addressFromBytes, type Family, formatAddress } from './address.ts';

/** include/uapi/linux/rtnetlink.h */
const RTA = { dst: 1, iif: 3, oif: 4, gateway: 5, priority: 6, prefsrc: 7, multipath: 9, table: 15, via: 18 } as const;
const RTN_UNICAST = 1;
const RT_TABLE_MAIN = 254;
const AF_INET = 2;
const AF_INET6 = 10;
const rtmsgBytes = 12;
const nexthopBytes = 8;
/** A full BGP feed is not worth its wait for a map. */
const most = 20_000;

export interface DumpedRoute {
  readonly family: Family;
  readonly main: boolean;
  readonly isDefault: boolean;
  /** fe80::/64 or ff00::/8, which every link that is up has: it says nothing about where things are. */
  readonly isAutomatic: boolean;
  readonly metric: number;
  readonly nextHops: readonly { readonly device: number; readonly gateway?: string }[];
}

/** Unicast routes of all tables; `cut` where there are more than are read. */
export function dumpRoutes(socket: RouteSocket): { routes: DumpedRoute[]; cut: boolean } {
  const routes: DumpedRoute[] = [];
  let cut = false;
  for (const family of [AF_INET, AF_INET6]) {
    const request = new Uint8Array(rtmsgBytes);
    request[0] = family;
    const table = socket.dump(RTM_GETROUTE, request, most);
    cut ||= table.cut;
    for (const message of table.messages) {
      // A kernel without IPv6 answers with what it has: routes of IPv4 once more.
      if (u8(message) !== family || u8(message, 7) !== RTN_UNICAST) continue;
      routes.push(parseRoute(message, family === AF_INET ? 4 : 6));
    }
  }
  return { routes, cut };
}

function parseRoute(message: Uint8Array, family: Family): DumpedRoute {
  const attributes = attributesIn(message, rtmsgBytes);
  const multipath = attributes.get(RTA.multipath);
  const single = hopOf(s32(attributes.get(RTA.oif)), attributes);
  return {
    family,
    main: (u32(attributes.get(RTA.table)) ?? u8(message, 4)) === RT_TABLE_MAIN,
    isDefault: u8(message, 1) === 0,
    isAutomatic: family === 6 && /^(fe[89ab]|ff)/.test(addressText(attributes.get(RTA.dst)) ?? ''),
    metric: u32(attributes.get(RTA.priority)) ?? 0,
    nextHops: multipath ? hopsIn(multipath) : single ? [single] : [],
  };
}

/** struct rtnexthop: length, flags, hops, interface, then attributes. */
function hopsIn(bytes: Uint8Array): { device: number; gateway?: string }[] {
  const hops: { device: number; gateway?: string }[] = [];
  for (let rest = bytes; rest.length >= nexthopBytes; ) {
    const length = u16(rest) ?? 0;
    if (length < nexthopBytes || length > rest.length) break;
    const hop = hopOf(s32(rest, 4), attributesIn(rest.subarray(0, length), nexthopBytes));
    if (hop) hops.push(hop);
    rest = rest.subarray((length + 3) & ~3);
  }
  return hops;
}

function hopOf(
  device: number | undefined,
  attributes: ReadonlyMap<number, Uint8Array>,
): { device: number; gateway?: string } | undefined {
  if (device === undefined) return undefined;
  // RTA_VIA: a gateway of the other family, behind two bytes that name it.
  const gateway = addressText(attributes.get(RTA.gateway) ?? attributes.get(RTA.via)?.subarray(2));
  return gateway === undefined ? { device } : { device, gateway };
}

export interface KernelRoute {
  /** Interface number it leaves by. */
  readonly device: number;
  /** The address it leaves with, where the kernel names one. */
  readonly source?: string;
  readonly gateway?: string;
  /** RTN_*: 1 is unicast, 2 local. */
  readonly type: number;
}

/** What `ip route get ADDRESS` says in the socket's namespace; undefined where there is no route. */
export function kernelRoute(socket: RouteSocket, address: string): KernelRoute | undefined {
  const bytes = addressBytes(address);
  if (!bytes) return undefined;
  const destination = attribute(RTA.dst, bytes);
  const request = new Uint8Array(rtmsgBytes + destination.length);
  request[0] = bytes.length === 4 ? AF_INET : AF_INET6;
  request[1] = bytes.length * 8;
  request.set(destination, rtmsgBytes);
  const { message } = socket.ask(RTM_GETROUTE, request);
  if (!message) return undefined;
  const attributes = attributesIn(message, rtmsgBytes);
  const device = s32(attributes.get(RTA.oif));
  if (device === undefined) return undefined;
  const source = addressText(attributes.get(RTA.prefsrc));
  const gateway = addressText(attributes.get(RTA.gateway));
  return {
    device,
    type: u8(message, 7) ?? 0,
    ...(source !== undefined && { source }),
    ...(gateway !== undefined && { gateway }),
  };
}

function addressText(bytes: Uint8Array | undefined): string | undefined {
  const address = bytes && addressFromBytes(bytes);
  return address && formatAddress(address);
}
