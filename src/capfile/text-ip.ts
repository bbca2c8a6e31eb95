/** IP as tcpdump words it (print-ip.c, print-ip6.c): the header's fields with -v, the two ends, and what rides on it. */
import { ICMP_HEADER_LENGTH } from '../wire/icmp.ts';
import { IPV4_HEADER_LENGTH, IpProtocol } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import type { Icmp, Ipv4, Ipv6, Packet } from '../wire/packet.ts';
import { type Endpoint, readEndpoint } from './text-endpoint.ts';
import { readIcmp } from './text-icmp.ts';
import { readIcmpv6 } from './text-icmpv6.ts';
import { LARGEST_PACKET, NO_BYTES, type Resolve, type TextReading } from './text-packet.ts';
import { readSegment } from './text-ports.ts';

/** What -v prints in parentheses; 0, or absent, where it was not printed. */
export interface PrintedIp {
  readonly hops: number;
  readonly identification: number;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  readonly fragmentOffset: number;
  readonly protocol?: number;
  /** Bytes, of the whole packet. */
  readonly totalLength?: number;
}

/** What an upper layer's reader is told. */
export interface Carried {
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly header: PrintedIp;
  /** Bytes that the IP header claims for the upper layer, where it was printed. */
  readonly bodyBytes: number | undefined;
  /** From behind `A > B: `, and the lines below it. */
  readonly text: string;
  readonly below: readonly string[];
  readonly resolve: Resolve;
}

/** An ICMP message read: its fields, and the bytes behind its header. */
export interface TextMessage {
  readonly icmp: Icmp;
  readonly payload: Uint8Array;
  readonly payloadBytes: number;
}

const TRUNCATED = /^truncated-ip6? - \d+ bytes missing!\s*/;
const FLOW = /^(\S+) > (\S+?):(?:\s+(.*))?$/;
const IPV6_FRAGMENT = /^frag \((?:0x([0-9a-f]{1,8}):)?(\d{1,5})\|\d{1,5}\) ?/;
/** Extension headers and remarks between the addresses and the message. */
const BETWEEN = /^(?:(?:HBH|DSTOPT|RT6|srcrt)(?: ?\([^()]*\))*|\[(?:bad )?(?:icmp6|udp|tcp)[^\]]*\]) ?/;
const PLAIN: PrintedIp = {
  hops: 0,
  identification: 0,
  dontFragment: false,
  moreFragments: false,
  fragmentOffset: 0,
};

/**
 * @param lines from behind `IP ` on; lines below the first are its continuations
 * @param quoting depth of the quote: an error about an error is never sent
 */
export function readIp(lines: readonly string[], resolve: Resolve, quoting = 0): TextReading {
  const first = (lines[0] ?? '').replace(TRUNCATED, '');
  const fields = first.startsWith('(') ? balanced(first) : undefined;
  const behind = fields === undefined ? first : first.slice(fields.length).trimStart();
  const split = behind === '' && fields !== undefined;
  const flow = FLOW.exec(split ? (lines[1] ?? '') : behind);
  if (!flow) return 'unclear';
  const [, from = '', to = '', text = ''] = flow;
  const source = readEndpoint(from, resolve);
  const destination = readEndpoint(to, resolve);
  if (!source || !destination) return 'names';
  if (source.version !== destination.version) return 'unclear';
  const header = fields === undefined ? PLAIN : readFields(fields, source.version);
  const below = lines.slice(split ? 2 : 1);
  const carried = { source, destination, header, text, below, resolve, bodyBytes: undefined };
  return source.version === 4 ? readVersion4(carried, quoting) : readVersion6(carried, quoting);
}

