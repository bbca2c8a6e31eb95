/** One packet in as few words as a ladder's row has room for. */
import type { Sighting } from '../trace/sighting.ts';
import { describePacket } from '../wire/describe.ts';
import { icmpName } from '../wire/icmp-name.ts';
import type { Icmp, Packet } from '../wire/packet.ts';

/** Two lengths of one text: the ladder takes the long one where there is room. */
export interface PacketText {
  readonly long: string;
  readonly short: string;
}

/** The words of one sighting; of a packet that vdiag does not trace, what tcpdump would print. */
export function packetText({ packet }: Pick<Sighting, 'packet'>): PacketText {
  if (packet.arp !== undefined) return arpText(packet.arp);
  const addresses = packet.ip === undefined ? '' : `${packet.ip.source} > ${packet.ip.destination}`;
  if (packet.icmp !== undefined) return icmpText(packet.icmp, addresses, packet.ip?.source ?? '?');
  const both = describePacket(packet);
  return { long: both, short: both };
}

function arpText(arp: NonNullable<Packet['arp']>): PacketText {
  if (arp.operation === 1) {
    const short = `who-has ${arp.targetProtocol}`;
    return { long: `${short} tell ${arp.senderProtocol}`, short };
  }
  if (arp.operation === 2) return isAt(arp.senderProtocol, arp.senderHardware);
  const other = `ARP operation ${arp.operation}`;
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
  const mtu = icmp.mtu === undefined ? '' : `, mtu ${icmp.mtu}`;
  const short = `ICMP ${icmpName(icmp.version, icmp.type, icmp.code)}${mtu}`;
  return { long: `${short} from ${source}`, short };
}

function echoWord(icmp: Icmp): string | undefined {
  if (icmp.type === (icmp.version === 4 ? 8 : 128)) return 'echo request';
  return icmp.type === (icmp.version === 4 ? 0 : 129) ? 'echo reply' : undefined;
}
