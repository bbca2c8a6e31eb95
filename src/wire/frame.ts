/** A whole frame, on the way in and on the way out. */
import { encodeArp } from './arp.ts';
import { Window } from './bytes.ts';
import { encodeEthernet } from './ethernet.ts';
import { encodeIcmp } from './icmp.ts';
import { encodeIcmpv6 } from './icmpv6.ts';
import { encodeIpv4, IPV4_HEADER_LENGTH, ipv4Addresses } from './ipv4.ts';
import { encodeIpv6, ipv6Addresses } from './ipv6.ts';
import { decodeLayers, intoCooked, intoEthernet, intoLoopback, intoRawIp } from './layers.ts';
import type { Ipv4, Ipv6, Packet } from './packet.ts';
import { encodeTcp } from './tcp.ts';
import { encodeUdp } from './udp.ts';

/**
 * What a frame starts with: an Ethernet header, an IP header (LINKTYPE_RAW, a tun device), the header of `tcpdump -i any`
 * (LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2), or that of a BSD loopback device (LINKTYPE_NULL, LINKTYPE_LOOP).
 */
export type LinkType = 'ethernet' | 'raw-ip' | 'linux-sll' | 'linux-sll2' | 'null';

/**
 * Decodes one frame: its outer packet, and `inner` where that is a tunnel's. Never throws: good layers are kept, and `stop` says where decoding ended early and why.
 * A stop with reason `truncated` may concern data behind good layers only (a snap length cuts most echo data).
 * Of several stops the innermost is kept.
 * @param bytes as captured; the packet's data are views of it, so it must not be reused
 * @param originalLength bytes on the wire
 * @param vxlanPorts UDP ports that carry VXLAN, beside its own number and the one Linux had before
 */
export function decodeFrame(
  bytes: Uint8Array,
  originalLength: number,
  linkType: LinkType = 'ethernet',
  vxlanPorts?: ReadonlySet<number>,
): Packet {
  const frame = Window.ofFrame(bytes, originalLength);
  switch (linkType) {
    case 'ethernet':
      return decodeLayers((walk) => intoEthernet(walk, frame), vxlanPorts);
    case 'raw-ip':
      return decodeLayers((walk) => intoRawIp(walk, frame), vxlanPorts);
    case 'linux-sll':
      return decodeLayers((walk) => intoCooked(walk, frame, 1), vxlanPorts);
    case 'linux-sll2':
      return decodeLayers((walk) => intoCooked(walk, frame, 2), vxlanPorts);
    case 'null':
      return decodeLayers((walk) => intoLoopback(walk, frame), vxlanPorts);
    default:
      return linkType satisfies never;
  }
}

/**
 * The bytes of a packet, from its outermost layer on: lengths and checksums are computed, options and extension headers
 * are not kept (IPv4 options become padding), and an ICMP message's body is `payload`, whatever its decoded fields say.
 * `decodeFrame(encodeFrame(packet))` is the packet, where that was whole and of these layers.
 * @throws RangeError for an address that is none
 */
export function encodeFrame(packet: Packet): Uint8Array {
  const { ethernet, vlans } = packet;
  const contents = encodeNetwork(packet);
  return ethernet === undefined ? contents : encodeEthernet(ethernet, contents, vlans);
}

function encodeNetwork(packet: Packet): Uint8Array {
  const { arp, ip } = packet;
  if (arp !== undefined) return encodeArp(arp);
  if (ip === undefined) return packet.payload;
  if (ip.version === 6) return encodeIpv6(ip, encodeUpperLayer(packet, ip));
  const options = new Uint8Array(ip.headerLength - IPV4_HEADER_LENGTH);
  return encodeIpv4({ ...ip, options }, encodeUpperLayer(packet, ip));
}

function encodeUpperLayer({ icmp, udp, tcp, payload }: Packet, ip: Ipv4 | Ipv6): Uint8Array {
  if (icmp !== undefined) return ip.version === 4 ? encodeIcmp(icmp, payload) : encodeIcmpv6(icmp, payload, ip);
  if (udp === undefined && tcp === undefined) return payload;
  const addresses = ip.version === 4 ? ipv4Addresses(ip) : ipv6Addresses(ip);
  if (udp !== undefined) return encodeUdp(udp, payload, addresses);
  return tcp === undefined ? payload : encodeTcp(tcp, payload, addresses);
}
