/**
 * Enhanced packet blocks. Written by hand, unlike the other blocks: a capture of a busy network makes one for each frame, and
 * memory made for each block would cost more than all the rest.
 */
import type { Frame } from '../trace/frame.ts';
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
/** Blocks share memory by the chunk; none of it is written twice. */
const CHUNK = 1 << 18;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;

/** @param snapLength bytes kept of a packet, no fewer than an Ethernet header has */
export function packetEncoder(
  snapLength: number,
): (source: PacketSource, frame: Frame, note?: FrameNote) => Uint8Array {
  let chunk = new Uint8Array(0);
  let view = new DataView(chunk.buffer);
  let used = 0;
  const ticks = new BigUint64Array(1);
  const halves = new Uint32Array(ticks.buffer);

  return ({ id, rawIp }, frame, note) => {
    const header = rawIp ? ETHERNET_HEADER : 0;
    const captured = Math.min(header + frame.bytes.length, snapLength);
    const kept = captured - header;
    const flags = frameFlags(frame);
    const noted = note === undefined ? [] : optionsOf(note);
    const optionsAt = DATA_AT + padded(captured);
    const flagsLength = flags === 0 ? 0 : FLAGS_OPTION;
    // The flags stand in front of the other options; an end mark behind them all.
    const marked = noted.length > 0 ? optionsLength(noted) : flags === 0 ? 0 : OPTION_HEADER;
    const length = optionsAt + flagsLength + marked + 4;
    if (used + length > chunk.length) {
      chunk = new Uint8Array(Math.max(CHUNK, length));
      view = new DataView(chunk.buffer);
      used = 0;
    }
    const at = used;
    used += length;
    view.setUint32(at, ENHANCED_PACKET, true);
    view.setUint32(at + 4, length, true);
    view.setUint32(at + 8, id, true);
    ticks[0] = frame.timeNs;
    view.setUint32(at + 12, halves[1] ?? 0, true);
    view.setUint32(at + 16, halves[0] ?? 0, true);
    view.setUint32(at + 20, captured, true);
    view.setUint32(at + 24, header + frame.originalLength, true);
    chunk.set(kept === frame.bytes.length ? frame.bytes : frame.bytes.subarray(0, kept), at + DATA_AT + header);
    if (rawIp) view.setUint16(at + DATA_AT + 12, isIpv6(frame.bytes) ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4, false);
    if (flags !== 0) {
      view.setUint16(at + optionsAt, packetOption.flags, true);
      view.setUint16(at + optionsAt + 2, 4, true);
      view.setUint32(at + optionsAt + OPTION_HEADER, flags, true);
    }
    writeOptions(chunk, at + optionsAt + flagsLength, noted);
    view.setUint32(at + length - 4, length, true);
    return chunk.subarray(at, at + length);
  };
}

function optionsOf({ journey, comments = [] }: FrameNote): OptionValue[] {
  return [
    ...comments.map((comment) => textOption(COMMENT, comment)),
    ...(journey === undefined ? [] : [bigintOption(packetOption.packetId, BigInt(journey))]),
  ];
}

function isIpv6(bytes: Uint8Array): boolean {
  return (bytes[0] ?? 0) >> 4 === 6;
}

function frameFlags({ direction, packetType, checksumNotReady }: Frame): number {
  const way = direction === 'in' ? INBOUND : direction === 'out' ? OUTBOUND : 0;
  return way | (receptionOf(packetType) << RECEPTION_SHIFT) | (checksumNotReady ? CHECKSUM_NOT_READY : 0);
}

function receptionOf(type: Frame['packetType']): number {
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
