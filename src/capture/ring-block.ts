/**
 * Reads one block of a TPACKET_V3 ring (include/uapi/linux/if_packet.h; Documentation/networking/packet_mmap.rst).
 *
 *     block descriptor ─► packet header, sockaddr_ll, frame ─► packet header … (each names the distance to the next)
 */
import { type CapturedPacket, timeOf } from '../trace/captured-packet.ts';
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
const TAG_BYTES = 4;

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

/** What a ring does not say of itself. */
export interface RingContext {
  readonly blockSizeBytes: number;
  /** The place of an interface, by its number. */
  readonly place: (interfaceIndex: number) => Place;
}

const nowhere: Place = { netns: '', name: '' };

/**
 * Goes through the packets of a block, one after the other, without copying them. Lengths that do not fit the block end it: the
 * kernel never writes them, but a wrong one must not become a read of foreign memory.
 */
export class BlockCursor implements CapturedPacket {
  readonly memory: Uint8Array;
  readonly #memory: RingMemory;
  readonly #context: RingContext;
  /** Of the block: where it begins in the memory, bytes used, packets left, and where the next one begins in it. */
  #block = 0;
  #used = 0;
  #left = 0;
  #next = 0;
  /** The block's bytes, once frames have been made of them: they own them together. */
  #copy: Uint8Array | undefined;

  place = nowhere;
  seconds = 0;
  nanoseconds = 0;
  order = -1;
  direction: Direction = 'unknown';
  packetType: PacketType = 'unknown';
  originalLength = 0;
  checksumNotReady = false;
  rawIp = false;
  vlanTag = 0;
  start = 0;
  length = 0;

  constructor(memory: RingMemory, context: RingContext) {
    this.#memory = memory;
    this.#context = context;
    this.memory = memory.bytes;
  }

  /** Begins with the block at `offset`, which the kernel must have handed over. */
  enter(offset: number): void {
    const { words } = this.#memory;
    this.#block = offset;
    this.#copy = undefined;
    this.#left = words[offset / 4 + blockWord.packets] ?? 0;
    this.#used = Math.min(words[offset / 4 + blockWord.usedBytes] ?? 0, this.#context.blockSizeBytes);
    this.#next = words[offset / 4 + blockWord.firstPacket] ?? 0;
  }

  /** Goes to the next packet; false behind the last. */
  next(): boolean {
    while (this.#left > 0) {
      const at = this.#next;
      if (at % 4 !== 0 || at + senderOffset + senderBytes > this.#used) break;
      const distance = this.#memory.words[(this.#block + at) / 4 + headerWord.next] ?? 0;
      this.#left = distance === 0 ? 0 : this.#left - 1;
      this.#next = at + distance;
      if (this.#read(this.#block + at)) return true;
    }
    this.#left = 0;
    return false;
  }

  frame(): Frame {
    this.#copy ??= this.memory.slice(this.#block, this.#block + this.#used);
    const at = this.start - this.#block;
    const bytes = this.#copy.subarray(at, at + this.length);
    const frame = {
      place: this.place,
      timeNs: timeOf(this),
      order: this.order,
      direction: this.direction,
      packetType: this.packetType,
      originalLength: this.originalLength,
      checksumNotReady: this.checksumNotReady,
      bytes: this.vlanTag === 0 ? bytes : withTag(bytes, this.vlanTag),
    };
    return this.rawIp ? { ...frame, linkType: 'raw-ip' } : frame;
  }

  /** False for what is no packet that can be read. */
  #read(header: number): boolean {
    const { bytes, halves, words } = this.#memory;
    const word = header / 4;
    const half = header / 2;
    const sender = header + senderOffset;
    const linkOffset = halves[half + headerHalf.linkOffset] ?? 0;
    const kept = words[word + headerWord.capturedBytes] ?? 0;
    if (header - this.#block + linkOffset + kept > this.#used) return false;
    let skipped = 0;
    const rawIp = !etherHardware.has(halves[(sender + 8) / 2] ?? 0);
    if (rawIp) {
      // Another link layer's header, where there is one, says nothing a reader of IP needs.
      skipped = Math.min((halves[half + headerHalf.networkOffset] ?? 0) - linkOffset, kept);
      if (skipped < 0 || !isIp(bytes, sender)) return false;
    }
    const status = words[word + headerWord.status] ?? 0;
    const packetType = packetTypes[bytes[sender + 10] ?? 0] ?? 'unknown';
    this.vlanTag = 0;
    if (!rawIp && (status & TP_STATUS_VLAN_VALID) !== 0 && kept >= macAddressesBytes) {
      const tpid = (status & TP_STATUS_VLAN_TPID_VALID) !== 0 ? (halves[half + headerHalf.vlanTpid] ?? 0) : defaultTpid;
      this.vlanTag = ((tpid << 16) | ((words[word + headerWord.vlanTci] ?? 0) & 0xffff)) >>> 0;
    }
    this.place = this.#context.place(words[(sender + 4) / 4] ?? 0);
    this.seconds = words[word + headerWord.seconds] ?? 0;
    this.nanoseconds = words[word + headerWord.nanoseconds] ?? 0;
    this.order++;
    this.direction = directionOf(packetType);
    this.packetType = packetType;
    this.originalLength = (words[word + headerWord.wireBytes] ?? 0) - skipped + (this.vlanTag === 0 ? 0 : TAG_BYTES);
    this.checksumNotReady = (status & TP_STATUS_CSUMNOTREADY) !== 0;
    this.rawIp = rawIp;
    this.start = header + linkOffset + skipped;
    this.length = kept - skipped;
    return true;
  }
}

function directionOf(packetType: PacketType): Direction {
  if (packetType === 'unknown') return 'unknown';
  return packetType === 'outgoing' ? 'out' : 'in';
}

/** `sll_protocol`, in network byte order: IPv4 or IPv6. */
function isIp(bytes: Uint8Array, sender: number): boolean {
  const high = bytes[sender + 2] ?? 0;
  const low = bytes[sender + 3] ?? 0;
  const protocol = (high << 8) | low;
  return protocol === 0x0800 || protocol === 0x86dd;
}

/** The kernel takes the outermost VLAN tag out of received frames: back to where it was on the wire. */
function withTag(frame: Uint8Array, tag: number): Uint8Array {
  const bytes = new Uint8Array(frame.length + TAG_BYTES);
  bytes.set(frame.subarray(0, macAddressesBytes));
  new DataView(bytes.buffer).setUint32(macAddressesBytes, tag);
  bytes.set(frame.subarray(macAddressesBytes), macAddressesBytes + TAG_BYTES);
  return bytes;
}
