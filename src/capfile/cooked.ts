/**
 * What a header in front of a frame says of where it was seen: Linux cooked capture (`tcpdump -i any`,
 * https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html and …_SLL2.html), and the record header of the modified pcap format.
 */
import type { CaptureInterface } from './capture-interface.ts';
import { INBOUND, OUTBOUND, RECEPTION_SHIFT, reception } from './pcapng-format.ts';

const SLL_PACKET_TYPE = 0;
const SLL2_INTERFACE = 4;
const SLL2_PACKET_TYPE = 10;
const SLL2_HEADER = 20;
const SLL_HEADER = 16;

/** By packet(7)'s packet types: to this host, broadcast, multicast, to another host, sent by this host. */
const FLAGS: readonly number[] = [
  INBOUND | (reception.unicast << RECEPTION_SHIFT),
  INBOUND | (reception.broadcast << RECEPTION_SHIFT),
  INBOUND | (reception.multicast << RECEPTION_SHIFT),
  INBOUND | (reception.promiscuous << RECEPTION_SHIFT),
  OUTBOUND,
];

/** `epb_flags` for a packet type of packet(7), 0 for one without meaning in a file. */
export function packetTypeFlags(packetType: number): number {
  return FLAGS[packetType] ?? 0;
}

/** `epb_flags` from a cooked header; `flags` where there is none, or the frame is too short for it. */
export function cookedFlags(
  source: CaptureInterface,
  view: DataView,
  start: number,
  end: number,
  flags: number,
): number {
  if (source.frameLinkType === 'linux-sll' && end - start >= SLL_HEADER)
    return packetTypeFlags(view.getUint16(start + SLL_PACKET_TYPE)) | (flags & ~0x1f);
  if (source.frameLinkType === 'linux-sll2' && end - start >= SLL2_HEADER)
    return packetTypeFlags(view.getUint8(start + SLL2_PACKET_TYPE)) | (flags & ~0x1f);
  return flags;
}

/** The kernel's interface number from a cooked header (v2 only), 0 where there is none. */
export function cookedInterface(source: CaptureInterface, view: DataView, start: number, end: number): number {
  return source.frameLinkType === 'linux-sll2' && end - start >= SLL2_HEADER
    ? view.getUint32(start + SLL2_INTERFACE)
    : 0;
}