function readVersion4(carried: Carried, quoting: number): TextReading {
  const { source, destination, header, text } = carried;
  const { totalLength } = header;
  const bodyBytes = totalLength === undefined ? undefined : totalLength - IPV4_HEADER_LENGTH;
  const ip = (protocol: number, headerLength = IPV4_HEADER_LENGTH): Ipv4 => ({
    version: 4,
    source: source.address,
    destination: destination.address,
    headerLength,
    totalLength: 0,
    identification: header.identification,
    dontFragment: header.dontFragment,
    moreFragments: header.moreFragments,
    fragmentOffset: header.fragmentOffset,
    ttl: header.hops,
    protocol,
    checksumValid: true,
  });
  if (header.fragmentOffset > 0) {
    if (header.protocol === undefined || bodyBytes === undefined) return 'unclear';
    return bounded({ vlans: [], ip: ip(header.protocol), payload: NO_BYTES }, bodyBytes);
  }
  // Without -v a later fragment is its protocol's number and nothing else: where it belongs was not printed.
  if (/^(?:(?:ip-proto-(?:1|6|17)|icmp|tcp|udp)$|\[\|)/.test(text)) return 'unclear';
  const to = { ...carried, bodyBytes };
  if (text.startsWith('ICMP ')) {
    const message = readIcmp({ ...to, text: text.slice(5) }, quoting);
    if (typeof message === 'string') return message;
    const options = optionsLength(header, ICMP_HEADER_LENGTH + message.payloadBytes);
    return withMessage(ip(IpProtocol.icmp, IPV4_HEADER_LENGTH + options), message);
  }
  const segment = readSegment(to);
  if (typeof segment === 'string') return segment;
  const { packet, payloadBytes } = segment;
  return bounded({ ...packet, ip: ip(packet.tcp ? IpProtocol.tcp : IpProtocol.udp) }, payloadBytes);
}

function readVersion6(carried: Carried, quoting: number): TextReading {
  const { source, destination, header } = carried;
  const fragment = IPV6_FRAGMENT.exec(carried.text);
  const fragmentOffset = Number(fragment?.[2] ?? 0);
  const ip = (nextHeader: number): Ipv6 => ({
    version: 6,
    source: source.address,
    destination: destination.address,
    payloadLength: 0,
    hopLimit: header.hops,
    nextHeader,
    identification: Number.parseInt(fragment?.[1] ?? '0', 16),
    fragmentOffset,
    // Whether more follow is not printed; behind a first fragment they nearly always do.
    moreFragments: fragment !== null && fragmentOffset === 0,
  });
  // What a later fragment carries is not printed, so which packet it belongs to cannot be told.
  if (fragmentOffset > 0) return 'unclear';
  let text = carried.text.slice(fragment?.[0].length ?? 0);
  let extensions = false;
  for (let found = BETWEEN.exec(text); found; found = BETWEEN.exec(text)) {
    extensions ||= !found[0].startsWith('[');
    text = text.slice(found[0].length);
  }
  const { totalLength } = header;
  const known = totalLength !== undefined && !extensions && !fragment;
  const to = { ...carried, text, bodyBytes: known ? totalLength - IPV6_HEADER_LENGTH : undefined };
  if (text.startsWith('ICMP6, ')) {
    const message = readIcmpv6({ ...to, text: text.slice(7) }, quoting);
    return typeof message === 'string' ? message : withMessage(ip(IpProtocol.icmpv6), message);
  }
  const segment = readSegment(to);
  if (typeof segment === 'string') return segment;
  const { packet, payloadBytes } = segment;
  return bounded({ ...packet, ip: ip(packet.tcp ? IpProtocol.tcp : IpProtocol.udp) }, payloadBytes);
}

function withMessage(ip: Ipv4 | Ipv6, { icmp, payload, payloadBytes }: TextMessage): TextReading {
  return bounded({ vlans: [], ip, icmp, payload }, payloadBytes);
}

function bounded(packet: Packet, payloadBytes: number): TextReading {
  return payloadBytes >= 0 && payloadBytes <= LARGEST_PACKET - 100 ? { packet, payloadBytes } : 'unclear';
}

/** IPv4 options are what the two printed lengths leave between them. */
function optionsLength({ totalLength }: PrintedIp, bodyBytes: number): number {
  const options = (totalLength ?? 0) - IPV4_HEADER_LENGTH - bodyBytes;
  return options > 0 && options <= 40 && options % 4 === 0 ? options : 0;
}

/** The parenthesis that the text starts with, nested ones in it; all of the text where it is never closed. */
function balanced(text: string): string {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')' && --depth === 0) return text.slice(0, at + 1);
  }
  return text;
}

function readFields(text: string, version: 4 | 6): PrintedIp {
  const number = (pattern: RegExp, most: number) => {
    const value = Number(pattern.exec(text)?.[1] ?? Number.NaN);
    return value <= most ? value : undefined;
  };
  if (version === 6) {
    const length = number(/payload length: (\d+)/, LARGEST_PACKET - IPV6_HEADER_LENGTH);
    const protocol = number(/next-header [^()]* ?\((\d+)\)/, 255);
    return {
      ...PLAIN,
      hops: number(/hlim (\d+)/, 255) ?? 0,
      ...(protocol === undefined ? {} : { protocol }),
      ...(length === undefined ? {} : { totalLength: length + IPV6_HEADER_LENGTH }),
    };
  }
  const flags = /flags \[([^\]]*)\]/.exec(text)?.[1] ?? '';
  const protocol = number(/proto [^()]*\((\d+)\)/, 255);
  const length = number(/[,(] ?length (\d+)/, LARGEST_PACKET);
  return {
    hops: number(/ttl (\d+)/, 255) ?? 0,
    identification: number(/ id (\d+)/, 0xffff) ?? 0,
    dontFragment: flags.includes('DF'),
    moreFragments: flags.includes('+'),
    fragmentOffset: number(/offset (\d+)/, 0xfff8) ?? 0,
    ...(protocol === undefined ? {} : { protocol }),
    ...(length === undefined || length < IPV4_HEADER_LENGTH ? {} : { totalLength: length }),
  };
}
