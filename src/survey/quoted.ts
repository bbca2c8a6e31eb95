/** What an ICMP error quotes of the packet it is about, read in place (RFC 792, RFC 4443 section 3). */
import { IpProtocol } from '../wire/ipv4.ts';
import type { Glance } from './glance.ts';

/** The quoted packet: where its addresses stand, as long as those of the packet that quotes it. */
export interface Quoted {
  readonly sourceAt: number;
  readonly targetAt: number;
  /** Identifier and sequence number, as one number, of an echo; undefined for other packets. */
  readonly echo: number | undefined;
}

/** Of every ICMP message: type, code, checksum, and four bytes that belong to the type. */
const ICMP_HEADER = 8;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
/** Behind the IP header, so much is quoted at least. */
const QUOTED_BODY = 8;

/** Of the error that `glance` has been given; undefined where it was cut off too early. */
export function quotedIn(view: DataView, end: number, { messageAt, addressLength }: Glance): Quoted | undefined {
  const four = addressLength === 4;
  const at = messageAt + ICMP_HEADER;
  const header = four ? (at < end ? (view.getUint8(at) & 15) * 4 : IPV4_HEADER) : IPV6_HEADER;
  if (header < IPV4_HEADER || at + header + QUOTED_BODY > end) return undefined;
  const sourceAt = at + (four ? 12 : 8);
  const protocol = view.getUint8(at + (four ? 9 : 6));
  const isIcmp = protocol === (four ? IpProtocol.icmp : IpProtocol.icmpv6);
  return {
    sourceAt,
    targetAt: sourceAt + addressLength,
    echo: isIcmp ? view.getUint32(at + header + 4) | 0 : undefined,
  };
}

/** Whether the error tells of a packet that was passed on: a redirect (RFC 792). */
export function isRedirect(version: 4 | 6, type: number): boolean {
  return version === 4 && type === 5;
}
