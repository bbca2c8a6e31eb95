/** One packet in one line, as tcpdump -n words it. Made of decoded fields only: no byte of the packet reaches the line. */
import { describeArp } from './arp.ts';
import { describeCooked } from './cooked.ts';
import { describeEthernet } from './ethernet.ts';
import { describeIcmp, ICMP_HEADER_LENGTH } from './icmp.ts';
import { describeIcmpv6 } from './icmpv6.ts';
import type { DecodeStop, Ipv4, Ipv6, Packet } from './packet.ts';
import { describeTcp } from './tcp.ts';
import { describeUdp, UDP_HEADER_LENGTH } from './udp.ts';
import { describeVlanTag } from './vlan.ts';

/**
 * For example `IP 10.9.0.2 > 10.9.0.3: ICMP echo request, id 7, seq 1, length 64`. VLAN tags stand in front, as tcpdump -e
 * has them; what could not be decoded is named at the end, and behind that stands the packet a tunnel carries.
 */
export function describePacket(packet: Packet): string {
  const { inner } = packet;
  const outer = describeOuter(packet);
  return inner === undefined ? outer : `${outer}, inside: ${describePacket(inner)}`;
}

function describeOuter(packet: Packet): string {
  const { ethernet, cooked, vlans, arp, ip, stop } = packet;
  const tags = vlans.map((tag) => `${describeVlanTag(tag)}, `).join('');
  const end = stop === undefined ? '' : describeStop(stop);
  const length = packet.payload.length + missing(stop);
  if (arp !== undefined) return `${tags}ARP, ${describeArp(arp)}${end}`;
  if (ip !== undefined) return `${tags}${describeIp(packet, ip)}${end}`;
  if (ethernet !== undefined) return `${describeEthernet(ethernet, vlans)}, length ${length}${end}`;
  if (cooked !== undefined) return `${tags}${describeCooked(cooked)}, length ${length}${end}`;
  return end.trimStart() || `${tags}${packet.payload.length} bytes`;
}

/** Bytes of a body that the wire had and the capture has not. */
function missing(stop: DecodeStop | undefined): number {
  return stop?.reason === 'truncated' ? stop.need - stop.have : 0;
}

function describeIp(packet: Packet, ip: Ipv4 | Ipv6): string {
  const { icmp, udp, tcp } = packet;
  const name = ip.version === 4 ? 'IP' : 'IP6';
  const bodyLength = packet.payload.length + missing(packet.stop);
  const flow = (ports?: { sourcePort: number; destinationPort: number }) =>
    ports === undefined
      ? `${name} ${ip.source} > ${ip.destination}:`
      : `${name} ${ip.source}.${ports.sourcePort} > ${ip.destination}.${ports.destinationPort}:`;
  if (icmp?.version === 4) return `${flow()} ICMP ${describeIcmp(icmp, ICMP_HEADER_LENGTH + bodyLength)}`;
  if (icmp?.version === 6) return `${flow()} ICMP6, ${describeIcmpv6(icmp, ICMP_HEADER_LENGTH + bodyLength)}`;
  if (udp !== undefined) return `${flow(udp)} ${describeUdp(udp, UDP_HEADER_LENGTH + bodyLength)}`;
  if (tcp !== undefined) return `${flow(tcp)} ${describeTcp(tcp, bodyLength)}`;
  const protocol = ip.version === 4 ? ip.protocol : ip.nextHeader;
  const offset = ip.fragmentOffset > 0 ? ` fragment at ${ip.fragmentOffset}` : '';
  return `${flow()} ip-proto-${protocol}${offset}, length ${bodyLength}`;
}

/** `[|icmp]` where the capture cut it, as tcpdump; the numbers where the sender did. */
function describeStop({ layer, need, have, claimedBy, reason }: DecodeStop): string {
  return reason === 'truncated'
    ? ` [|${layer}]`
    : ` (malformed ${layer}: ${claimedBy} needs ${need} bytes, has ${have})`;
}
