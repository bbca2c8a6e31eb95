/** A whole frame: which protocol follows which, on the way in and on the way out. */
import { decodeArp, encodeArp } from './arp.ts';
import { Window } from './bytes.ts';
import { decodeEthernet, EtherType, encodeEthernet } from './ethernet.ts';
import { type DecodedIcmp, decodeIcmp, encodeIcmp } from './icmp.ts';
import { decodeIcmpv6, encodeIcmpv6 } from './icmpv6.ts';
import { decodeIpv4, encodeIpv4, IPV4_HEADER_LENGTH, IpProtocol, ipv4Addresses } from './ipv4.ts';
import { decodeIpv6, encodeIpv6, ipv6Addresses } from './ipv6.ts';
import type { DecodeStop, Ipv4, Ipv6, Packet, VlanTag } from './packet.ts';
import { decodeTcp, encodeTcp } from './tcp.ts';
import { decodeUdp, encodeUdp } from './udp.ts';

/** What a frame starts with: an Ethernet header, or an IP header (LINKTYPE_RAW, a tun device). */
export type LinkType = 'ethernet' | 'raw-ip';

/** A packet while its layers are added. */
type Draft = { -readonly [Field in keyof Packet]: Packet[Field] };

const NO_BYTES = new Uint8Array(0);
const NO_TAGS: readonly VlanTag[] = Object.freeze([]);

/**
 * Decodes one frame. Never throws: good layers are kept, and `stop` says where decoding ended early and why.
 * A stop with reason `truncated` may concern data behind good layers only (a snap length cuts most echo data).
 * Of several stops the innermost is kept.
 * @param bytes as captured; the packet's data are views of it, so it must not be reused
 * @param originalLength bytes on the wire
 */
export function decodeFrame(bytes: Uint8Array, originalLength: number, linkType: LinkType = 'ethernet'): Packet {
  const frame = Window.ofFrame(bytes, originalLength);
  return fill((packet) => (linkType === 'ethernet' ? intoEthernet(packet, frame) : intoRawIp(packet, frame)));
}

/** Runs a decoder over an empty packet; what it leaves is the payload. */
function fill(decode: (packet: Draft) => Window): Packet {
  const packet: Draft = { vlans: NO_TAGS, payload: NO_BYTES };
  packet.payload = decode(packet).view();
  return packet;
}

function note(packet: Draft, stop: DecodeStop | undefined): void {
  if (stop !== undefined) packet.stop = stop;
}

function intoEthernet(packet: Draft, frame: Window): Window {
  const { header, vlans, body, stop } = decodeEthernet(frame);
  note(packet, stop);
  if (header === undefined) return body;
  packet.ethernet = header;
  packet.vlans = vlans;
  switch (header.etherType) {
    case EtherType.arp:
      return intoArp(packet, body);
    case EtherType.ipv4:
      return intoIpv4(packet, body);
    case EtherType.ipv6:
      return intoIpv6(packet, body);
    default:
      return body;
  }
}

function intoRawIp(packet: Draft, frame: Window): Window {
  note(packet, frame.lacks('ip', 1, 'ip version'));
  if (packet.stop) return frame;
  const version = frame.u8(0) >>> 4;
  if (version === 4) return intoIpv4(packet, frame);
  if (version === 6) return intoIpv6(packet, frame);
  packet.stop = frame.malformed('ip', IPV4_HEADER_LENGTH, 0, 'ip version');
  return frame;
}

function intoArp(packet: Draft, window: Window): Window {
  const { header, body, stop } = decodeArp(window);
  note(packet, stop);
  if (header !== undefined) packet.arp = header;
  return body;
}

function intoIpv4(packet: Draft, window: Window): Window {
  const { header, body, stop } = decodeIpv4(window);
  note(packet, stop);
  if (header === undefined) return body;
  packet.ip = header;
  if (!hasUpperLayer(header)) return body;
  const fragment = header.moreFragments;
  if (header.protocol === IpProtocol.icmp) return intoIcmp(packet, body, decodeIcmp(body, fragment));
  return intoPorts(packet, body, header.protocol, fragment);
}

function intoIpv6(packet: Draft, window: Window): Window {
  const { header, body, stop, addressSum } = decodeIpv6(window);
  note(packet, stop);
  if (header === undefined) return body;
  packet.ip = header;
  if (!hasUpperLayer(header)) return body;
  const fragment = header.moreFragments;
  if (header.nextHeader === IpProtocol.icmpv6) return intoIcmp(packet, body, decodeIcmpv6(body, fragment, addressSum));
  return intoPorts(packet, body, header.nextHeader, fragment);
}

/** Not in a later fragment, and not where the total length denies even the header. */
function hasUpperLayer(header: Ipv4 | Ipv6): boolean {
  if (header.version === 4 && header.totalLength > 0 && header.totalLength < header.headerLength) return false;
  return header.fragmentOffset === 0;
}

function intoIcmp(packet: Draft, window: Window, { header, body, stop, quote }: DecodedIcmp): Window {
  note(packet, stop);
  if (header === undefined) return body;
  // One level only: an error about an error is never sent (RFC 1122 section 3.2.2), and a hostile one would nest thousands.
  if (quote === undefined || window.quoted) packet.icmp = header;
  else {
    const quoted = fill((inner) => (header.version === 4 ? intoIpv4(inner, quote) : intoIpv6(inner, quote)));
    packet.icmp = { ...header, quoted };
  }
  return body;
}

function intoPorts(packet: Draft, window: Window, protocol: number, fragment: boolean): Window {
  if (protocol === IpProtocol.udp) {
    const { header, body, stop } = decodeUdp(window, fragment);
    note(packet, stop);
    if (header !== undefined) packet.udp = header;
    return body;
  }
  if (protocol === IpProtocol.tcp) {
    const { header, body, stop } = decodeTcp(window);
    note(packet, stop);
    if (header !== undefined) packet.tcp = header;
    return body;
  }
  return window;
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
