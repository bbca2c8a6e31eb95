/** Fields of a packet as filter rules name them, and comparing them with what a rule wants. */
import { compareAddresses, parseAddress } from '../topology/address.ts';
import { prefixContains } from '../topology/prefix.ts';
import { type Carried, networkOf } from './ethernet.ts';
import type { FilterPacket, Truth } from './ruleset.ts';

/** A field's value in nftables' words; null where this packet has no such field, undefined where it is not known. */
export type Value = string | null | undefined;

/** Protocols that an ARP packet or an ICMP message without extension headers is certainly not. */
const ABSENT = new Set('tcp udp udplite sctp dccp esp ah comp vlan igmp th gre'.split(' '));

/** The protocol that nft calls by another name than itself. */
const UPPER = { ip: 'icmp', ip6: 'ipv6-icmp' } as const;

/** As nft(8) names the types of ICMPv6. */
function icmpType({ kind }: Carried): string {
  if (kind === 'neighbour-solicitation') return 'nd-neighbor-solicit';
  return kind === 'neighbour-advertisement' ? 'nd-neighbor-advert' : kind;
}

/** `payload` expressions: `ip saddr`, `ether type`, `arp operation` … (libnftables-json(5)). */
export function payloadField(packet: FilterPacket, protocol: string, field: string): Value {
  const { carries, etherSource, etherDestination } = packet;
  const network = networkOf(carries);
  const isArp = network === 'arp';
  if (ABSENT.has(protocol)) return null;
  if (protocol === 'ether') {
    if (field === 'saddr') return etherSource;
    if (field === 'daddr') return etherDestination;
    return field === 'type' ? network : undefined;
  }
  if (protocol === 'arp') {
    if (!isArp) return null;
    const fields: Readonly<Record<string, string>> = {
      operation: carries.kind === 'arp-request' ? 'request' : 'reply',
      'saddr ip': carries.source,
      'daddr ip': carries.destination,
      'saddr ether': etherSource,
      ptype: 'ip',
      htype: '1',
      hlen: '6',
      plen: '4',
    };
    return Object.hasOwn(fields, field) ? fields[field] : undefined;
  }
  if ((protocol === 'ip' || protocol === 'icmp') && network !== 'ip') return null;
  if ((protocol === 'ip6' || protocol === 'icmpv6') && network !== 'ip6') return null;
  const fields: Readonly<Record<string, string>> = {
    'ip saddr': carries.source,
    'ip daddr': carries.destination,
    'ip protocol': 'icmp',
    'ip version': '4',
    'icmp type': icmpType(carries),
    'icmp code': '0',
    'ip6 saddr': carries.source,
    'ip6 daddr': carries.destination,
    'ip6 nexthdr': UPPER.ip6,
    'ip6 version': '6',
    'icmpv6 type': icmpType(carries),
    'icmpv6 code': '0',
  };
  const key = `${protocol} ${field}`;
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}

/** `meta` expressions: `iifname`, `protocol`, `l4proto` … */
export function metaField(packet: FilterPacket, key: string): Value {
  const network = networkOf(packet.carries);
  switch (key) {
    case 'iifname':
    case 'iif':
      return packet.inputInterface;
    case 'oifname':
    case 'oif':
      return packet.outputInterface;
    case 'ibrname':
    case 'ibriport':
      return packet.inputInterface === '' ? '' : packet.bridge;
    case 'obrname':
    case 'obriport':
      return packet.outputInterface === '' ? '' : packet.bridge;
    case 'protocol':
      return network;
    case 'nfproto':
      return network === 'arp' ? undefined : network === 'ip' ? 'ipv4' : 'ipv6';
    case 'l4proto':
      return network === 'arp' ? null : UPPER[network];
    default:
      return undefined;
  }
}

/** Only where the packet is followed. The connection as conntrack sees it: a request that nobody answered opens it, its reply belongs to it. */
export function connectionState({ carries: { kind }, tracked }: FilterPacket): Value {
  if (!tracked) return undefined;
  if (kind === 'echo-request') return 'new';
  return kind === 'echo-reply' ? 'established' : 'untracked';
}

/** Numbers that stand for the words above. */
const NUMBERS: readonly (readonly [RegExp, Readonly<Record<string, string>>])[] = [
  [/^(ip|arp|ip6)$/, { '2048': 'ip', '2054': 'arp', '34525': 'ip6', '0x0800': 'ip', '0x0806': 'arp', '0x86dd': 'ip6' }],
  [/^ipv6-icmp$/, { '58': 'ipv6-icmp', icmpv6: 'ipv6-icmp' }],
  [/^nd-/, { '135': 'nd-neighbor-solicit', '136': 'nd-neighbor-advert' }],
  [/^icmp$/, { '1': 'icmp' }],
  [/^echo-/, { '8': 'echo-request', '0': 'echo-reply', '128': 'echo-request', '129': 'echo-reply' }],
  [/^(request|reply)$/, { '1': 'request', '2': 'reply' }],
];

/** Is the field this value? Understands `eth*`, prefixes and the words' numbers; letter case counts for names alone. */
export function equals(value: string, wanted: string): Truth {
  const numbers = NUMBERS.find(([pattern]) => pattern.test(value))?.[1];
  const word = numbers && Object.hasOwn(numbers, wanted) ? numbers[wanted] : wanted;
  if (value === word) return true;
  if (wanted.endsWith('*') && !wanted.endsWith('\\*')) return value.startsWith(wanted.slice(0, -1));
  if (parseAddress(value)) return prefixContains(wanted, value);
  return /^[0-9a-f:]{17}$/i.test(value) ? value.toLowerCase() === wanted.toLowerCase() : false;
}

/** Is an address between two others, both included? Not known of anything else. */
export function between(value: string, from: string, to: string): Truth {
  const [at, low, high] = [value, from, to].map(parseAddress);
  return at && low && high ? compareAddresses(low, at) <= 0 && compareAddresses(at, high) <= 0 : undefined;
}
