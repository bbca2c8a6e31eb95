/** Internet Control Message Protocol for IPv4 (RFC 792, RFC 1191, RFC 4884). */
import { type Decoded, type Window, Writer } from './bytes.ts';
import { finishChecksum, internetChecksum, sumWords } from './checksum.ts';
import { icmpName } from './icmp-name.ts';
import type { Icmp, Packet } from './packet.ts';
import { formatIpv4, ipv4Bytes } from './text.ts';

/** IANA ICMP type numbers. */
export const IcmpType = {
  echoReply: 0,
  destinationUnreachable: 3,
  sourceQuench: 4,
  redirect: 5,
  echoRequest: 8,
  routerAdvertisement: 9,
  routerSolicitation: 10,
  timeExceeded: 11,
  parameterProblem: 12,
  timestampRequest: 13,
  timestampReply: 14,
} as const;

/** Codes of destination unreachable that vdiag tells apart. */
export const IcmpUnreachable = {
  network: 0,
  host: 1,
  protocol: 2,
  port: 3,
  fragmentationNeeded: 4,
  networkProhibited: 9,
  hostProhibited: 10,
  prohibited: 13,
} as const;

const TYPE = 0;
const CODE = TYPE + 1;
const CHECKSUM = CODE + 1;
const REST_OF_HEADER = CHECKSUM + 2;
const IDENTIFIER = REST_OF_HEADER;
const SEQUENCE = IDENTIFIER + 2;
const GATEWAY = REST_OF_HEADER;
const QUOTE_LENGTH = REST_OF_HEADER + 1;
const NEXT_HOP_MTU = REST_OF_HEADER + 2;
/** Bytes of the header that every message has, ICMPv6 too. */
export const ICMP_HEADER_LENGTH = REST_OF_HEADER + 4;

/** RFC 4884 section 4.1: the quote's length, where given, counts 32-bit words. */
const QUOTE_UNIT = 4;

export interface DecodedIcmp extends Decoded<Icmp> {
  /** The packet an error quotes, from its IP header on: decoding it is the caller's, since a quote is a whole packet. */
  readonly quote?: Window;
}

/** A message while its fields are read. */
export type IcmpDraft = { -readonly [Field in keyof Icmp]: Icmp[Field] };

/** What `encodeIcmp` writes; a checksum is computed, quote and data come as the payload. */
export type IcmpHeader = Pick<Icmp, 'type' | 'code' | 'identifier' | 'sequence' | 'mtu' | 'gateway'>;

/** An error message by RFC 1122 section 3.2.2: it quotes a packet, and none is ever sent about another error. */
export function isIcmpError({ version, type }: Pick<Icmp, 'version' | 'type'>): boolean {
  if (version === 6) return type < 128; // RFC 4443 section 2.1
  switch (type) {
    case IcmpType.destinationUnreachable:
    case IcmpType.sourceQuench:
    case IcmpType.redirect:
    case IcmpType.timeExceeded:
    case IcmpType.parameterProblem:
      return true;
    default:
      return false;
  }
}

/** @param fragment the message goes on in other fragments, so its checksum cannot be told */
export function decodeIcmp(window: Window, fragment: boolean): DecodedIcmp {
  const short = window.lacks('icmp', ICMP_HEADER_LENGTH, 'icmp header size');
  if (short) return { body: window, stop: short };
  const type = window.u8(TYPE);
  const code = window.u8(CODE);
  const body = window.rest(ICMP_HEADER_LENGTH);
  const header: IcmpDraft = { version: 4, type, code };
  fillChecksum(header, window, fragment, 0);
  if (type === IcmpType.echoRequest || type === IcmpType.echoReply) fillEcho(header, window, body);
  if (!isIcmpError(header)) return { header, body };
  if (type === IcmpType.redirect) header.gateway = formatIpv4(window.bytes, window.start + GATEWAY);
  else if (type === IcmpType.destinationUnreachable && code === IcmpUnreachable.fragmentationNeeded)
    header.mtu = window.u16(NEXT_HOP_MTU);
  return withQuote(header, body, window, quoteLength(window, type));
}

/** Identifier, sequence number and data of an echo message, in both versions. */
export function fillEcho(header: IcmpDraft, window: Window, body: Window): void {
  header.identifier = window.u16(IDENTIFIER);
  header.sequence = window.u16(SEQUENCE);
  header.data = body.view();
}

function quoteLength(window: Window, type: number): number {
  const extended = type !== IcmpType.sourceQuench && type !== IcmpType.redirect;
  return extended ? window.u8(QUOTE_LENGTH) * QUOTE_UNIT : 0;
}

/**
 * An error with the quote behind its header, for ICMPv6 too; without one where no byte is quoted.
 * @param lengthBytes RFC 4884's length, beyond which extensions stand; 0 or more than is there: not used
 */
export function withQuote(header: Icmp, body: Window, window: Window, lengthBytes: number): DecodedIcmp {
  const there = body.length;
  if (there <= 0) return { header, body };
  const length = lengthBytes > 0 && lengthBytes < there ? lengthBytes : there;
  return { header, body, quote: window.quote(ICMP_HEADER_LENGTH, ICMP_HEADER_LENGTH + length) };
}

