/** Internet Protocol version 4 (RFC 791), with options passed over and fragments told apart. */
import { type Decoded, decoded, type Window, Writer } from './bytes.ts';
import { finishChecksum, internetChecksum, sumWords } from './checksum.ts';
import type { Ipv4 } from './packet.ts';
import { formatIpv4, ipv4Bytes } from './text.ts';

/** IANA protocol numbers, shared with IPv6's next header. */
export const IpProtocol = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const OFFSET_MASK = 0x1fff;
const OFFSET_UNIT = 8;

const VERSION_AND_LENGTH = 0;
const TOTAL_LENGTH = VERSION_AND_LENGTH + 2;
const IDENTIFICATION = TOTAL_LENGTH + 2;
const FRAGMENT = IDENTIFICATION + 2;
const TTL = FRAGMENT + 2;
const PROTOCOL = TTL + 1;
const CHECKSUM = PROTOCOL + 1;
const SOURCE = CHECKSUM + 2;
const DESTINATION = SOURCE + 4;
/** Bytes without options. */
export const IPV4_HEADER_LENGTH = DESTINATION + 4;

/** What a sender chooses; lengths and checksum follow from it. */
export interface Ipv4Header extends Omit<Ipv4, 'headerLength' | 'totalLength' | 'checksumValid'> {
  /** A multiple of 4 bytes, at most 40. */
  readonly options?: Uint8Array;
}

export function decodeIpv4(window: Window): Decoded<Ipv4> {
  const short = window.lacks('ipv4', IPV4_HEADER_LENGTH, 'ipv4 header size');
  if (short) return { body: window, stop: short };
  const version = window.u8(VERSION_AND_LENGTH) >>> 4;
  if (version !== 4) return { body: window, stop: window.malformed('ipv4', IPV4_HEADER_LENGTH, 0, 'ipv4 version') };
  const headerLength = (window.u8(VERSION_AND_LENGTH) & 0x0f) * 4;
  if (headerLength < IPV4_HEADER_LENGTH)
    return { body: window, stop: window.malformed('ipv4', IPV4_HEADER_LENGTH, headerLength, 'ipv4 header length') };
  const cut = window.lacks('ipv4', headerLength, 'ipv4 header length');
  if (cut) return { body: window, stop: cut };

  const totalLength = window.u16(TOTAL_LENGTH);
  const header = readHeader(window, headerLength, totalLength);
  // A frame that the card is still to segment may be longer than the field can say (TSO, BIG TCP): take what is there.
  if (totalLength === 0) return { header, body: window.rest(headerLength) };
  if (totalLength < headerLength) {
    const stop = window.malformed('ipv4', headerLength, totalLength, 'ipv4 total length');
    return { header, body: window.narrow(headerLength, headerLength), stop };
  }
  const stop = window.lacksBody('ipv4', totalLength, 'ipv4 total length');
  return decoded(header, window.narrow(headerLength, totalLength), stop);
}

function readHeader(window: Window, headerLength: number, totalLength: number): Ipv4 {
  const { bytes, start } = window;
  const fragment = window.u16(FRAGMENT);
  return {
    version: 4,
    source: formatIpv4(bytes, start + SOURCE),
    destination: formatIpv4(bytes, start + DESTINATION),
    headerLength,
    totalLength,
    identification: window.u16(IDENTIFICATION),
    dontFragment: (fragment & DONT_FRAGMENT) !== 0,
    moreFragments: (fragment & MORE_FRAGMENTS) !== 0,
    fragmentOffset: (fragment & OFFSET_MASK) * OFFSET_UNIT,
    ttl: window.u8(TTL),
    protocol: window.u8(PROTOCOL),
    checksumValid: finishChecksum(sumWords(bytes, start, start + headerLength)) === 0,
  };
}

/** @throws RangeError for an address that is none */
export function encodeIpv4(
  header: Ipv4Header,
  payload: Uint8Array,
  into: Uint8Array = new Uint8Array(IPV4_HEADER_LENGTH + (header.options?.length ?? 0) + payload.length),
): Uint8Array {
  const options = header.options ?? new Uint8Array(0);
  const headerLength = IPV4_HEADER_LENGTH + options.length;
  const flags = (header.dontFragment ? DONT_FRAGMENT : 0) | (header.moreFragments ? MORE_FRAGMENTS : 0);
  const packet = new Writer(into)
    .u8(0x40 | (headerLength / 4))
    .u8(0)
    .u16(headerLength + payload.length)
    .u16(header.identification)
    .u16(flags | (header.fragmentOffset / OFFSET_UNIT))
    .u8(header.ttl)
    .u8(header.protocol)
    .u16(0)
    .bytes(ipv4Bytes(header.source))
    .bytes(ipv4Bytes(header.destination))
    .bytes(options)
    .bytes(payload);
  packet.patch16(CHECKSUM, internetChecksum(into.subarray(0, headerLength)));
  return packet.finish();
}

/** Source and destination as they stand in a pseudo-header. @throws RangeError for an address that is none */
export function ipv4Addresses({ source, destination }: Pick<Ipv4, 'source' | 'destination'>): Uint8Array {
  return new Writer(new Uint8Array(8)).bytes(ipv4Bytes(source)).bytes(ipv4Bytes(destination)).finish();
}
