/**
 * Walks the blocks of a pcapng file and stands on its packets, in place.
 * Memory is bounded whatever the file says: a block is waited for only as long as bytes arrive and it is no larger than
 * `LARGEST_BLOCK`; anything else is passed over by its length.
 */
import type { ByteWindow } from './byte-window.ts';
import type { FrameCursor } from './frame-cursor.ts';
import {
  BYTE_ORDER_MAGIC,
  COMMENT,
  ENHANCED_PACKET,
  INTERFACE_DESCRIPTION,
  INTERFACE_STATISTICS,
  MIN_BLOCK,
  MIN_LENGTH,
  OBSOLETE_PACKET,
  packetOption,
  SECTION_HEADER,
  SIMPLE_PACKET,
} from './pcapng-format.ts';
import { type CaptureInterface, readInterface, readStatistics } from './pcapng-interface.ts';
import { optionText, padded, readOptions } from './pcapng-option.ts';
import { ProblemList } from './problem.ts';

/** Bytes. Twice the largest packet a capture program keeps by itself (262144), many times over. */
const LARGEST_BLOCK = 1 << 24;
/** Interfaces of all sections together. */
const MOST_INTERFACES = 1 << 16;
const MOST_COMMENTS = 64;
const LONGEST_COMMENT = 4096;
const TRAILER = 4;

export class PcapngCursor implements FrameCursor {
  start = 0;
  end = 0;
  originalLength = 0;
  number = 0;
  offset = 0;
  ticksHigh = 0;
  ticksLow = 0;
  flags = 0;
  /** `epb_packetid`, two 32-bit halves; 0 where there is none. vdiag writes the journey there. */
  packetIdHigh = 0;
  packetIdLow = 0;
  /** Packets lost between this one and the one before it at the same interface (`epb_dropcount`). */
  dropCount = 0;
  /** False for a simple packet block: it has no time stamp. */
  timed = true;
  stopped = false;

  readonly interfaces: CaptureInterface[] = [];
  readonly comments: string[] = [];
  readonly problems = new ProblemList();
  oversized = 0;
  untimed = 0;

  #little = true;
  /** Sections so far. */
  #sections = 0;
  /** Index of the section's first interface. */
  #sectionBase = 0;
  #source: CaptureInterface | undefined;
  /** Bytes of a block that are still to be passed over, its trailer not among them, and the length the trailer must repeat. */
  #passOver = 0;
  #passedLength = 0;
  #optionsAt = 0;
  #optionsEnd = 0;

