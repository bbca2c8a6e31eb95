/** What differs between ICMP and ICMPv6 sockets: ip(7), ipv6(7), raw(7), include/uapi/linux/icmp.h and icmpv6.h. */
import { AF_INET, AF_INET6 } from '../linux/socket.ts';

export interface IcmpFamily {
  readonly version: 4 | 6;
  readonly socketName: string;
  readonly domain: number;
  readonly protocol: number;
  readonly echoRequest: number;
  readonly echoReply: number;
  /** Level and numbers of the socket options of the IP layer. */
  readonly level: number;
  readonly mtuDiscover: number;
  readonly receiveErrors: number;
  readonly hopLimit: number;
  /** The filter that lets nothing but echo replies reach the socket: level, option, value. */
  readonly filter: { readonly level: number; readonly option: number; readonly value: Uint8Array };
  /** IP header and ICMP header at their least, bytes: what an echo's data leaves of 65535. */
  readonly maxDataBytes: number;
}

/** A set bit blocks the type. ICMP_FILTER has bits for the types 0 to 31, ICMP6_FILTER for all 256. */
function blockAllBut(type: number, words: number): Uint8Array {
  const mask = new Uint32Array(words).fill(0xffffffff);
  mask[type >> 5] = ~(1 << (type & 31)) >>> 0;
  return new Uint8Array(mask.buffer);
}

export const icmp4: IcmpFamily = {
  version: 4,
  socketName: 'AF_INET, SOCK_RAW, IPPROTO_ICMP',
  domain: AF_INET,
  protocol: 1,
  echoRequest: 8,
  echoReply: 0,
  level: 0,
  mtuDiscover: 10,
  receiveErrors: 11,
  hopLimit: 2,
  filter: { level: 255, option: 1, value: blockAllBut(0, 1) },
  maxDataBytes: 65535 - 20 - 8,
};

export const icmp6: IcmpFamily = {
  version: 6,
  socketName: 'AF_INET6, SOCK_RAW, IPPROTO_ICMPV6',
  domain: AF_INET6,
  protocol: 58,
  echoRequest: 128,
  echoReply: 129,
  level: 41,
  mtuDiscover: 23,
  receiveErrors: 25,
  hopLimit: 16,
  filter: { level: 58, option: 1, value: blockAllBut(129, 8) },
  // The payload length (RFC 8200 section 3) does not count the fixed header.
  maxDataBytes: 65535 - 8,
};
