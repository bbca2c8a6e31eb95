/** Internet Protocol version 6 (RFC 8200); extension headers are walked over up to the upper layer. */
import { type Decoded, type Window, Writer } from './bytes.ts';
import { sumWords } from './checksum.ts';
import type { DecodeStop, Ipv6 } from './packet.ts';
import { formatIpv6, ipv6Bytes } from './text.ts';

/** Next header values of extension headers (RFC 8200 section 4, RFC 4302). */
export const ExtensionHeader = {
  hopByHop: 0,
  routing: 43,
  fragment: 44,
  authentication: 51,
  noNextHeader: 59,
  destinationOptions: 60,
} as const;

const EXTENSION_NAMES: ReadonlyMap<number, string> = new Map([
  [ExtensionHeader.hopByHop, 'ipv6 hop-by-hop options'],
  [ExtensionHeader.routing, 'ipv6 routing header'],
  [ExtensionHeader.fragment, 'ipv6 fragment header'],
  [ExtensionHeader.authentication, 'ipv6 authentication header'],
  [ExtensionHeader.destinationOptions, 'ipv6 destination options'],
]);

const PAYLOAD_LENGTH = 4;
const NEXT_HEADER = PAYLOAD_LENGTH + 2;
const HOP_LIMIT = NEXT_HEADER + 1;
const SOURCE = HOP_LIMIT + 1;
const DESTINATION = SOURCE + 16;
/** Bytes without extension headers. */
export const IPV6_HEADER_LENGTH = DESTINATION + 16;

const EXTENSION_NEXT = 0;
const EXTENSION_LENGTH = EXTENSION_NEXT + 1;
/** Every extension header is at least this long. */
const EXTENSION_SMALLEST = 8;
const FRAGMENT_OFFSET = 2;
const FRAGMENT_IDENTIFICATION = FRAGMENT_OFFSET + 2;
const ROUTING_TYPE = 2;
const SEGMENTS_LEFT = ROUTING_TYPE + 1;
const FIRST_SEGMENT = 8;

/** RFC 5095 (type 0), RFC 6275 (type 2), RFC 8754 (segment routing). */
const RoutingType = { source: 0, home: 2, segments: 4 } as const;

/** What a sender chooses; a fragment header is written where one of its three fields is set. */
export type Ipv6Header = Omit<Ipv6, 'payloadLength'>;

export interface DecodedIpv6 extends Decoded<Ipv6> {
  /** Sum of the pseudo-header's addresses, for the upper layer's checksum; undefined where a routing header hides the final one. */
  readonly addressSum?: number | undefined;
}

/** As the walk goes on. */
interface Walk {
  nextHeader: number;
  body: Window;
  identification: number;
  fragmentOffset: number;
  moreFragments: boolean;
  /** Where the final destination stands in the frame, bytes; undefined where it is not known. */
  finalDestination: number | undefined;
  stop: DecodeStop | undefined;
}

export function decodeIpv6(window: Window): DecodedIpv6 {
  const short = window.lacks('ipv6', IPV6_HEADER_LENGTH, 'ipv6 header size');
  if (short) return { body: window, stop: short };
  if (window.u8(0) >>> 4 !== 6)
    return { body: window, stop: window.malformed('ipv6', IPV6_HEADER_LENGTH, 0, 'ipv6 version') };

  const { bytes, start } = window;
  const payloadLength = window.u16(PAYLOAD_LENGTH);
  const nextHeader = window.u8(NEXT_HEADER);
  // Zero with something behind it: a jumbogram (RFC 2675) or a frame that the card is still to segment.
  const unsaid = payloadLength === 0 && nextHeader !== ExtensionHeader.noNextHeader;
  const end = IPV6_HEADER_LENGTH + payloadLength;
  const walk = walkExtensions({
    nextHeader,
    body: unsaid ? window.rest(IPV6_HEADER_LENGTH) : window.narrow(IPV6_HEADER_LENGTH, end),
    identification: 0,
    fragmentOffset: 0,
    moreFragments: false,
    finalDestination: start + DESTINATION,
    stop: undefined,
  });
  const header: Ipv6 = {
    version: 6,
    source: formatIpv6(bytes, start + SOURCE),
    destination: formatIpv6(bytes, start + DESTINATION),
    payloadLength,
    hopLimit: window.u8(HOP_LIMIT),
    nextHeader: walk.nextHeader,
    identification: walk.identification,
    fragmentOffset: walk.fragmentOffset,
    moreFragments: walk.moreFragments,
  };
  const stop = walk.stop ?? (unsaid ? undefined : window.lacksBody('ipv6', end, 'ipv6 payload length'));
  const { body } = walk;
  const addressSum = sumAddresses(bytes, start + SOURCE, walk.finalDestination);
  return stop ? { header, body, addressSum, stop } : { header, body, addressSum };
}

