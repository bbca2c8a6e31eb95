/** ICMPv6 as tcpdump words it (print-icmp6.c). */
import { ICMP_HEADER_LENGTH } from '../wire/icmp.ts';
import { Icmpv6Type, NeighbourFlag } from '../wire/icmpv6.ts';
import { IpProtocol } from '../wire/ipv4.ts';
import type { Icmp } from '../wire/packet.ts';
import { ipv6Bytes, macBytes, parseIpv6, parseMac } from '../wire/text.ts';
import type { TextLoss } from './text-comment.ts';
import type { Carried, TextMessage } from './text-ip.ts';
import { echoData, LARGEST_PACKET, NO_BYTES } from './text-packet.ts';
import { printedQuote, type Quoted, quoteOf } from './text-quote.ts';

const ECHO = /^echo (request|reply)(?:, id (\d{1,5}))?(?:, seq (\d{1,5}))?/;
const LENGTH = /, length (\d{1,5})(?:$|[,:( ])/;
const SOLICITATION = /^neighbor solicitation(?:, length \d+)?, who has (\S+?)(?:,|$)/;
const ADVERTISEMENT = /^neighbor advertisement(?:, length \d+)?, tgt is (\S+?)(?:,|$)/;
const ADDRESS_OPTION = /(source|destination) link-address option \(\d\), length 8 \(1\): ([0-9a-f:]{17})/;
const TOO_BIG = /^packet too big, mtu (\d{1,10})/;
const TIME_EXCEEDED = /^time exceeded in-transit(?: \((reassembly)\))?(?: for (\S+?))?(?:,|$)/;
const UNREACHABLE =
  /^destination unreachable(?:, length \d+)?, (?:unreachable (route|prohibited|address)|(beyond scope)) (\S+?)(?:,|$)/;
const PORT = /^destination unreachable(?:, length \d+)?, unreachable port, (\S+) (tcp|udp) port (\S+?)(?:,|$)/;
const UNREACHABLE_CODES: Readonly<Record<string, number>> = {
  route: 0,
  prohibited: 1,
  'beyond scope': 2,
  address: 3,
};
const PORT_UNREACHABLE = 4;
const REDIRECT = /^redirect(?:, length \d+)?, (\S+) to (\S+?)(?:,|$)/;
const PROBLEM =
  /^parameter problem(?:, length \d+)?, (erroneous|next header|option|incomplete header chain) - octet \d+/;
const PROBLEM_CODES = ['erroneous', 'next header', 'option', 'incomplete header chain'];
const ROUTER = /^router (solicitation|advertisement)(?:,|$)/;
/** Bytes behind the header of a router advertisement: lifetimes, which are printed nowhere but with -v. */
const ROUTER_LIFETIMES = 8;
const LINK_LAYER_OPTION = 8;

/** @param quoting depth of the quote this message stands in */
export function readIcmpv6(carried: Carried, quoting: number): TextMessage | TextLoss {
  const { text, bodyBytes } = carried;
  const length = Number(LENGTH.exec(text)?.[1] ?? bodyBytes ?? ICMP_HEADER_LENGTH);
  const payloadBytes = length - ICMP_HEADER_LENGTH;
  if (payloadBytes < 0 || payloadBytes > LARGEST_PACKET) return 'unclear';
  const message = readEcho(text, payloadBytes) ?? readDiscovery(carried, payloadBytes);
  if (message !== undefined) return message;
  if (quoting > 0) return 'other';
  const error = readError(carried);
  if (error === undefined) return /\[\|/.test(text) ? 'unclear' : 'other';
  if (typeof error === 'string') return error;
  const quote = printedQuote(carried) ?? (error.quoted ? quoteOf(carried, error.quoted, payloadBytes) : NO_BYTES);
  return { icmp: error.icmp, payload: quote.subarray(0, payloadBytes), payloadBytes };
}

function readEcho(text: string, payloadBytes: number): TextMessage | TextLoss | undefined {
  const found = ECHO.exec(text);
  if (!found) return undefined;
  const [, kind, id = '0', seq = '0'] = found;
  const [identifier, sequence] = [Number(id), Number(seq)];
  if (identifier > 0xffff || sequence > 0xffff) return 'unclear';
  const type = kind === 'reply' ? Icmpv6Type.echoReply : Icmpv6Type.echoRequest;
  return {
    icmp: { version: 6, type, code: 0, identifier, sequence },
    payload: echoData(payloadBytes),
    payloadBytes,
  };
}

/** Neighbour discovery: options are known with -v only, and of them the link-layer address alone; it is put first. */
function readDiscovery(carried: Carried, payloadBytes: number): TextMessage | TextLoss | undefined {
  const { text, below } = carried;
  const message = (icmp: Omit<Icmp, 'version' | 'code'>, known: Uint8Array): TextMessage => ({
    icmp: { version: 6, code: 0, ...icmp },
    payload: known.subarray(0, payloadBytes),
    payloadBytes,
  });
  const router = ROUTER.exec(text)?.[1];
  if (router === 'solicitation') return message({ type: Icmpv6Type.routerSolicitation }, linkLayer(below, 'source'));
  if (router === 'advertisement')
    return message(
      { type: Icmpv6Type.routerAdvertisement },
      Buffer.concat([new Uint8Array(ROUTER_LIFETIMES), linkLayer(below, 'source')]),
    );
  const redirect = REDIRECT.exec(text);
  if (redirect) {
    const about = addressOf(redirect[1] ?? '', carried);
    const gateway = addressOf(redirect[2] ?? '', carried);
    if (about === undefined || gateway === undefined) return 'names';
    return message({ type: Icmpv6Type.redirect, gateway }, Buffer.concat([ipv6Bytes(gateway), ipv6Bytes(about)]));
  }
  const solicited = SOLICITATION.exec(text)?.[1];
  const advertised = ADVERTISEMENT.exec(text)?.[1];
  const name = solicited ?? advertised;
  if (name === undefined) return undefined;
  const target = addressOf(name, carried);
  if (target === undefined) return 'names';
  const address = linkLayer(below, solicited === undefined ? 'destination' : 'source');
  const known = Buffer.concat([ipv6Bytes(target), address]);
  if (solicited !== undefined) return message({ type: Icmpv6Type.neighbourSolicitation, target }, known);
  return message({ type: Icmpv6Type.neighbourAdvertisement, target, neighbourFlags: flagsIn(text) }, known);
}

/** The option as it stands in the message; nothing where it is not printed. */
function linkLayer(below: readonly string[], kind: 'source' | 'destination'): Uint8Array {
  const address = below.map((line) => ADDRESS_OPTION.exec(line)).find((option) => option?.[1] === kind)?.[2];
  if (address === undefined || parseMac(address) === undefined) return NO_BYTES;
  const bytes = new Uint8Array(LINK_LAYER_OPTION);
  bytes.set([kind === 'source' ? 1 : 2, 1]);
  bytes.set(macBytes(address), 2);
  return bytes;
}

function flagsIn(text: string): number {
  const flags = /, Flags \[([^\]]*)\]/.exec(text)?.[1] ?? '';
  return (
    (flags.includes('router') ? NeighbourFlag.router : 0) |
    (flags.includes('solicited') ? NeighbourFlag.solicited : 0) |
    (flags.includes('override') ? NeighbourFlag.override : 0)
  );
}

interface ErrorText {
  readonly icmp: Icmp;
  readonly quoted?: Quoted;
}

function readError(carried: Carried): ErrorText | TextLoss | undefined {
  const { text } = carried;
  const tooBig = TOO_BIG.exec(text);
  if (tooBig) return { icmp: { version: 6, type: Icmpv6Type.packetTooBig, code: 0, mtu: Number(tooBig[1]) >>> 0 } };
  const exceeded = TIME_EXCEEDED.exec(text);
  if (exceeded) {
    const icmp = { version: 6, type: Icmpv6Type.timeExceeded, code: exceeded[1] === undefined ? 0 : 1 } as const;
    return exceeded[2] === undefined ? { icmp } : about(icmp, exceeded[2], carried, {});
  }
  const problem = PROBLEM.exec(text)?.[1];
  if (problem !== undefined)
    return { icmp: { version: 6, type: Icmpv6Type.parameterProblem, code: PROBLEM_CODES.indexOf(problem) } };
  const port = PORT.exec(text);
  if (port) {
    const icmp = { version: 6, type: Icmpv6Type.destinationUnreachable, code: PORT_UNREACHABLE } as const;
    const protocol = port[2] === 'tcp' ? IpProtocol.tcp : IpProtocol.udp;
    return about(icmp, port[1] ?? '', carried, { protocol, port: port[3] ?? '' });
  }
  const unreachable = UNREACHABLE.exec(text);
  if (!unreachable) return undefined;
  const [, kind, scope, destination = ''] = unreachable;
  const code = UNREACHABLE_CODES[kind ?? scope ?? ''] ?? 0;
  return about({ version: 6, type: Icmpv6Type.destinationUnreachable, code }, destination, carried, {});
}

function about(icmp: Icmp, name: string, carried: Carried, more: Omit<Quoted, 'destination'>): ErrorText | TextLoss {
  const destination = addressOf(name, carried);
  return destination === undefined ? 'names' : { icmp, quoted: { destination, ...more } };
}

function addressOf(name: string, { resolve }: Carried): string | undefined {
  if (parseIpv6(name)) return name;
  const found = resolve(name);
  return found !== undefined && parseIpv6(found) ? found : undefined;
}
