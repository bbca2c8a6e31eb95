/** ICMP for IPv6 (RFC 4443) and neighbour discovery (RFC 4861), as far as target and link-layer address. */
import { decoded, type Window, Writer } from './bytes.ts';
import { internetChecksum, pseudoHeaderSum } from './checksum.ts';
import {
  type DecodedIcmp,
  destinationOf,
  type Echo,
  fillChecksum,
  fillEcho,
  ICMP_HEADER_LENGTH,
  type IcmpDraft,
  isIcmpError,
  portText,
  withQuote,
} from './icmp.ts';
import { icmpName } from './icmp-name.ts';
import { IpProtocol } from './ipv4.ts';
import { ipv6Addresses } from './ipv6.ts';
import type { DecodeStop, Icmp, Ipv6 } from './packet.ts';
import { formatIpv6, formatMac, ipv6Bytes, macBytes } from './text.ts';

/** IANA ICMPv6 type numbers. */
export const Icmpv6Type = {
  destinationUnreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
  redirect: 137,
} as const;

/** Flags of a neighbour advertisement (RFC 4861 section 4.4), as `Icmp.neighbourFlags` holds them. */
export const NeighbourFlag = { router: 0x80, solicited: 0x40, override: 0x20 } as const;

const OptionType = { sourceLinkLayer: 1, targetLinkLayer: 2 } as const;

const TYPE = 0;
const CODE = TYPE + 1;
const CHECKSUM = CODE + 1;
const REST_OF_HEADER = CHECKSUM + 2;
const MTU = REST_OF_HEADER;
const QUOTE_LENGTH = REST_OF_HEADER;
const FLAGS = REST_OF_HEADER;
const TARGET = ICMP_HEADER_LENGTH;
const TARGET_END = TARGET + 16;
const ROUTER_ADVERTISEMENT_END = ICMP_HEADER_LENGTH + 8;
const REDIRECT_END = TARGET_END + 16;

/** RFC 4884 section 4.2: the quote's length, where given, counts 64-bit words. */
const QUOTE_UNIT = 8;
const OPTION_UNIT = 8;
const OPTION_VALUE = 2;

/** Where the options start, and which of them holds the sender's (or the target's) link-layer address. */
interface Discovery {
  readonly name: string;
  readonly options: number;
  readonly linkLayer: number;
}

const DISCOVERY: ReadonlyMap<number, Discovery> = new Map([
  [Icmpv6Type.routerSolicitation, { name: 'router solicitation', options: TARGET, linkLayer: 1 }],
  [Icmpv6Type.routerAdvertisement, { name: 'router advertisement', options: ROUTER_ADVERTISEMENT_END, linkLayer: 1 }],
  [Icmpv6Type.neighbourSolicitation, { name: 'neighbour solicitation', options: TARGET_END, linkLayer: 1 }],
  [Icmpv6Type.neighbourAdvertisement, { name: 'neighbour advertisement', options: TARGET_END, linkLayer: 2 }],
  [Icmpv6Type.redirect, { name: 'redirect', options: REDIRECT_END, linkLayer: 2 }],
]);

/**
 * @param fragment the message goes on in other fragments, so its checksum cannot be told
 * @param addressSum of the pseudo-header's addresses; undefined where the final destination is not known
 */
export function decodeIcmpv6(window: Window, fragment: boolean, addressSum: number | undefined): DecodedIcmp {
  const short = window.lacks('icmpv6', ICMP_HEADER_LENGTH, 'icmpv6 header size');
  if (short) return { body: window, stop: short };
  const type = window.u8(TYPE);
  const body = window.rest(ICMP_HEADER_LENGTH);
  const header: IcmpDraft = { version: 6, type, code: window.u8(CODE) };
  if (addressSum !== undefined) fillChecksum(header, window, fragment, addressSum + IpProtocol.icmpv6 + window.length);
  if (type === Icmpv6Type.echoRequest || type === Icmpv6Type.echoReply) fillEcho(header, window, body);
  if (type === Icmpv6Type.packetTooBig) header.mtu = window.u32(MTU);
  if (isIcmpError(header)) return withQuote(header, body, window, quoteLength(window, type));
  const discovery = DISCOVERY.get(type);
  return decoded(header, body, discovery && fillDiscovery(header, window, discovery));
}

