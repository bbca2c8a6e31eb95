/**
 * Reads one block of a TPACKET_V3 ring (include/uapi/linux/if_packet.h; Documentation/networking/packet_mmap.rst).
 *
 *     block descriptor ─► packet header, sockaddr_ll, frame ─► packet header … (each names the distance to the next)
 */
import type { Direction, Frame, PacketType, Place } from '../trace/frame.ts';

/** struct tpacket_block_desc, with struct tpacket_hdr_v1 from byte 8 on; in 32-bit words. */
const blockWord = { status: 2, packets: 3, firstPacket: 4, usedBytes: 5 };
/** struct tpacket3_hdr, in 32-bit words; the two offsets are 16 bits each. */
const headerWord = { next: 0, seconds: 1, nanoseconds: 2, capturedBytes: 3, wireBytes: 4, status: 5, vlanTci: 8 };
const headerHalf = { linkOffset: 12, networkOffset: 13, vlanTpid: 18 };
/** struct sockaddr_ll stands behind the header, which has 48 bytes. */
const senderOffset = 48;
const senderBytes = 20;

const TP_STATUS_KERNEL = 0;
const TP_STATUS_USER = 1;
const TP_STATUS_CSUMNOTREADY = 1 << 3;
const TP_STATUS_VLAN_VALID = 1 << 4;
const TP_STATUS_VLAN_TPID_VALID = 1 << 6;
const defaultTpid = 0x8100;

/** ARPHRD_ETHER, ARPHRD_LOOPBACK */
const etherHardware = new Set([1, 772]);
const macAddressesBytes = 12;

/** packet(7), `sll_pkttype`, by value. */
const packetTypes: readonly PacketType[] = ['host', 'broadcast', 'multicast', 'other-host', 'outgoing'];

/** The memory the kernel shares, seen as the units its structures have. Native byte order, as the kernel writes them. */
export interface RingMemory {
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Uint32Array;
  readonly status: Int32Array;
}

export function ringMemory(memory: ArrayBuffer): RingMemory {
  return {
    bytes: new Uint8Array(memory),
    halves: new Uint16Array(memory),
    words: new Uint32Array(memory),
    status: new Int32Array(memory),
  };
}

/**
 * Whether the kernel has handed the block at `offset` over. The status is read atomically, before anything else of the
 * block: the kernel writes it last.
 */
export function isBlockReady(memory: RingMemory, offset: number): boolean {
  return (Atomics.load(memory.status, offset / 4 + blockWord.status) & TP_STATUS_USER) !== 0;
}

/** Gives the block back to the kernel; nothing of it may be read afterwards. */
export function releaseBlock(memory: RingMemory, offset: number): void {
  Atomics.store(memory.status, offset / 4 + blockWord.status, TP_STATUS_KERNEL);
}

/** What a block does not say of itself. */
export interface BlockContext {
  readonly blockSizeBytes: number;
  /** The place of an interface, by its number. */
  readonly place: (interfaceIndex: number) => Place;
  /** Numbers the frames of the ring. */
  readonly nextOrder: () => number;
}

/**
 * Hands over every frame of a block. The kept bytes are copied once for the whole block,
 * so the frames own them together. Lengths that do not fit the block end it: the kernel never writes them, but a wrong
 * one must not become a read of foreign memory.
 */
export function readBlock(
  memory: RingMemory,
  offset: number,
  context: BlockContext,
  onFrame: (frame: Frame) => void,
): void {
  const blockWords = offset / 4;
  const packets = memory.words[blockWords + blockWord.packets] ?? 0;
  const used = Math.min(memory.words[blockWords + blockWord.usedBytes] ?? 0, context.blockSizeBytes);
  const copy = memory.bytes.slice(offset, offset + used);
  let at = memory.words[blockWords + blockWord.firstPacket] ?? 0;
  for (let packet = 0; packet < packets; packet++) {
    if (at % 4 !== 0 || at + senderOffset + senderBytes > used) break;
    const frame = readFrame(memory, offset + at, copy, at, context);
    if (frame) onFrame(frame);
    const next = memory.words[(offset + at) / 4 + headerWord.next] ?? 0;
    if (next === 0) break;
    at += next;
  }
}

function readFrame(
  memory: RingMemory,
  header: number,
  copy: Uint8Array,
  start: number,
  context: BlockContext,
): Frame | undefined {
  const word = (index: number): number => memory.words[header / 4 + index] ?? 0;
  const half = (index: number): number => memory.halves[header / 2 + index] ?? 0;
  const sender = header + senderOffset;
  const hardwareType = memory.halves[(sender + 8) / 2] ?? 0;
  const packetType = packetTypes[memory.bytes[sender + 10] ?? 0] ?? 'unknown';
  const linkOffset = half(headerHalf.linkOffset);
  const kept = word(headerWord.capturedBytes);
  if (start + linkOffset + kept > copy.length) return undefined;
  let linkType: 'raw-ip' | undefined;
  let originalLength = word(headerWord.wireBytes);
  let bytes = copy.subarray(start + linkOffset, start + linkOffset + kept);
  const status = word(headerWord.status);
  if (!etherHardware.has(hardwareType)) {
    // Another link layer's header, where there is one, says nothing a reader of IP needs.
    const skipped = Math.min(half(headerHalf.networkOffset) - linkOffset, kept);
    if (skipped < 0 || !isIp(memory, sender)) return undefined;
    linkType = 'raw-ip';
    originalLength -= skipped;
    bytes = bytes.subarray(skipped);
  } else if ((status & TP_STATUS_VLAN_VALID) !== 0 && kept >= macAddressesBytes) {
    const tpid = (status & TP_STATUS_VLAN_TPID_VALID) !== 0 ? half(headerHalf.vlanTpid) : defaultTpid;
    bytes = withTag(bytes, tpid, word(headerWord.vlanTci) & 0xffff);
    originalLength += 4;
  }
  const frame = {
    place: context.place(memory.words[(sender + 4) / 4] ?? 0),
    timeNs: BigInt(word(headerWord.seconds)) * 1_000_000_000n + BigInt(word(headerWord.nanoseconds)),
    order: context.nextOrder(),
    direction: directionOf(packetType),
    packetType,
    originalLength,
    checksumNotReady: (status & TP_STATUS_CSUMNOTREADY) !== 0,
    bytes,
  };
  return linkType ? { ...frame, linkType } : frame;
}

function directionOf(packetType: PacketType): Direction {
  if (packetType === 'unknown') return 'unknown';
  return packetType === 'outgoing' ? 'out' : 'in';
}

/** `sll_protocol`, in network byte order: IPv4 or IPv6. */
function isIp(memory: RingMemory, sender: number): boolean {
  const high = memory.bytes[sender + 2] ?? 0;
  const low = memory.bytes[sender + 3] ?? 0;
  const protocol = (high << 8) | low;
  return protocol === 0x0800 || protocol === 0x86dd;
}

/** The kernel takes the outermost VLAN tag out of received frames: back to where it was on the wire. */
function withTag(frame: Uint8Array, tpid: number, tci: number): Uint8Array {
  const bytes = new Uint8Array(frame.length + 4);
  bytes.set(frame.subarray(0, macAddressesBytes));
  bytes.set([tpid >> 8, tpid & 0xff, tci >> 8, tci & 0xff], macAddressesBytes);
  bytes.set(frame.subarray(macAddressesBytes), macAddressesBytes + 4);
  return bytes;
}
