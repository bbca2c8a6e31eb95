/** A packet as far as a line of text tells it, and the frame made of that. */
import { ETHERNET_HEADER_LENGTH, EtherType } from '../wire/ethernet.ts';
import { encodeFrame } from '../wire/frame.ts';
import type { Packet } from '../wire/packet.ts';
import { VLAN_TAG_LENGTH } from '../wire/vlan.ts';
import type { TextLoss } from './text-comment.ts';
import type { PrintedLink } from './text-head.ts';

/** Not printed. */
export const NO_HARDWARE = '00:00:00:00:00:00';
export const NO_ADDRESS = '0.0.0.0';
export const NO_BYTES = new Uint8Array(0);
/** Bytes of an IP packet: more cannot be (RFC 791 section 3.1), so a larger length in a text is none. */
export const LARGEST_PACKET = 65535;
/** tcpdump's snap length. */
const LARGEST_FRAME = 262144;

/** Bytes of echo data that are filled in with zeros; beyond this they are left off, as a snap length does. */
const MOST_DATA = 2048;

/** Echo data: their length is printed, they are not. */
export function echoData(bytes: number): Uint8Array {
  return new Uint8Array(Math.min(bytes, MOST_DATA));
}

/** Layers that were printed; `packet.payload` holds the bytes behind them that are known. */
export interface TextPacket {
  readonly packet: Packet;
  /** Bytes of payload on the wire, those in `packet.payload` among them. */
  readonly payloadBytes: number;
}

/** A packet, or why there is none. */
export type TextReading = TextPacket | TextLoss;

/** The address of a host's name, where the same text says it. */
export type Resolve = (name: string) => string | undefined;

export interface TextFrame {
  readonly bytes: Uint8Array;
  readonly originalLength: number;
}

/** From the network layer on: what is known, and how long all of it was. */
export function packetBytes({ packet, payloadBytes }: TextPacket): TextFrame {
  // What follows an ARP packet is padding: `frameOf` counts it.
  const unknown = packet.arp ? 0 : Math.max(0, payloadBytes - packet.payload.length);
  const payload = new Uint8Array(packet.payload.length + unknown);
  payload.set(packet.payload);
  const whole = encodeFrame({ ...packet, payload });
  return { bytes: whole.subarray(0, whole.length - unknown), originalLength: whole.length };
}

/** A frame: bytes that were not printed are left off its end, as a snap length leaves them off. */
export function frameOf(text: TextPacket, link: PrintedLink | undefined): TextFrame {
  const { ip } = text.packet;
  const vlans = link?.vlans ?? [];
  const etherType = ip === undefined ? EtherType.arp : ip.version === 4 ? EtherType.ipv4 : EtherType.ipv6;
  const ethernet = { source: link?.source ?? NO_HARDWARE, destination: link?.destination ?? NO_HARDWARE, etherType };
  const { bytes, originalLength } = packetBytes({ ...text, packet: { ...text.packet, ethernet, vlans } });
  const printed = frameLength(link);
  if (printed !== undefined) return { bytes: bytes.subarray(0, printed), originalLength: printed };
  // ARP: padding is part of the length that tcpdump prints, and none of the bytes that matter.
  const padded = ip === undefined ? ETHERNET_HEADER_LENGTH + vlans.length * VLAN_TAG_LENGTH + text.payloadBytes : 0;
  return { bytes, originalLength: Math.max(originalLength, padded) };
}

/** A frame's length as printed, where a frame can be so long: an IP header that claims more is the sender's doing. */
function frameLength(link: PrintedLink | undefined): number | undefined {
  const length = link?.lengthBytes;
  return length !== undefined && length >= ETHERNET_HEADER_LENGTH && length <= LARGEST_FRAME ? length : undefined;
}
