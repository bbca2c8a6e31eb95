/** One packet in a few words, as tcpdump would put it: on the ladder's rows and in JSON. */
import type { LegKind } from '../path/model.ts';
import type { Sighting } from '../trace/sighting.ts';
import type { Icmp, Packet } from '../wire/packet.ts';

/** Two lengths of one text: the ladder takes the long one where there is room. */
export interface PacketText {
  readonly long: string;
  readonly short: string;
}

const LEG_WORDS: Readonly<Record<LegKind, string>> = {
  'arp-request': 'arp request',
  'arp-reply': 'arp reply',
  'echo-request': 'echo request',
  'echo-reply': 'echo reply',
};

export function legWords(kind: LegKind): string {
  return LEG_WORDS[kind];
}

/** The words of one sighting; of a packet that is none of vdiag's own kinds, its outermost addresses. */
export function packetText({ packet }: Pick<Sighting, 'packet'>): PacketText {
  if (packet.arp !== undefined) return arpText(packet.arp);
  const addresses = packet.ip === undefined ? '' : `${packet.ip.source} > ${packet.ip.destination}`;
  if (packet.icmp !== undefined) return icmpText(packet.icmp, addresses, packet.ip?.source ?? '?');
  const both = otherText(packet, addresses);
  return { long: both, short: both };
}

function arpText(arp: NonNullable<Packet['arp']>): PacketText {
  if (arp.operation === 1) {
    const short = `who-has ${arp.targetProtocol}`;
    return { long: `${short} tell ${arp.senderProtocol}`, short };
  }
  if (arp.operation === 2) return isAt(arp.senderProtocol, arp.senderHardware);
  const other = `arp operation ${arp.operation}`;
  return { long: other, short: other };
}

function isAt(address: string, hardware: string): PacketText {
  return { long: `${address} is-at ${hardware}`, short: `${address} is-at ${shortHardware(hardware)}` };
}

/** First and last byte: enough to tell the few devices of one path apart. */
function shortHardware(hardware: string): string {
  return hardware.length === 17 ? `${hardware.slice(0, 2)}:…:${hardware.slice(-2)}` : hardware;
}

function icmpText(icmp: Icmp, addresses: string, source: string): PacketText {
  const echo = echoWord(icmp);
  if (echo !== undefined) {
    const sequence = icmp.sequence === undefined ? '' : ` seq ${icmp.sequence}`;
    return { long: `${echo} ${addresses}${sequence}`, short: `${echo}${sequence}` };
  }
  if (icmp.version === 6 && icmp.type === 135 && icmp.target !== undefined) {
    const short = `who-has ${icmp.target}`;
    return { long: `${short} (solicitation)`, short };
  }
  if (icmp.version === 6 && icmp.type === 136 && icmp.target !== undefined)
    return isAt(icmp.target, icmp.linkLayerAddress ?? '?');
  const short = errorWords(icmp);
  return { long: `${short} from ${source}`, short };
}

function echoWord(icmp: Icmp): string | undefined {
  if (icmp.type === (icmp.version === 4 ? 8 : 128)) return 'echo request';
  return icmp.type === (icmp.version === 4 ? 0 : 129) ? 'echo reply' : undefined;
}

/** RFC 792 and RFC 1812 section 5.2.7.1, destination unreachable by code. */
const UNREACHABLE_4: readonly string[] = [
  'net unreachable',
  'host unreachable',
  'protocol unreachable',
  'port unreachable',
  'fragmentation needed',
  'source route failed',
  'net unknown',
  'host unknown',
  'source host isolated',
  'net administratively prohibited',
  'host administratively prohibited',
  'net unreachable for tos',
  'host unreachable for tos',
  'administratively prohibited',
];

/** RFC 4443 section 3.1. */
const UNREACHABLE_6: readonly string[] = [
  'no route',
  'administratively prohibited',
  'beyond scope of source',
  'address unreachable',
  'port unreachable',
  'source address failed policy',
  'route rejected',
];

function errorWords(icmp: Icmp): string {
  const mtu = icmp.mtu === undefined ? '' : `, mtu ${icmp.mtu}`;
  const named =
    icmp.version === 4
      ? { 3: UNREACHABLE_4[icmp.code], 5: 'redirect', 11: 'time exceeded', 12: 'parameter problem' }[icmp.type]
      : { 1: UNREACHABLE_6[icmp.code], 2: 'packet too big', 3: 'time exceeded', 4: 'parameter problem' }[icmp.type];
  return `icmp ${named ?? `type ${icmp.type} code ${icmp.code}`}${mtu}`;
}

function otherText(packet: Packet, addresses: string): string {
  if (packet.tcp !== undefined) return `tcp ${addresses} port ${packet.tcp.destinationPort}`;
  if (packet.udp !== undefined) return `udp ${addresses} port ${packet.udp.destinationPort}`;
  if (packet.ip !== undefined) {
    const fragment = packet.ip.fragmentOffset > 0 ? ` fragment at ${packet.ip.fragmentOffset}` : '';
    return `ip ${addresses}${fragment}`;
  }
  return packet.ethernet === undefined ? 'no ethernet frame' : `ethertype 0x${hex(packet.ethernet.etherType)}`;
}

function hex(value: number): string {
  return value.toString(16).padStart(4, '0');
}