function quoteLength(window: Window, type: number): number {
  const extended = type === Icmpv6Type.destinationUnreachable || type === Icmpv6Type.timeExceeded;
  return extended ? window.u8(QUOTE_LENGTH) * QUOTE_UNIT : 0;
}

function fillDiscovery(header: IcmpDraft, window: Window, discovery: Discovery): DecodeStop | undefined {
  const cut = window.lacks('icmpv6', discovery.options, `${discovery.name} size`);
  if (cut) return cut;
  const { type } = header;
  if (type === Icmpv6Type.neighbourAdvertisement) header.neighbourFlags = window.u8(FLAGS) & 0xe0;
  if (type === Icmpv6Type.neighbourAdvertisement || type === Icmpv6Type.neighbourSolicitation)
    header.target = formatIpv6(window.bytes, window.start + TARGET);
  if (type === Icmpv6Type.redirect) header.gateway = formatIpv6(window.bytes, window.start + TARGET);
  return fillOptions(header, window.rest(discovery.options), discovery.linkLayer);
}

/** Bounded by the message: every turn goes at least 8 bytes on; a length of zero makes the message invalid (RFC 4861 section 4.6). */
function fillOptions(header: IcmpDraft, options: Window, linkLayer: number): DecodeStop | undefined {
  let option = options;
  while (option.length > 0) {
    const short = option.lacks('icmpv6 option', OPTION_VALUE, 'icmpv6 option header size');
    if (short) return short;
    const length = option.u8(1) * OPTION_UNIT;
    if (length === 0) return option.malformed('icmpv6 option', OPTION_UNIT, 0, 'icmpv6 option length');
    const cut = option.lacks('icmpv6 option', length, 'icmpv6 option length');
    if (cut) return cut;
    if (option.u8(0) === linkLayer) header.linkLayerAddress ??= formatMac(option.bytes, option.start + OPTION_VALUE);
    option = option.rest(length);
  }
  return undefined;
}

/** What `encodeIcmpv6` writes; quote, data, target and options come as the payload. */
export type Icmpv6Header = Pick<Icmp, 'type' | 'code' | 'identifier' | 'sequence' | 'mtu' | 'neighbourFlags'>;
type Addresses = Pick<Ipv6, 'source' | 'destination'>;

/** Fields that the type does not have are written as zero. @throws RangeError for an address that is none */
export function encodeIcmpv6(
  header: Icmpv6Header,
  payload: Uint8Array,
  addresses: Addresses,
  into: Uint8Array = new Uint8Array(ICMP_HEADER_LENGTH + payload.length),
): Uint8Array {
  const message = new Writer(into).u8(header.type).u8(header.code).u16(0);
  if (header.mtu !== undefined) message.u32(header.mtu);
  else if (header.neighbourFlags !== undefined) message.u32(header.neighbourFlags * 0x1000000);
  else message.u16(header.identifier ?? 0).u16(header.sequence ?? 0);
  message.bytes(payload);
  const pseudo = pseudoHeaderSum(ipv6Addresses(addresses), IpProtocol.icmpv6, into.length);
  return message.patch16(CHECKSUM, internetChecksum(into, pseudo)).finish();
}

/** An IPv6 echo request or reply. @throws RangeError for an address that is none */
export function encodeIcmpv6Echo(
  { reply, identifier, sequence, data }: Echo,
  addresses: Addresses,
  into?: Uint8Array,
): Uint8Array {
  const type = reply ? Icmpv6Type.echoReply : Icmpv6Type.echoRequest;
  return encodeIcmpv6({ type, code: 0, identifier, sequence }, data, addresses, into);
}

