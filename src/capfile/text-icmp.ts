/** ICMP as tcpdump words it (print-icmp.c). */
import { ICMP_HEADER_LENGTH, IcmpType, IcmpUnreachable } from '../wire/icmp.ts';
import { IpProtocol } from '../wire/ipv4.ts';
import type { Icmp } from '../wire/packet.ts';
import { parseIpv4 } from '../wire/text.ts';
import type { TextLoss } from './text-comment.ts';
import type { Carried, TextMessage } from './text-ip.ts';
import { echoData, LARGEST_PACKET, NO_BYTES } from './text-packet.ts';
import { printedQuote, type Quoted, quoteOf } from './text-quote.ts';

const ECHO = /^echo (request|reply)(?:, id (\d{1,5}))?(?:, | )seq (\d{1,5})/;
const TIMESTAMP = /^time stamp (query|reply) id (\d{1,5}) seq (\d{1,5})/;
const LENGTH = /, length (\d{1,5})(?:$|[,:( ])/;
const PORT = /^(\S+) (tcp|udp|sctp) port (\S+) unreachable/;
const PROTOCOL = /^(\S+) protocol (\S+) unreachable/;
const REDIRECT = /^redirect(-tos)? (\S+) to (net|host) (\S+?)(?:, |$)/;
const MTU = /\(mtu (\d{1,5})\)/;

/** By code, the longer before what it starts with. */
const UNREACHABLE: readonly (readonly [number, RegExp])[] = [
  [4, /^(\S+) unreachable - need to frag/],
  [5, /^(\S+) unreachable - source route failed/],
  [6, /^net (\S+) unreachable - unknown/],
  [7, /^host (\S+) unreachable - unknown/],
  [8, /^(\S+) unreachable - source host isolated/],
  [9, /^net (\S+) unreachable - admin prohibited/],
  [13, /^host (\S+) unreachable - admin prohibited filter/],
  [10, /^host (\S+) unreachable - admin prohibited/],
  [11, /^net (\S+) unreachable - tos prohibited/],
  [12, /^host (\S+) unreachable - tos prohibited/],
  [14, /^host (\S+) unreachable - host precedence violation/],
  [15, /^host (\S+) unreachable - precedence cutoff/],
  [0, /^net (\S+) unreachable(?:,|$)/],
  [1, /^host (\S+) unreachable(?:,|$)/],
];

/** Messages that name nobody: type and code. What else they say is left out. */
const NAMELESS: readonly (readonly [RegExp, number, number])[] = [
  [/^time exceeded in-transit/, IcmpType.timeExceeded, 0],
  [/^ip reassembly time exceeded/, IcmpType.timeExceeded, 1],
  [/^source quench/, IcmpType.sourceQuench, 0],
  [/^parameter problem - octet/, IcmpType.parameterProblem, 0],
  [/^router solicitation/, IcmpType.routerSolicitation, 0],
];
const OTHER =
  /^(?:type-#|parameter problem|router |address mask|information|mobile|photuris|IPv6 |traceroute|datagram )/;

/** @param quoting depth of the quote this message stands in */
export function readIcmp(carried: Carried, quoting: number): TextMessage | TextLoss {
  const { text, bodyBytes } = carried;
  const length = bodyBytes ?? Number(LENGTH.exec(text)?.[1] ?? Number.NaN);
  // The first lines of a list with a snap length that cut the message: `[|icmp]`.
  const payloadBytes = Number.isNaN(length) ? 0 : Number(LENGTH.exec(text)?.[1] ?? length) - ICMP_HEADER_LENGTH;
  if (payloadBytes < 0 || payloadBytes > LARGEST_PACKET) return 'unclear';
  const numbered = readNumbered(text, payloadBytes);
  if (numbered) return numbered;
  if (quoting > 0) return 'other';
  const error = readError(carried);
  if (error === undefined) return OTHER.test(text) ? 'other' : 'unclear';
  if (typeof error === 'string') return error;
  const { icmp, quoted } = error;
  const quote = printedQuote(carried) ?? (quoted === undefined ? NO_BYTES : quoteOf(carried, quoted, payloadBytes));
  return { icmp, payload: quote.subarray(0, payloadBytes), payloadBytes };
}

/** Messages with identifier and sequence number. Their data are zeros here: what they were is not printed. */
function readNumbered(text: string, payloadBytes: number): TextMessage | TextLoss | undefined {
  const found = ECHO.exec(text) ?? TIMESTAMP.exec(text);
  if (!found) return undefined;
  const [all, kind, identifier = '0', sequence = '0'] = found;
  const echo = all.startsWith('echo');
  const request = echo ? IcmpType.echoRequest : IcmpType.timestampRequest;
  const reply = echo ? IcmpType.echoReply : IcmpType.timestampReply;
  if (Number(identifier) > 0xffff || Number(sequence) > 0xffff) return 'unclear';
  const icmp: Icmp = {
    version: 4,
    type: kind === 'reply' ? reply : request,
    code: 0,
    identifier: Number(identifier),
    sequence: Number(sequence),
  };
  return { icmp, payload: echoData(payloadBytes), payloadBytes };
}

interface ErrorText {
  readonly icmp: Icmp;
  readonly quoted?: Quoted;
}

function readError({ text, resolve }: Carried): ErrorText | TextLoss | undefined {
  const address = (name: string) => (parseIpv4(name) ? name : resolve(name));
  for (const [pattern, type, code] of NAMELESS) if (pattern.test(text)) return { icmp: { version: 4, type, code } };
  const redirect = REDIRECT.exec(text);
  if (redirect) {
    const [, service, about = '', whom, by = ''] = redirect;
    const destination = address(about);
    const gateway = address(by);
    if (destination === undefined || gateway === undefined) return 'names';
    const code = (whom === 'net' ? 0 : 1) + (service === undefined ? 0 : 2);
    return { icmp: { version: 4, type: IcmpType.redirect, code, gateway }, quoted: { destination } };
  }
  const unreachable = readUnreachable(text);
  if (unreachable === undefined) return undefined;
  const destination = address(unreachable.about);
  if (destination === undefined) return 'names';
  const { code, protocol, port } = unreachable;
  const mtu = Number(MTU.exec(text)?.[1] ?? 0);
  const icmp = { version: 4, type: IcmpType.destinationUnreachable, code } as const;
  return {
    icmp: code === IcmpUnreachable.fragmentationNeeded ? { ...icmp, mtu: mtu & 0xffff } : icmp,
    quoted: { destination, ...(protocol === undefined ? {} : { protocol }), ...(port === undefined ? {} : { port }) },
  };
}

interface Unreachable {
  readonly code: number;
  readonly about: string;
  readonly protocol?: number;
  readonly port?: string;
}

function readUnreachable(text: string): Unreachable | undefined {
  const port = PORT.exec(text);
  if (port) {
    const [, about = '', name, number = ''] = port;
    const protocol = name === 'tcp' ? IpProtocol.tcp : name === 'udp' ? IpProtocol.udp : 132;
    return { code: IcmpUnreachable.port, about, protocol, port: number };
  }
  const protocol = PROTOCOL.exec(text);
  if (protocol) {
    const number = Number(protocol[2]);
    const known = number <= 255 ? { protocol: number } : {};
    return { code: IcmpUnreachable.protocol, about: protocol[1] ?? '', ...known };
  }
  for (const [code, pattern] of UNREACHABLE) {
    const found = pattern.exec(text);
    if (found) return { code, about: found[1] ?? '' };
  }
  return undefined;
}
