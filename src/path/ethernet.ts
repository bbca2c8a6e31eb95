/** What a frame is to the devices it crosses: addresses, length, and the packet in it as far as filters look at it. */
import { familyOf, formatAddress, parseAddress } from '../topology/address.ts';
import type { LegKind } from './model.ts';
import type { Sized } from './mtu.ts';

/** IEEE 802.3: to everybody on the segment. */
export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** True of broadcast and multicast addresses: the group bit (IEEE 802 section 8.2). */
export function isGroup(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

/** The group that the owner of an IPv6 address listens to: ff02::1:ff and its last three bytes (RFC 4291 section 2.7.1). */
export function solicitedNode(address: string): string {
  const { value = 0n } = parseAddress(address) ?? {};
  return formatAddress({ family: 6, value: 0xff02_0000_0000_0000_0000_0001_ff00_0000n | (value & 0xff_ffffn) });
}

/**
 * 33:33 and the last four bytes of an IPv6 multicast address (RFC 2464 section 7); of an IPv4 one 01:00:5e and its last
 * 23 bits (RFC 1112 section 6.4).
 */
export function groupMac(group: string): string {
  const { family, value = 0n } = parseAddress(group) ?? {};
  if (family === 4) {
    const low = (value & 0x7f_ffffn).toString(16).padStart(6, '0').match(/../g) ?? [];
    return ['01', '00', '5e', ...low].join(':');
  }
  const bytes = (value & 0xffff_ffffn).toString(16).padStart(8, '0').match(/../g) ?? [];
  return ['33', '33', ...bytes].join(':');
}

/** What the frame's EtherType says. */
export function networkOf({ kind, source }: Carried): 'arp' | 'ip' | 'ip6' {
  if (kind === 'arp-request' || kind === 'arp-reply') return 'arp';
  return familyOf(source) === 6 ? 'ip6' : 'ip';
}

/** The packet in a frame. ARP: sender and target protocol address of this very packet. */
export interface Carried {
  readonly kind: LegKind;
  readonly source: string;
  readonly destination: string;
  /** Neighbour solicitation: the address that is asked for; the destination is its group. */
  readonly target?: string;
  /** It travels inside a UDP datagram, and that is what `source`, `destination` and filters speak of. */
  readonly datagram?: { readonly destinationPort: number };
}

/** Link-layer addresses of the frame that is sent, its length, and what it carries. */
export interface FrameAddresses extends Sized {
  readonly source: string;
  readonly destination: string;
  /** Absent where only the way is asked for: then packet filters are passed over. */
  readonly carries?: Carried;
}