/** Target and, where known, the link-layer address: of the asker in a solicitation, of the target in an advertisement. */
export interface Neighbour {
  readonly target: string;
  readonly linkLayerAddress?: string;
}

/** A neighbour solicitation, or, with `neighbourFlags`, an advertisement. @throws RangeError for an address that is none */
export function encodeNeighbour(
  neighbour: Neighbour & { readonly neighbourFlags?: number },
  addresses: Addresses,
  into?: Uint8Array,
): Uint8Array {
  const { target, linkLayerAddress, neighbourFlags } = neighbour;
  const advertisement = neighbourFlags !== undefined;
  const option = linkLayerAddress === undefined ? new Uint8Array(0) : new Uint8Array(OPTION_UNIT);
  if (linkLayerAddress !== undefined)
    new Writer(option)
      .u8(advertisement ? OptionType.targetLinkLayer : OptionType.sourceLinkLayer)
      .u8(1)
      .bytes(macBytes(linkLayerAddress))
      .finish();
  const payload = new Writer(new Uint8Array(16 + option.length)).bytes(ipv6Bytes(target)).bytes(option).finish();
  if (advertisement)
    return encodeIcmpv6({ type: Icmpv6Type.neighbourAdvertisement, code: 0, neighbourFlags }, payload, addresses, into);
  return encodeIcmpv6({ type: Icmpv6Type.neighbourSolicitation, code: 0 }, payload, addresses, into);
}

/** As tcpdump, from behind `ICMP6, `. @param lengthBytes of the message on the wire */
export function describeIcmpv6(icmp: Icmp, lengthBytes: number): string {
  return `${messageText(icmp)}, length ${lengthBytes}`;
}

function messageText(icmp: Icmp): string {
  const { type, quoted, target } = icmp;
  switch (type) {
    case Icmpv6Type.destinationUnreachable:
      return `destination unreachable, ${unreachableText(icmp)}`;
    case Icmpv6Type.packetTooBig:
      return `packet too big, mtu ${icmp.mtu}`;
    case Icmpv6Type.timeExceeded:
      if (icmp.code === 0) return `time exceeded in-transit for ${destinationOf(quoted)}`;
      return `time exceeded in-transit${icmp.code === 1 ? ' (reassembly)' : `, unknown code (${icmp.code})`}`;
    case Icmpv6Type.parameterProblem:
      return `parameter problem, ${PROBLEM_TEXTS[icmp.code] ?? `code-#${icmp.code}`}`;
    case Icmpv6Type.echoRequest:
    case Icmpv6Type.echoReply:
      return `echo ${type === Icmpv6Type.echoReply ? 'reply' : 'request'}, id ${icmp.identifier}, seq ${icmp.sequence}`;
    case Icmpv6Type.routerSolicitation:
      return 'router solicitation';
    case Icmpv6Type.routerAdvertisement:
      return 'router advertisement';
    case Icmpv6Type.neighbourSolicitation:
      return `neighbor solicitation, who has ${target ?? '?'}`;
    case Icmpv6Type.neighbourAdvertisement:
      return `neighbor advertisement, tgt is ${target ?? '?'}`;
    case Icmpv6Type.redirect:
      return `redirect, to ${icmp.gateway ?? '?'}`;
    default:
      return icmpName(6, type, icmp.code);
  }
}

const PROBLEM_TEXTS: readonly string[] = ['erroneous', 'next header', 'option', 'incomplete header chain'];
const UNREACHABLE_TEXTS: readonly string[] = ['route', 'prohibited', 'beyond scope', 'address', 'port'];

function unreachableText({ code, quoted }: Icmp): string {
  const destination = destinationOf(quoted);
  const kind = UNREACHABLE_TEXTS[code];
  if (kind === undefined) return `unknown unreach code (${code})`;
  if (code === 4) return `unreachable port, ${destination} ${portText(quoted)}`;
  return code === 2
    ? `beyond scope ${destination}, source address ${quoted?.ip?.source ?? '?'}`
    : `unreachable ${kind} ${destination}`;
}
