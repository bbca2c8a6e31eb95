/** Addresses straight from the kernel (RTM_GETADDR, rtnetlink(7)): what `ip -j addr show` prints. */
import { attributesIn, type RouteSocket, RTM_GETADDR, u8, u32 } from '../linux/rtnetlink.ts';
import { addressFromBytes, formatAddress, type IpAddress } from './address.ts';
import type { Address } from './model.ts';

/** include/uapi/linux/if_addr.h */
const IFA = { address: 1, local: 2, flags: 8 } as const;
const ifaddrBytes = 8;
/** IFA_FLAGS with the names of ip-address(8); IFA_F_PERMANENT is printed when it is not there. */
const addressFlags: readonly (readonly [number, string])[] = [
  [0x02, 'nodad'],
  [0x04, 'optimistic'],
  [0x08, 'dadfailed'],
  [0x10, 'home'],
  [0x20, 'deprecated'],
  [0x40, 'tentative'],
  [0x100, 'mngtmpaddr'],
  [0x200, 'noprefixroute'],
  [0x400, 'autojoin'],
  [0x800, 'stable-privacy'],
];
const IFA_F_SECONDARY = 0x01;
const IFA_F_PERMANENT = 0x80;
/** /etc/iproute2/rt_scopes */
const scopes: Readonly<Record<number, string>> = { 0: 'global', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere' };

/** Addresses of both families by interface number; undefined when the kernel does not tell all of them. @param most addresses */
export function dumpAddresses(socket: RouteSocket, most: number): ReadonlyMap<number, Address[]> | undefined {
  const found = new Map<number, Address[]>();
  const { messages, cut, errno } = socket.dump(RTM_GETADDR, new Uint8Array(ifaddrBytes), most);
  if (cut || errno !== 0) return undefined;
  for (const message of messages) {
    const index = u32(message, 4) ?? 0;
    const address = parseAddress(message);
    if (address) found.set(index, [...(found.get(index) ?? []), address]);
  }
  return found;
}

function parseAddress(message: Uint8Array): Address | undefined {
  const attributes = attributesIn(message, ifaddrBytes);
  const peer = addressIn(attributes.get(IFA.address));
  const address = addressIn(attributes.get(IFA.local)) ?? peer;
  const family = u8(message) === 2 ? 4 : u8(message) === 10 ? 6 : undefined;
  if (address === undefined || family === undefined) return undefined;
  const bits = u32(attributes.get(IFA.flags)) ?? u8(message, 2) ?? 0;
  const secondary = (bits & IFA_F_SECONDARY) !== 0 ? [family === 4 ? 'secondary' : 'temporary'] : [];
  const dynamic = (bits & IFA_F_PERMANENT) === 0 ? ['dynamic'] : [];
  return {
    family,
    address,
    prefixLength: u8(message, 1) ?? 0,
    scope: scopes[u8(message, 3) ?? 0] ?? String(u8(message, 3)),
    ...(peer !== undefined && peer !== address && { peer }),
    flags: [...secondary, ...addressFlags.flatMap(([bit, name]) => ((bits & bit) !== 0 ? [name] : [])), ...dynamic],
  };
}

/** An address of 4 or 16 bytes; undefined for any other number of them. */
export function addressBytesIn(bytes: Uint8Array | undefined): IpAddress | undefined {
  return bytes && addressFromBytes(bytes);
}

/** Its canonical text. */
export function addressIn(bytes: Uint8Array | undefined): string | undefined {
  const address = addressBytesIn(bytes);
  return address && formatAddress(address);
}
