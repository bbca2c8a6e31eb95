/** The link layer's addresses replaced, and what it carries; what is not known is zeroed. */
import type { LinkType } from '../wire/frame.ts';
import { replaceIpv4, replaceIpv6 } from './ip-layer.ts';
import type { PacketBytes } from './packet-bytes.ts';

const IPV4 = 0x0800;
const ARP = 0x0806;
const IPV6 = 0x86dd;
/** IEEE 802.1Q, 802.1ad, and the number 802.1ad had before it was one. */
const TAGS: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100]);
const MOST_TAGS = 4;
const ARP_ETHERNET_IPV4 = [0, 1, 0x08, 0, 6, 4];
const ARP_LENGTH = 28;

/** A whole frame. */
export function replaceFrame(packet: PacketBytes, linkType: LinkType): void {
  const end = packet.bytes.length;
  switch (linkType) {
    case 'ethernet':
      replaceEthernet(packet, 0, end, 0);
      return;
    case 'raw-ip':
      replaceIp(packet, 0, end, 0);
      return;
    case 'null':
      replaceIp(packet, 4, end, 0);
      return;
    case 'linux-sll':
      packet.mac(6, 12);
      packet.zero(12, 14);
      replaceCarried(packet, packet.u16(14), 16, end, 0);
      return;
    case 'linux-sll2':
      packet.mac(12, 18);
      packet.zero(18, 20);
      replaceCarried(packet, packet.u16(0), 20, end, 0);
      return;
    default:
      linkType satisfies never;
      return;
  }
}

/** @param depth how many packets it is inside of */
export function replaceEthernet(packet: PacketBytes, start: number, end: number, depth: number): void {
  packet.mac(start, end);
  packet.mac(start + 6, end);
  let at = start + 12;
  for (let tags = 0; tags < MOST_TAGS && TAGS.has(packet.u16(at)); tags++) at += 4;
  replaceCarried(packet, packet.u16(at), at + 2, end, depth);
}

/** By its EtherType. */
function replaceCarried(packet: PacketBytes, type: number, at: number, end: number, depth: number): void {
  if (type === IPV4) {
    replaceIpv4(packet, at, end, depth);
    return;
  }
  if (type === IPV6) {
    replaceIpv6(packet, at, end, depth);
    return;
  }
  if (type === ARP) {
    replaceArp(packet, at, end);
    return;
  }
  packet.zero(at, end);
}

/** By its own first bits. */
export function replaceIp(packet: PacketBytes, at: number, end: number, depth: number): void {
  const version = packet.u8(at) >> 4;
  if (version === 4) {
    replaceIpv4(packet, at, end, depth);
    return;
  }
  if (version === 6) {
    replaceIpv6(packet, at, end, depth);
    return;
  }
  packet.zero(at, end);
}

/** RFC 826. */
function replaceArp(packet: PacketBytes, at: number, end: number): void {
  if (ARP_ETHERNET_IPV4.some((byte, offset) => packet.u8(at + offset) !== byte)) {
    packet.zero(at + 8, end);
    return;
  }
  packet.mac(at + 8, end);
  packet.ipv4(at + 14, end);
  packet.mac(at + 18, end);
  packet.ipv4(at + 24, end);
  packet.zero(at + ARP_LENGTH, end);
}
