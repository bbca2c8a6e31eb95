/** Fields of a frame in the words of ebtables-nft(8). */
import type { FilterPacket } from './ruleset.ts';
import { metaField, payloadField, type Value } from './ruleset-field.ts';

export function ebtablesField(packet: FilterPacket, option: string): Value {
  switch (option) {
    case '-i':
      return packet.inputInterface;
    case '-o':
      return packet.outputInterface;
    case '--logical-in':
      return metaField(packet, 'ibrname');
    case '--logical-out':
      return metaField(packet, 'obrname');
    case '-s':
      return packet.etherSource;
    case '-d':
      return packet.etherDestination;
    case '-p':
      return ethertype(packet);
    case '--ip-src':
    case '--ip-source':
      return payloadField(packet, 'ip', 'saddr');
    case '--ip-dst':
    case '--ip-destination':
      return payloadField(packet, 'ip', 'daddr');
    case '--ip-proto':
      return payloadField(packet, 'ip', 'protocol');
    case '--ip6-src':
      return payloadField(packet, 'ip6', 'saddr');
    case '--ip6-dst':
      return payloadField(packet, 'ip6', 'daddr');
    case '--ip6-proto':
      return payloadField(packet, 'ip6', 'nexthdr');
    case '--arp-op':
      return payloadField(packet, 'arp', 'operation');
    case '--arp-ip-src':
      return payloadField(packet, 'arp', 'saddr ip');
    case '--arp-ip-dst':
      return payloadField(packet, 'arp', 'daddr ip');
    default:
      return undefined;
  }
}

/** `IPv4` and `ARP` in any case, or a number. */
function ethertype(packet: FilterPacket): string {
  const protocol = metaField(packet, 'protocol');
  return protocol === 'arp' ? 'arp' : protocol === 'ip6' ? 'ipv6' : 'ipv4';
}
