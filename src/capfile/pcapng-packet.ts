/**
 * Enhanced packet blocks. Written by hand, unlike the other blocks: a capture of a busy network makes one for each frame, and
 * memory made for each block would cost more than all the rest.
 */
import type { CapturedPacket } from '../trace/captured-packet.ts';
import type { PacketType } from '../trace/frame.ts';
import { BlockMemory } from './block-memory.ts';
import { bigintOption, type OptionValue, optionsLength, textOption, writeOptions } from './pcapng-encode.ts';
import {
  CHECKSUM_NOT_READY,
  COMMENT,
  ENHANCED_PACKET,
  ETHERNET_HEADER,
  INBOUND,
  OUTBOUND,
  packetOption,
  RECEPTION_SHIFT,
  reception,
} from './pcapng-format.ts';
import { OPTION_HEADER, padded } from './pcapng-option.ts';

/** What is known of a frame beside its bytes. */
export interface FrameNote {
  /** The journey, from 1: `epb_packetid`, the same wherever the packet was sighted. */
  readonly journey?: number;
  /** Begin them with a rule's id: `frame.comment contains "bridge-port-owns-ip"` then finds the frame. */
  readonly comments?: readonly string[];
}

/** The interface a packet was captured on. */
export interface PacketSource {
  readonly id: number;
  /** Its packets get an Ethernet header of zero addresses: see `SYNTHETIC_ETHERNET`. */
  readonly rawIp: boolean;
}

const DATA_AT = 28;
const FLAGS_OPTION = OPTION_HEADER + 4;
/** The MAC addresses, behind which a VLAN tag stands. */
const TAG_AT = 12;
const TAG_BYTES = 4;
/** Blocks share memory by the chunk; none of it is written twice. */
const CHUNK = 1 << 18;
/** Bytes of a block beside the packet's own; where comments take more, the memory grows. */
const MOST_BESIDE = 1 << 10;
const NO_OPTIONS: readonly OptionValue[] = [];
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;

/** @param snapLength bytes kept of a packet, no fewer than an Ethernet header has */
export function packetEncoder(
  snapLength: number,
): (source: PacketSource, packet: CapturedPacket, note?: FrameNote) => Uint8Array {
  let memory = new BlockMemory(0);
  return (source, packet, note) => {
    if (!memory.hasRoom(packet.length + MOST_BESIDE)) memory = new BlockMemory(CHUNK);
    const at = memory.length;
    appendPacket(memory, source, packet, snapLength, note === undefined ? [] : optionsOf(note));
    return memory.written.subarray(at);
  };
}

/** Writes a packet's block behind the others. */
export function appendPacket(
  memory: BlockMemory,
  { id, rawIp }: PacketSource,
  packet: CapturedPacket,
  snapLength: number,
  options: readonly OptionValue[] = NO_OPTIONS,
): void {
  const header = rawIp ? ETHERNET_HEADER : 0;
  const tag = packet.vlanTag === 0 ? 0 : TAG_BYTES;
  const captured = Math.min(header + packet.length + tag, snapLength);
  const flags = packetFlags(packet);
  const optionsAt = DATA_AT + padded(captured);
  const flagsLength = flags === 0 ? 0 : FLAGS_OPTION;
  // The flags stand in front of the other options; an end mark behind them all.
  const marked = options.length > 0 ? optionsLength(options) : flags === 0 ? 0 : OPTION_HEADER;
  const length = optionsAt + flagsLength + marked + 4;
  const at = memory.room(length);
  const { bytes, view } = memory;
  // A time stamp counts nanoseconds in 64 bits: the low half in integers, the high one is what remains of a number that is too large.
  const low = (Math.imul(packet.seconds, 1_000_000_000) + packet.nanoseconds) >>> 0;
  view.setUint32(at, ENHANCED_PACKET, true);
  view.setUint32(at + 4, length, true);
  view.setUint32(at + 8, id, true);
  view.setUint32(at + 12, Math.round((packet.seconds * 1e9 + packet.nanoseconds - low) / 2 ** 32), true);
  view.setUint32(at + 16, low, true);
  view.setUint32(at + 20, captured, true);
  view.setUint32(at + 24, header + packet.originalLength, true);
  const data = at + DATA_AT;
  if (rawIp) {
    bytes.fill(0, data, data + TAG_AT);
    view.setUint16(data + TAG_AT, isIpv6(packet) ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4, false);
  }
  if (tag === 0) copy(packet.memory, packet.start, bytes, data + header, captured - header);
  else {
    copy(packet.memory, packet.start, bytes, data, TAG_AT);
    view.setUint32(data + TAG_AT, packet.vlanTag, false);
    copy(packet.memory, packet.start + TAG_AT, bytes, data + TAG_AT + tag, captured - TAG_AT - tag);
  }
  for (let pad = data + captured; pad < at + optionsAt; pad++) bytes[pad] = 0;
  if (flags !== 0) {
    view.setUint16(at + optionsAt, packetOption.flags, true);
    view.setUint16(at + optionsAt + 2, 4, true);
    view.setUint32(at + optionsAt + OPTION_HEADER, flags, true);
  }
  if (options.length > 0) {
    bytes.fill(0, at + optionsAt + flagsLength, at + length);
    writeOptions(bytes, at + optionsAt + flagsLength, options);
  } else if (marked > 0) view.setUint32(at + optionsAt + flagsLength, 0, true);
  view.setUint32(at + length - 4, length, true);
}

function copy(from: Uint8Array, start: number, to: Uint8Array, at: number, length: number): void {
  to.set(from.subarray(start, start + length), at);
}

function optionsOf({ journey, comments = [] }: FrameNote): OptionValue[] {
  return [
    ...comments.map((comment) => textOption(COMMENT, comment)),
    ...(journey === undefined ? [] : [bigintOption(packetOption.packetId, BigInt(journey))]),
  ];
}

function isIpv6({ memory, start, length }: CapturedPacket): boolean {
  return length > 0 && (memory[start] ?? 0) >> 4 === 6;
}

function packetFlags({ direction, packetType, checksumNotReady }: CapturedPacket): number {
  const way = direction === 'in' ? INBOUND : direction === 'out' ? OUTBOUND : 0;
  return way | (receptionOf(packetType) << RECEPTION_SHIFT) | (checksumNotReady ? CHECKSUM_NOT_READY : 0);
}

function receptionOf(type: PacketType): number {
  switch (type) {
    case 'host':
      return reception.unicast;
    case 'multicast':
      return reception.multicast;
    case 'broadcast':
      return reception.broadcast;
    case 'other-host':
      return reception.promiscuous;
    case 'outgoing':
    case 'unknown':
      return reception.unspecified;
    default:
      return type satisfies never;
  }
}
