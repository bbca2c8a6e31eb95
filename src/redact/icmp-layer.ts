/** ICMP and ICMPv6: quoted packets and neighbour discovery are replaced, data are zeroed but for vdiag's own token. */

import type { Transport } from './ip-layer.ts';
import { replaceIp } from './link-layer.ts';
import type { PacketBytes } from './packet-bytes.ts';
import { covering } from './transport-layer.ts';

const CHECKSUM = 2;
const HEADER = 8;
/** Behind the token stands the probe's number. */
const NUMBER_BYTES = 4;

export function replaceIcmp(packet: PacketBytes, transport: Transport): void {
  const { start, version } = transport;
  // Only ICMPv6 covers the addresses.
  const covered = version === 6 ? transport : { ...transport, before: 0, after: 0 };
  covering(packet, covered, start + CHECKSUM, () => {
    if (version === 4) replaceIcmpv4(packet, transport);
    else replaceIcmpv6(packet, transport);
  });
}

function replaceIcmpv4(packet: PacketBytes, { start, end, depth }: Transport): void {
  const body = start + HEADER;
  switch (packet.u8(start)) {
    case 0:
    case 8:
      replaceEchoData(packet, body, end);
      return;
    case 5:
      packet.ipv4(start + 4, end);
      replaceQuote(packet, body, end, end, depth);
      return;
    case 3:
    case 11:
    case 12:
      replaceQuote(packet, body, quoteEnd(body, packet.u8(start + 5) * 4, end), end, depth);
      return;
    case 4:
      replaceQuote(packet, body, end, end, depth);
      return;
    default:
      packet.zero(body, end);
      return;
  }
}

function replaceIcmpv6(packet: PacketBytes, { start, end, depth }: Transport): void {
  const body = start + HEADER;
  const type = packet.u8(start);
  if (type < 128) {
    replaceQuote(packet, body, quoteEnd(body, packet.u8(start + 4) * 8, end), end, depth);
    return;
  }
  switch (type) {
    case 128:
    case 129:
      replaceEchoData(packet, body, end);
      return;
    case 130:
    case 131:
    case 132:
      packet.ipv6(body, end);
      replaceSources(packet, body + 20, packet.u16(body + 18), end);
      return;
    case 133:
      replaceOptions(packet, body, end, depth);
      return;
    case 134:
      replaceOptions(packet, body + 8, end, depth);
      return;
    case 135:
    case 136:
      packet.ipv6(body, end);
      replaceOptions(packet, body + 16, end, depth);
      return;
    case 137:
      packet.ipv6(body, end);
      packet.ipv6(body + 16, end);
      replaceOptions(packet, body + 32, end, depth);
      return;
    case 143:
      replaceGroupRecords(packet, body, packet.u16(start + 6), end);
      return;
    default:
      packet.zero(body, end);
      return;
  }
}

/** RFC 4884: a length says where the quote ends and extensions begin. */
function quoteEnd(body: number, length: number, end: number): number {
  return length > 0 ? Math.min(end, body + length) : end;
}

function replaceQuote(packet: PacketBytes, body: number, quote: number, end: number, depth: number): void {
  replaceIp(packet, body, quote, depth + 1);
  packet.zero(quote, end);
}

function replaceEchoData(packet: PacketBytes, at: number, end: number): void {
  const there = Math.min(end, packet.bytes.length) - at;
  const own = packet.tokens.find(
    (token) => there > 0 && token.every((byte, offset) => offset >= there || packet.u8(at + offset) === byte),
  );
  packet.zero(own === undefined ? at : at + own.length + NUMBER_BYTES, end);
}

/** RFC 4861 section 4.6. */
function replaceOptions(packet: PacketBytes, from: number, end: number, depth: number): void {
  const until = Math.min(end, packet.bytes.length);
  for (let at = from; at < until; ) {
    const length = 8 * packet.u8(at + 1);
    if (length === 0 || at + length > until) {
      packet.zero(at, until);
      return;
    }
    const next = at + length;
    switch (packet.u8(at)) {
      case 1:
      case 2:
        packet.mac(at + 2, next);
        break;
      case 3:
        packet.ipv6(at + 16, next);
        break;
      case 4:
        replaceIp(packet, at + 8, next, depth + 1);
        break;
      case 5:
      case 14:
        break;
      case 25:
        for (let address = at + 8; address < next; address += 16) packet.ipv6(address, next);
        break;
      default:
        packet.zero(at + 2, next);
    }
    at = next;
  }
}

/** RFC 3810 section 5.1. */
function replaceSources(packet: PacketBytes, at: number, count: number, end: number): void {
  const until = Math.min(end, packet.bytes.length);
  for (let source = 0; source < count && at + 16 * source < until; source++) packet.ipv6(at + 16 * source, end);
  packet.zero(at + 16 * count, end);
}

/** RFC 3810 section 5.2. */
function replaceGroupRecords(packet: PacketBytes, from: number, count: number, end: number): void {
  const until = Math.min(end, packet.bytes.length);
  let at = from;
  for (let record = 0; record < count && at < until; record++) {
    packet.ipv6(at + 4, end);
    const sources = packet.u16(at + 2);
    for (let source = 0; source < sources && at + 20 + 16 * source < until; source++)
      packet.ipv6(at + 20 + 16 * source, end);
    packet.zero(at + 20 + 16 * sources, Math.min(end, at + 20 + 16 * sources + 4 * packet.u8(at + 1)));
    at += 20 + 16 * sources + 4 * packet.u8(at + 1);
  }
  packet.zero(at, end);
}