  get source(): CaptureInterface {
    if (this.#source === undefined) throw new Error('the cursor stands on no frame');
    return this.#source;
  }

  next(window: ByteWindow): boolean {
    while (!this.stopped) {
      if (this.#passedLength > 0) {
        if (!this.#goPast(window)) return false;
        continue;
      }
      if (window.unread < MIN_BLOCK) return false;
      this.offset = window.offset;
      const at = window.start;
      const type = window.view.getUint32(at, this.#little);
      if (!this.#readByteOrder(window.view, type, at)) return false;
      const length = window.view.getUint32(at + 4, this.#little);
      const needed = MIN_LENGTH[type];
      if (length < (needed ?? MIN_BLOCK) || length % 4 !== 0)
        return this.#stop(`a block of type ${hex(type)} claims a length of ${length} bytes, which no such block has`);
      if (needed === undefined || length > LARGEST_BLOCK) {
        if (isPacket(type)) {
          this.number++;
          this.oversized++;
        } else if (needed !== undefined)
          return this.#stop(`a block of type ${hex(type)} claims ${length} bytes, more than vdiag reads (${LARGEST_BLOCK})`);
        this.#passedLength = length;
        this.#passOver = length - TRAILER;
        continue;
      }
      if (window.unread < length) return false;
      const end = at + length - TRAILER;
      if (!this.#trailerAgrees(window.view.getUint32(end, this.#little), length)) return false;
      window.start += length;
      if (this.#read(window, type, at, end)) return true;
    }
    return false;
  }

  finish(window: ByteWindow): void {
    if (this.stopped) return;
    if (this.#passedLength > 0)
      this.#stop(`the file ends inside this block: ${this.#passOver + TRAILER - window.unread} of its ${this.#passedLength} bytes are missing`);
    else if (window.unread > 0) {
      this.offset = window.offset;
      const length = window.unread < MIN_BLOCK ? undefined : window.view.getUint32(window.start + 4, this.#little);
      this.#stop(
        length === undefined
          ? `the file ends inside a block's header: ${window.unread} of its ${MIN_BLOCK} bytes are there`
          : `the file ends inside this block: ${length - window.unread} of its ${length} bytes are missing`,
      );
    } else if (this.#sections === 0) {
      this.offset = 0;
      this.#stop('the file is empty');
    }
    this.stopped = true;
  }

  /** Comments on the frame. */
  frameComments(window: ByteWindow): string[] {
    const options = readOptions(window.view, this.#little, this.#optionsAt, this.#optionsEnd) ?? [];
    return options
      .filter(({ code }) => code === COMMENT)
      .slice(0, MOST_COMMENTS)
      .map((option) => optionText(window.bytes, option, LONGEST_COMMENT));
  }

  #stop(message: string): false {
    this.problems.add({ offset: this.offset, message, fatal: true });
    this.stopped = true;
    return false;
  }

  /** Leaves one record out: where the next starts is known. */
  #skip(message: string): false {
    this.problems.add({ offset: this.offset, message, fatal: false });
    return false;
  }

  #trailerAgrees(trailer: number, length: number): boolean {
    return (
      trailer === length ||
      this.#stop(`a block claims a length of ${length} bytes at its start and of ${trailer} at its end`)
    );
  }

  /** A section may be written in another byte order than the one before it: its length cannot be read before this is known. */
  #readByteOrder(view: DataView, type: number, at: number): boolean {
    if (type !== SECTION_HEADER)
      return this.#sections > 0 || this.#stop('no pcapng file: it does not start with a section header');
    const little = view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC;
    if (!little && view.getUint32(at + 8, false) !== BYTE_ORDER_MAGIC)
      return this.#stop('a section header names no byte order: its magic number is damaged');
    this.#little = little;
    return true;
  }

  #goPast(window: ByteWindow): boolean {
    const passed = Math.min(this.#passOver, window.unread);
    window.start += passed;
    this.#passOver -= passed;
    if (this.#passOver > 0 || window.unread < TRAILER) return false;
    const length = this.#passedLength;
    this.#passedLength = 0;
    if (!this.#trailerAgrees(window.view.getUint32(window.start, this.#little), length)) return false;
    window.start += TRAILER;
    return true;
  }

  /** True when the block is a packet the cursor now stands on. */
  #read(window: ByteWindow, type: number, at: number, end: number): boolean {
    const { view } = window;
    switch (type) {
      case ENHANCED_PACKET:
        return this.#readPacket(view, at, end, view.getUint32(at + 8, this.#little));
      case OBSOLETE_PACKET: {
        const read = this.#readPacket(view, at, end, view.getUint16(at + 8, this.#little));
        const drops = view.getUint16(at + 10, this.#little);
        if (drops !== UNKNOWN_DROPS) this.dropCount = drops;
        return read;
      }
      case SIMPLE_PACKET:
        return this.#readSimplePacket(view, at, end);
      case SECTION_HEADER:
        return this.#readSection(window, at, end);
      case INTERFACE_DESCRIPTION:
        return this.#readInterface(view, at, end);
      case INTERFACE_STATISTICS: {
        const about = this.#interface(view.getUint32(at + 8, this.#little));
        if (about === undefined) return this.#skip('statistics of an interface that the file does not describe');
        if (!readStatistics(view, this.#little, at, end, about)) this.#skip('an option is longer than its block');
        return false;
      }
      default:
        return false;
    }
  }

  #readSection(window: ByteWindow, at: number, end: number): false {
    const { view } = window;
    const major = view.getUint16(at + 12, this.#little);
    const minor = view.getUint16(at + 14, this.#little);
    // 1.2 has been written by some programs and is read as 1.0 by all.
    if (major !== 1 || (minor !== 0 && minor !== 2))
      return this.#stop(`pcapng version ${major}.${minor} is not known; this is 1.0`);
    this.#sections++;
    this.#sectionBase = this.interfaces.length;
    const options = readOptions(view, this.#little, at + 24, end);
    if (options === undefined) return this.#skip('an option is longer than its block');
    for (const option of options)
      if (option.code === COMMENT && this.comments.length < MOST_COMMENTS)
        this.comments.push(optionText(window.bytes, option, LONGEST_COMMENT));
    return false;
  }

  #readInterface(view: DataView, at: number, end: number): false {
    const index = this.interfaces.length;
    if (index >= MOST_INTERFACES) return this.#stop(`more than ${MOST_INTERFACES} interfaces`);
    const place = { index, section: this.#sections - 1, id: index - this.#sectionBase };
    const read = readInterface(view, this.#little, at, end, place);
    // Without its options the interface must still be there: the packets count on its number.
    if (read === undefined) this.#skip('an option is longer than its block');
    this.interfaces.push(read ?? withoutOptions(view, this.#little, at, place));
    return false;
  }

  #interface(id: number): CaptureInterface | undefined {
    return this.interfaces[this.#sectionBase + id];
  }

  #readPacket(view: DataView, at: number, end: number, id: number): boolean {
    const little = this.#little;
    const captured = view.getUint32(at + 20, little);
    const data = at + 28;
    this.number++;
    const source = this.#interface(id);
    if (source === undefined) return this.#skip(`a packet of interface ${id}, which the file does not describe`);
    if (captured > end - data)
      return this.#skip(`a packet claims ${captured} captured bytes in a block that has ${end - data}`);
    if (captured < source.addedHeader) return this.#skip(`a packet of ${captured} bytes is shorter than its link layer`);
    this.#source = source;
    source.packets++;
    this.ticksHigh = view.getUint32(at + 12, little);
    this.ticksLow = view.getUint32(at + 16, little);
    this.start = data + source.addedHeader;
    this.end = data + captured;
    this.originalLength = Math.max(0, view.getUint32(at + 24, little) - source.addedHeader);
    this.timed = true;
    this.#readPacketOptions(view, data + padded(captured), end);
    return true;
  }

  /** Flags, packet id and drop count, without an object for each option. */
  #readPacketOptions(view: DataView, at: number, end: number): void {
    const little = this.#little;
    this.flags = 0;
    this.packetIdHigh = 0;
    this.packetIdLow = 0;
    this.dropCount = 0;
    this.#optionsAt = at;
    this.#optionsEnd = end;
    for (let next = at; next + 4 <= end; ) {
      const code = view.getUint16(next, little);
      if (code === 0) return;
      const length = view.getUint16(next + 2, little);
      const value = next + 4;
      if (value + length > end) {
        this.#skip('an option is longer than its block');
        return;
      }
      if (code === packetOption.flags && length === 4) this.flags = view.getUint32(value, little);
      else if (code === packetOption.packetId && length === 8) {
        this.packetIdHigh = view.getUint32(value + (little ? 4 : 0), little);
        this.packetIdLow = view.getUint32(value + (little ? 0 : 4), little);
      } else if (code === packetOption.dropCount && length === 8) {
        const high = view.getUint32(value + (little ? 4 : 0), little);
        this.dropCount = high * 2 ** 32 + view.getUint32(value + (little ? 0 : 4), little);
      }
      next = value + padded(length);
    }
  }

  /** Always of the section's first interface; the captured length follows from its snap length. */
  #readSimplePacket(view: DataView, at: number, end: number): boolean {
    const data = at + 12;
    this.number++;
    const source = this.#interface(0);
    if (source === undefined) return this.#skip('a packet of interface 0, which the file does not describe');
    const original = view.getUint32(at + 8, this.#little);
    const captured = Math.min(original, source.snapLength || original);
    if (captured > end - data)
      return this.#skip(`a packet claims ${captured} captured bytes in a block that has ${end - data}`);
    if (captured < source.addedHeader) return this.#skip(`a packet of ${captured} bytes is shorter than its link layer`);
    this.#source = source;
    source.packets++;
    this.untimed++;
    this.timed = false;
    this.ticksHigh = 0;
    this.ticksLow = 0;
    this.start = data + source.addedHeader;
    this.end = data + captured;
    this.originalLength = original - source.addedHeader;
    this.#readPacketOptions(view, end, end);
    return true;
  }
}

/** Obsolete packet block: how many were lost is not known. */
const UNKNOWN_DROPS = 0xffff;

function isPacket(type: number): boolean {
  return type === ENHANCED_PACKET || type === OBSOLETE_PACKET || type === SIMPLE_PACKET;
}

function hex(type: number): string {
  return `0x${type.toString(16).padStart(8, '0')}`;
}

function withoutOptions(
  view: DataView,
  little: boolean,
  at: number,
  place: Pick<CaptureInterface, 'index' | 'section' | 'id'>,
): CaptureInterface {
  return {
    ...place,
    linkType: view.getUint16(at + 8, little),
    snapLength: view.getUint32(at + 12, little),
    name: '',
    description: '',
    hardware: '',
    clock: { base: 10, exponent: 6, offsetSeconds: 0n },
    addedHeader: 0,
    packets: 0,
  };
}