/** Leaves the field out where bytes are missing: a checksum over a part says nothing. */
export function fillChecksum(header: IcmpDraft, window: Window, fragment: boolean, initial: number): void {
  if (fragment || !window.isComplete) return;
  const { bytes, start, length } = window;
  header.checksumValid = finishChecksum(sumWords(bytes, start, start + length) + initial) === 0;
}

/** Fields that the type does not have are written as zero. @throws RangeError for a gateway that is no address */
export function encodeIcmp(
  header: IcmpHeader,
  payload: Uint8Array,
  into: Uint8Array = new Uint8Array(ICMP_HEADER_LENGTH + payload.length),
): Uint8Array {
  const message = new Writer(into).u8(header.type).u8(header.code).u16(0);
  if (header.gateway !== undefined) message.bytes(ipv4Bytes(header.gateway));
  else if (header.mtu !== undefined) message.u16(0).u16(header.mtu);
  else message.u16(header.identifier ?? 0).u16(header.sequence ?? 0);
  message.bytes(payload);
  return message.patch16(CHECKSUM, internetChecksum(into)).finish();
}

/** What an echo message carries, in both versions. */
export interface Echo {
  readonly reply: boolean;
  readonly identifier: number;
  readonly sequence: number;
  readonly data: Uint8Array;
}

/** An IPv4 echo request or reply. */
export function encodeIcmpEcho({ reply, identifier, sequence, data }: Echo, into?: Uint8Array): Uint8Array {
  const type = reply ? IcmpType.echoReply : IcmpType.echoRequest;
  return encodeIcmp({ type, code: 0, identifier, sequence }, data, into);
}

/** As tcpdump, from behind `ICMP `. @param lengthBytes of the message on the wire */
export function describeIcmp(icmp: Icmp, lengthBytes: number): string {
  return `${messageText(icmp)}, length ${lengthBytes}`;
}

function messageText(icmp: Icmp): string {
  const { type, code, quoted } = icmp;
  switch (type) {
    case IcmpType.echoRequest:
    case IcmpType.echoReply:
      return `echo ${type === IcmpType.echoReply ? 'reply' : 'request'}, id ${icmp.identifier}, seq ${icmp.sequence}`;
    case IcmpType.destinationUnreachable:
      return unreachableText(icmp);
    case IcmpType.sourceQuench:
      return 'source quench';
    case IcmpType.redirect: {
      const kind = code < 2 ? 'redirect' : code < 4 ? 'redirect-tos' : `redirect-#${code}`;
      const whom = code > 3 ? '' : code % 2 === 0 ? 'net ' : 'host ';
      return `${kind} ${destinationOf(quoted)} to ${whom}${icmp.gateway}`;
    }
    case IcmpType.routerAdvertisement:
      return 'router advertisement';
    case IcmpType.routerSolicitation:
      return 'router solicitation';
    case IcmpType.timeExceeded:
      if (code > 1) return `time exceeded-#${code}`;
      return code === 0 ? 'time exceeded in-transit' : 'ip reassembly time exceeded';
    case IcmpType.parameterProblem:
      return code === 0 ? 'parameter problem' : `parameter problem - code ${code}`;
    case IcmpType.timestampRequest:
      return 'time stamp query';
    case IcmpType.timestampReply:
      return 'time stamp reply';
    default:
      return icmpName(4, type, icmp.code);
  }
}

/** `%` stands for what could not be reached. */
const UNREACHABLE_TEXTS: readonly string[] = [
  'net % unreachable',
  'host % unreachable',
  '',
  '',
  '% unreachable - need to frag',
  '% unreachable - source route failed',
  'net % unreachable - unknown',
  'host % unreachable - unknown',
  '% unreachable - source host isolated',
  'net % unreachable - admin prohibited',
  'host % unreachable - admin prohibited',
  'net % unreachable - tos prohibited',
  'host % unreachable - tos prohibited',
  'host % unreachable - admin prohibited filter',
  'host % unreachable - host precedence violation',
  'host % unreachable - precedence cutoff',
];

function unreachableText({ code, quoted, mtu }: Icmp): string {
  const destination = destinationOf(quoted);
  if (code === IcmpUnreachable.protocol) return `${destination} protocol ${protocolOf(quoted)} unreachable`;
  if (code === IcmpUnreachable.port) return `${destination} ${portText(quoted)} unreachable`;
  const text = UNREACHABLE_TEXTS[code];
  if (text === undefined) return `${destination} unreachable - #${code}`;
  return text.replace('%', destination) + (mtu ? ` (mtu ${mtu})` : '');
}

/** The quoted packet's destination, or a question mark where the quote is too short to hold it. */
export function destinationOf(quoted: Packet | undefined): string {
  return quoted?.ip?.destination ?? '?';
}

function protocolOf(quoted: Packet | undefined): string {
  return quoted?.ip?.version === 4 ? `${quoted.ip.protocol}` : '?';
}

/** `udp port 53`, as errors about a port name it. */
export function portText(quoted: Packet | undefined): string {
  if (quoted?.tcp) return `tcp port ${quoted.tcp.destinationPort}`;
  return quoted?.udp ? `udp port ${quoted.udp.destinationPort}` : 'port';
}
