/** Which packets vdiag understands: ARP, ICMP and ICMPv6, in tunnels too. */
import { byteAt, wordAt } from './bytes.ts';
import { ETHERNET_HEADER_LENGTH, EtherType } from './ethernet.ts';
import { IPV4_HEADER_LENGTH, IpProtocol } from './ipv4.ts';
import { IPV6_HEADER_LENGTH } from './ipv6.ts';
import type { Packet } from './packet.ts';
import { TunnelPort } from './tunnel.ts';

/** True of ARP and ICMP, also of fragments and of headers that are cut off, and of a tunnel's packet that carries one. */
export function isUnderstood({ arp, ip, icmp, stop, inner }: Packet): boolean {
  if (arp !== undefined || icmp !== undefined || stop?.layer === 'arp') return true;
  if (ip?.version === 4 && ip.protocol === IpProtocol.icmp) return true;
  if (ip?.version === 6 && ip.nextHeader === IpProtocol.icmpv6) return true;
  return inner !== undefined && isUnderstood(inner);
}

const TYPE = ETHERNET_HEADER_LENGTH - 2;
const IPV4_PROTOCOL = ETHERNET_HEADER_LENGTH + 9;
const IPV6_NEXT_HEADER = ETHERNET_HEADER_LENGTH + 6;
const DESTINATION_PORT = 2;
const TUNNEL_PORTS: ReadonlySet<number> = new Set(Object.values(TunnelPort));

/**
 * True where an Ethernet frame is certainly none of these: plain TCP, or UDP that is no tunnel. A look at three fields, for files
 * with millions of such frames; false decides nothing.
 */
export function isPlainTransport(bytes: Uint8Array): boolean {
  const type = wordAt(bytes, TYPE);
  if (type === EtherType.ipv4) {
    const headerLength = (byteAt(bytes, ETHERNET_HEADER_LENGTH) & 0x0f) * 4;
    return headerLength >= IPV4_HEADER_LENGTH && isPlain(bytes, byteAt(bytes, IPV4_PROTOCOL), headerLength);
  }
  return type === EtherType.ipv6 && isPlain(bytes, byteAt(bytes, IPV6_NEXT_HEADER), IPV6_HEADER_LENGTH);
}

function isPlain(bytes: Uint8Array, protocol: number, headerLength: number): boolean {
  if (protocol === IpProtocol.tcp) return true;
  if (protocol !== IpProtocol.udp) return false;
  return !TUNNEL_PORTS.has(wordAt(bytes, ETHERNET_HEADER_LENGTH + headerLength + DESTINATION_PORT));
}
