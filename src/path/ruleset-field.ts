/** Fields of a packet as filter rules name them. */
import { familyOf } from '../topology/address.ts';
import { type Carried, networkOf } from './ethernet.ts';
import type { FilterPacket } from './ruleset.ts';

/** A field's value in nftables' words; null where this packet has no such field, undefined where it is not known. */
export type Value = string | null | undefined;

/** Protocols that an ARP packet or an ICMP message without extension headers is certainly not. */
const ABSENT = new Set('tcp udp udplite sctp dccp esp ah comp vlan igmp th gre'.split(' '));

/** The protocol that nft calls by another name than itself. */
export function upperProtocol(carries: Carried): string {
  if (carries.datagram) return 'udp';
  return networkOf(carries) === 'ip6' ? 'ipv6-icmp' : 'icmp';
}

/** Bits of the fragment offset, and the flag that more fragments follow (RFC 791). */
const FRAGMENT_BITS = 0x3fff;

/** As nft(8) names the types of ICMPv6. */
function icmpType(carries: Carried): string {
  const { kind } = carries;
  if (kind === 'icmp-error') return icmpError(carries).type;
  if (kind === 'neighbour-solicitation') return 'nd-neighbor-solicit';
  return kind === 'neighbour-advertisement' ? 'nd-neighbor-advert' : kind;
}

/** The error that is followed is the one about a packet that is too long: "fragmentation needed", or "packet too big". */
function icmpError({ source }: Carried): { type: string; code: string } {
  return familyOf(source) === 4
    ? { type: 'destination-unreachable', code: '4' }
    : { type: 'packet-too-big', code: '0' };
}

function icmpCode(carries: Carried): string {
  return carries.kind === 'icmp-error' ? icmpError(carries).code : '0';
}

/** `payload` expressions: `ip saddr`, `ether type`, `arp operation` … (libnftables-json(5)). */
export function payloadField(packet: FilterPacket, protocol: string, field: string): Value {
  const { carries, etherSource, etherDestination } = packet;
  const network = networkOf(carries);
  const isArp = network === 'arp';
  if (carries.datagram && (protocol === 'udp' || protocol === 'th'))
    return field === 'dport' ? String(carries.datagram.destinationPort) : undefined;
  if (carries.datagram && protocol.startsWith('icmp')) return null;
  if (ABSENT.has(protocol)) return null;
  if (protocol === 'ether') {
    if (field === 'saddr') return etherSource;
    if (field === 'daddr') return etherDestination;
    return field === 'type' ? network : undefined;
  }
  if (protocol === 'arp') {
    if (!isArp) return null;
    const fields: Readonly<Record<string, string | undefined>> = {
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
  const fields: Readonly<Record<string, string | undefined>> = {
    'ip saddr': carries.source,
    'ip daddr': carries.destination,
    'ip protocol': upperProtocol(carries),
    'ip version': '4',
    'ip hdrlength': '5',
    'ip dscp': 'cs0',
    'ip6 dscp': 'cs0',
    'ip ttl': numberText(packet.ttl),
    'ip6 hoplimit': numberText(packet.ttl),
    'ip length': numberText(packet.lengthBytes),
    'icmp type': icmpType(carries),
    'icmp code': icmpCode(carries),
    'ip6 saddr': carries.source,
    'ip6 daddr': carries.destination,
    'ip6 nexthdr': upperProtocol(carries),
    'ip6 version': '6',
    'icmpv6 type': icmpType(carries),
    'icmpv6 code': icmpCode(carries),
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
      return network === 'arp' ? null : upperProtocol(packet.carries);
    case 'pkttype':
      return packet.packetType;
    case 'mark':
      return numberText(packet.mark);
    case 'length':
      return numberText(packet.lengthBytes);
    case 'skuid':
      return ownerField(packet, 'uid');
    case 'skgid':
      return ownerField(packet, 'gid');
    case 'iiftype':
    case 'oiftype':
      return undefined;
    case 'secpath':
      return '0';
    default:
      return undefined;
  }
}

/** Of what no process sends there is none, and the rule does not match (nft_meta_get_eval_skugid). */
function ownerField({ owner }: FilterPacket, of: 'uid' | 'gid'): Value {
  return owner ? String(owner[of]) : owner;
}

const numberText = (value: number | undefined): string | undefined => (value === undefined ? undefined : String(value));

/** A field of which a rule looks at some bits alone. */
export function maskedField(protocol: string, field: string, mask: number, { lengthBytes }: FilterPacket): Value {
  // What is no longer than any link's least is one piece.
  const whole = lengthBytes !== undefined && lengthBytes <= 576;
  return protocol === 'ip' && field === 'frag-off' && (mask & ~FRAGMENT_BITS) === 0 && whole ? '0' : undefined;
}

/** `ct` expressions (nft(8)); `direction` where the rule asks for the addresses of one. */
export function connectionField(packet: FilterPacket, key: string, direction?: string): Value {
  const { carries, connection, translated } = packet;
  const isReply = carries.kind === 'echo-reply';
  switch (key) {
    case 'state':
      return direction === undefined ? connectionState(packet) : undefined;
    case 'direction':
      return packet.state === 'new' || packet.state === 'established' ? (isReply ? 'reply' : 'original') : undefined;
    case 'mark':
      return numberText(packet.connectionMark);
    case 'l3proto':
      return networkOf(carries) === 'ip' ? 'ipv4' : 'ipv6';
    case 'protocol':
    case 'proto-dst':
    case 'proto-src':
      return key === 'protocol' ? upperProtocol(carries) : undefined;
    case 'saddr':
    case 'daddr':
    case 'ip saddr':
    case 'ip daddr':
    case 'ip6 saddr':
    case 'ip6 daddr':
      if (direction !== 'original' || !connection) return undefined;
      return key.endsWith('saddr') ? connection.source : connection.destination;
    case 'status':
      return translated && !translated.source && !translated.destination ? '' : undefined;
    default:
      return undefined;
  }
}

/** Only where the packet is followed. The connection as conntrack sees it: a request that nobody answered opens it, its reply belongs to it. */
export function connectionState({ carries: { kind }, tracked, state }: FilterPacket): Value {
  if (state !== undefined) return state;
  if (!tracked) return undefined;
  if (kind === 'echo-request') return 'new';
  return kind === 'echo-reply' ? 'established' : 'untracked';
}