function sumAddresses(bytes: Uint8Array, source: number, destination: number | undefined): number | undefined {
  if (destination === undefined) return undefined;
  return sumWords(bytes, source, source + 16) + sumWords(bytes, destination, destination + 16);
}

/** Bounded by the frame: every turn goes at least 8 bytes on. */
function walkExtensions(walk: Walk): Walk {
  for (;;) {
    const kind = walk.nextHeader;
    const layer = EXTENSION_NAMES.get(kind);
    if (layer === undefined) return walk;
    const header = walk.body;
    walk.stop = header.lacks(layer, EXTENSION_SMALLEST, `${layer} size`);
    if (walk.stop) return walk;
    const length = extensionLength(kind, header.u8(EXTENSION_LENGTH));
    walk.stop = header.lacks(layer, length, `${layer} length`);
    if (walk.stop) return walk;
    if (kind === ExtensionHeader.routing)
      walk.finalDestination = finalDestination(header, length, walk.finalDestination);
    walk.nextHeader = header.u8(EXTENSION_NEXT);
    walk.body = header.rest(length);
    if (kind === ExtensionHeader.fragment) {
      const field = header.u16(FRAGMENT_OFFSET);
      walk.fragmentOffset = field & 0xfff8;
      walk.moreFragments = (field & 1) !== 0;
      walk.identification = header.u32(FRAGMENT_IDENTIFICATION);
      // What follows a later fragment's header is data, whatever its next header says.
      if (walk.fragmentOffset > 0) return walk;
    }
  }
}

/** The length field counts 8-byte units beyond the first 8 bytes; AH alone counts 4-byte units, less 2 (RFC 4302 section 2.2). */
function extensionLength(kind: number, field: number): number {
  if (kind === ExtensionHeader.fragment) return EXTENSION_SMALLEST;
  return kind === ExtensionHeader.authentication ? Math.max((field + 2) * 4, EXTENSION_SMALLEST) : (field + 1) * 8;
}

/** RFC 8200 section 8.1: a checksum is taken with the final destination, which on the way stands in the routing header. */
function finalDestination(header: Window, length: number, destination: number | undefined): number | undefined {
  if (header.u8(SEGMENTS_LEFT) === 0) return destination;
  if (length < FIRST_SEGMENT + 16) return undefined;
  switch (header.u8(ROUTING_TYPE)) {
    case RoutingType.source:
    case RoutingType.home:
      return header.start + length - 16;
    case RoutingType.segments:
      return header.start + FIRST_SEGMENT; // listed last to first
    default:
      return undefined;
  }
}

function isFragment({ identification, fragmentOffset, moreFragments }: Ipv6Header): boolean {
  return identification !== 0 || fragmentOffset !== 0 || moreFragments;
}

/** Bytes of the headers that `encodeIpv6` writes. */
export function ipv6HeaderLength(header: Ipv6Header): number {
  return IPV6_HEADER_LENGTH + (isFragment(header) ? EXTENSION_SMALLEST : 0);
}

/** @throws RangeError for an address that is none */
export function encodeIpv6(
  header: Ipv6Header,
  payload: Uint8Array,
  into: Uint8Array = new Uint8Array(ipv6HeaderLength(header) + payload.length),
): Uint8Array {
  const fragment = isFragment(header);
  const packet = new Writer(into)
    .u32(0x60000000)
    .u16(payload.length + (fragment ? EXTENSION_SMALLEST : 0))
    .u8(fragment ? ExtensionHeader.fragment : header.nextHeader)
    .u8(header.hopLimit)
    .bytes(ipv6Bytes(header.source))
    .bytes(ipv6Bytes(header.destination));
  if (fragment)
    packet
      .u8(header.nextHeader)
      .u8(0)
      .u16((header.fragmentOffset & 0xfff8) | (header.moreFragments ? 1 : 0))
      .u32(header.identification);
  return packet.bytes(payload).finish();
}

/** Source and destination as they stand in a pseudo-header. @throws RangeError for an address that is none */
export function ipv6Addresses({ source, destination }: Pick<Ipv6, 'source' | 'destination'>): Uint8Array {
  return new Writer(new Uint8Array(32)).bytes(ipv6Bytes(source)).bytes(ipv6Bytes(destination)).finish();
}
