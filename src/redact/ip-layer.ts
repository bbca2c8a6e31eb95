/** IP headers replaced, their checksums with them, and what they carry. */
import { replaceIcmp } from './icmp-layer.ts';
import { replaceEthernet } from './link-layer.ts';
import type { PacketBytes } from './packet-bytes.ts';
import { replaceTcp, replaceUdp } from './transport-layer.ts';

/** A packet in a packet in a packet … ends here. */
const MOST_DEPTH = 8;
const MOST_EXTENSIONS = 8;
const IPV6_HEADER = 40;
const OPTION_END = 0;
const OPTION_NONE = 1;
/** Hop-by-hop, routing and destination options (RFC 8200 section 4): the next header, and a length in units of 8 bytes. */
const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, 60]);
const FRAGMENT = 44;

/** What is in an IP packet, and what its checksum covers of the header. */
export interface Transport {
  readonly start: number;
  readonly end: number;
  readonly version: 4 | 6;
  /** Sums of both addresses, before they were replaced and after. */
  readonly before: number;
  readonly after: number;
  readonly depth: number;
}

export function replaceIpv4(packet: PacketBytes, at: number, limit: number, depth: number): void {
  const header = (packet.u8(at) & 0xf) * 4;
  if (header < 20 || depth > MOST_DEPTH) {
    packet.zero(at, limit);
    return;
  }
  const total = packet.u16(at + 2);
  // 0: more than the field holds (BIG TCP, or not yet segmented).
  const end = total >= header ? Math.min(limit, at + total) : limit;
  const covered = (): number =>
    packet.sum(at, Math.min(at + 10, end)) + packet.sum(at + 12, Math.min(at + header, end));
  const addresses = (): number => packet.sum(at + 12, Math.min(at + 20, end));
  const headerBefore = covered();
  const before = addresses();
  packet.ipv4(at + 12, end);
  packet.ipv4(at + 16, end);
  for (let option = at + 20; option < at + header; option++)
    if (packet.u8(option) !== OPTION_END)
      packet.bytes.fill(OPTION_NONE, option, Math.min(option + 1, packet.bytes.length));
  packet.correct(at + 10, headerBefore, covered());
  packet.zero(end, limit);
  const start = at + header;
  if ((packet.u16(at + 6) & 0x1fff) > 0) {
    packet.zeroKeepingSum(start, end);
    return;
  }
  const carried: Transport = { start, end, version: 4, before, after: addresses(), depth };
  replaceTransport(packet, packet.u8(at + 9), carried);
}

export function replaceIpv6(packet: PacketBytes, at: number, limit: number, depth: number): void {
  if (depth > MOST_DEPTH) {
    packet.zero(at, limit);
    return;
  }
  const payload = packet.u16(at + 4);
  const end = payload > 0 ? Math.min(limit, at + IPV6_HEADER + payload) : limit;
  const addresses = (): number => packet.sum(at + 8, Math.min(at + IPV6_HEADER, end));
  const before = addresses();
  packet.ipv6(at + 8, end);
  packet.ipv6(at + 24, end);
  packet.zero(end, limit);
  let next = packet.u8(at + 6);
  let start = at + IPV6_HEADER;
  for (let extensions = 0; extensions < MOST_EXTENSIONS && start + 8 <= packet.bytes.length; extensions++) {
    if (EXTENSIONS.has(next)) {
      const length = 8 * (packet.u8(start + 1) + 1);
      if (next === 43)
        for (let address = start + 8; address + 16 <= start + length; address += 16) packet.ipv6(address, end);
      next = packet.u8(start);
      start += length;
    } else if (next === FRAGMENT) {
      next = packet.u8(start);
      const later = (packet.u16(start + 2) & 0xfff8) > 0;
      start += 8;
      if (later) {
        packet.zeroKeepingSum(start, end);
        return;
      }
    } else break;
  }
  replaceTransport(packet, next, { start, end, version: 6, before, after: addresses(), depth });
}

/** By the protocol number (IANA). */
function replaceTransport(packet: PacketBytes, protocol: number, transport: Transport): void {
  const { start, end, depth } = transport;
  switch (protocol) {
    case 1:
    case 58:
      replaceIcmp(packet, transport);
      return;
    case 2:
      replaceIgmp(packet, start, end);
      return;
    case 4:
      replaceIpv4(packet, start, end, depth + 1);
      return;
    case 6:
      replaceTcp(packet, transport);
      return;
    case 17:
      replaceUdp(packet, transport);
      return;
    case 41:
      replaceIpv6(packet, start, end, depth + 1);
      return;
    case 47:
      replaceGre(packet, start, end, depth + 1);
      return;
    default:
      packet.zero(start, end);
      return;
  }
}

/** RFC 3376: groups stay, the senders that are asked for do not. */
function replaceIgmp(packet: PacketBytes, start: number, end: number): void {
  const before = packet.sum(start, start + 2) + packet.sum(start + 4, end);
  packet.zero(start + 8, end);
  packet.correct(start + 2, before, packet.sum(start, start + 2) + packet.sum(start + 4, end));
}

/** RFC 2784, RFC 2890: with a checksum of its own, which nobody sends, it is left out. */
function replaceGre(packet: PacketBytes, start: number, end: number, depth: number): void {
  const flags = packet.u16(start);
  if ((flags & 0xc007) !== 0) {
    packet.zero(start + 4, end);
    return;
  }
  const body = start + 4 + ((flags & 0x2000) === 0 ? 0 : 4) + ((flags & 0x1000) === 0 ? 0 : 4);
  const type = packet.u16(start + 2);
  if (type === 0x0800) {
    replaceIpv4(packet, body, end, depth);
    return;
  }
  if (type === 0x86dd) {
    replaceIpv6(packet, body, end, depth);
    return;
  }
  if (type === 0x6558) {
    replaceEthernet(packet, body, end, depth);
    return;
  }
  packet.zero(body, end);
}
