/** Stands on the packets of a pcapng file, in place: enhanced, simple and obsolete packet blocks. */
import type { ByteWindow } from './byte-window.ts';
import type { FrameCursor } from './frame-cursor.ts';
import { PcapngBlocks } from './pcapng-blocks.ts';
import {
  COMMENT,
  ENHANCED_PACKET,
  INTERFACE_DESCRIPTION,
  INTERFACE_STATISTICS,
  OBSOLETE_PACKET,
  packetOption,
  SECTION_HEADER,
  SIMPLE_PACKET,
} from './pcapng-format.ts';
import { type CaptureInterface, readInterface, readStatistics } from './pcapng-interface.ts';
import { optionText, padded, readOptions } from './pcapng-option.ts';

/** Interfaces of all sections together. */
const MOST_INTERFACES = 1 << 16;
const MOST_COMMENTS = 64;
const LONGEST_COMMENT = 4096;
/** Obsolete packet block: it is not known how many were lost. */
const UNKNOWN_DROPS = 0xffff;
const BAD_OPTION = 'an option claims more bytes than its block has';

export class PcapngCursor implements FrameCursor {
  start = 0;
  end = 0;
  originalLength = 0;
  number = 0;
  ticksHigh = 0;
  ticksLow = 0;
  flags = 0;
  /** False for a simple packet block: it has no time stamp. */
  timed = true;
  /** `epb_packetid`, two 32-bit halves; 0 where there is none. vdiag writes the journey there. */
  packetIdHigh = 0;
  packetIdLow = 0;
  /** Packets lost between this one and the one before it at the same interface (`epb_dropcount`). */
  dropCount = 0;

  readonly interfaces: CaptureInterface[] = [];
  /** Of section headers. */
  readonly comments: string[] = [];
  /** Packets whose block is too large to be kept. */
  oversized = 0;

  readonly #blocks = new PcapngBlocks();
  /** Sections so far, and the index of the first interface of this one. */
  #sections = 0;
  #sectionBase = 0;
  #source: CaptureInterface | undefined;
  #optionsAt = 0;
  #optionsEnd = 0;
  #commented = false;

  get offset(): number {
    return this.#blocks.offset;
  }

  get stopped(): boolean {
    return this.#blocks.stopped;
  }

  get problems() {
    return this.#blocks.problems;
  }

  get source(): CaptureInterface {
    if (this.#source === undefined) throw new Error('the cursor stands on no frame');
    return this.#source;
  }

  next(window: ByteWindow): boolean {
    const blocks = this.#blocks;
    while (blocks.next(window))
      if (!blocks.whole) this.#passLarge();
      else if (this.#read(window)) return true;
    return false;
  }

  finish(window: ByteWindow): void {
    this.#blocks.finish(window);
  }

  /** Comments on the frame. */
  frameComments(window: ByteWindow): string[] {
    if (!this.#commented) return [];
    const options = readOptions(window.view, this.#blocks.little, this.#optionsAt, this.#optionsEnd) ?? [];
    return options
      .filter(({ code }) => code === COMMENT)
      .slice(0, MOST_COMMENTS)
      .map((option) => optionText(window.bytes, option, LONGEST_COMMENT));
  }

  #passLarge(): void {
    const { type } = this.#blocks;
    // What every packet behind it depends on cannot be passed over.
    if (type === SECTION_HEADER || type === INTERFACE_DESCRIPTION)
      this.#blocks.stop('a section header or interface block claims more bytes than vdiag reads');
    else if (type !== INTERFACE_STATISTICS) {
      this.number++;
      this.oversized++;
    }
  }

  /** True when the block is a packet the cursor now stands on. */
  #read(window: ByteWindow): boolean {
    const { type, at, end, little } = this.#blocks;
    const { view } = window;
    switch (type) {
      case ENHANCED_PACKET:
        return this.#readPacket(view, at, end, view.getUint32(at + 8, little));
      case OBSOLETE_PACKET: {
        const read = this.#readPacket(view, at, end, view.getUint16(at + 8, little));
        const drops = view.getUint16(at + 10, little);
        if (drops !== UNKNOWN_DROPS) this.dropCount = drops;
        return read;
      }
      case SIMPLE_PACKET:
        return this.#readSimplePacket(view, at, end);
      case SECTION_HEADER:
        return this.#readSection(window);
      case INTERFACE_DESCRIPTION:
        return this.#readInterface(view);
      default:
        return this.#readStatistics(view);
    }
  }

  #readSection(window: ByteWindow): false {
    const { at, end, little } = this.#blocks;
    const major = window.view.getUint16(at + 12, little);
    const minor = window.view.getUint16(at + 14, little);
    // 1.2 was written by some programs for a while, and means 1.0.
    if (major !== 1 || (minor !== 0 && minor !== 2))
      return this.#blocks.stop(`pcapng version ${major}.${minor} is not known: vdiag reads 1.0`);
    this.#sections++;
    this.#sectionBase = this.interfaces.length;
    const options = readOptions(window.view, little, at + 24, end);
    if (options === undefined) return this.#blocks.leaveOut(BAD_OPTION);
    for (const option of options)
      if (option.code === COMMENT && this.comments.length < MOST_COMMENTS)
        this.comments.push(optionText(window.bytes, option, LONGEST_COMMENT));
    return false;
  }

  #readInterface(view: DataView): false {
    const { at, end, little } = this.#blocks;
    const index = this.interfaces.length;
    if (index >= MOST_INTERFACES) return this.#blocks.stop(`more than ${MOST_INTERFACES} interfaces`);
    const place = { index, section: this.#sections - 1, id: index - this.#sectionBase };
    const options = readOptions(view, little, at + 16, end);
    // Without its options the interface must still be there: packets name it by its number.
    this.interfaces.push(readInterface(view, little, at, options ?? [], place));
    return options === undefined && this.#blocks.leaveOut(BAD_OPTION);
  }

  #readStatistics(view: DataView): false {
    const { at, end, little } = this.#blocks;
    const about = this.#interface(view.getUint32(at + 8, little));
    if (about === undefined) return this.#blocks.leaveOut('statistics of an interface that the file does not describe');
    const options = readOptions(view, little, at + 20, end);
    if (options === undefined) return this.#blocks.leaveOut(BAD_OPTION);
    readStatistics(view, little, options, about);
    return false;
  }

  #interface(id: number): CaptureInterface | undefined {
    return this.interfaces[this.#sectionBase + id];
  }

  #readPacket(view: DataView, at: number, end: number, id: number): boolean {
    const { little } = this.#blocks;
    const captured = view.getUint32(at + 20, little);
    const original = view.getUint32(at + 24, little);
    if (!this.#takeData(id, at + 28, end, captured, original)) return false;
    this.timed = true;
    this.ticksHigh = view.getUint32(at + 12, little);
    this.ticksLow = view.getUint32(at + 16, little);
    this.#readPacketOptions(view, at + 28 + padded(captured), end);
    return true;
  }

  /** Always of the section's first interface; the captured length follows from its snap length. */
  #readSimplePacket(view: DataView, at: number, end: number): boolean {
    const original = view.getUint32(at + 8, this.#blocks.little);
    const captured = Math.min(original, this.#interface(0)?.snapLength || original);
    if (!this.#takeData(0, at + 12, end, captured, original)) return false;
    this.timed = false;
    this.ticksHigh = 0;
    this.ticksLow = 0;
    this.#readPacketOptions(view, end, end);
    return true;
  }

  #takeData(id: number, data: number, end: number, captured: number, original: number): boolean {
    this.number++;
    const source = this.#interface(id);
    if (source === undefined)
      return this.#blocks.leaveOut(`a packet of interface ${id}, which the file does not describe`);
    if (captured > end - data)
      return this.#blocks.leaveOut(`a packet claims ${captured} captured bytes in a block that has ${end - data}`);
    if (captured < source.addedHeader)
      return this.#blocks.leaveOut(`a packet of ${captured} captured bytes lacks the header that was added to it`);
    this.#source = source;
    source.packets++;
    this.start = data + source.addedHeader;
    this.end = data + captured;
    this.originalLength = Math.max(0, original - source.addedHeader);
    return true;
  }

  /** Flags, packet id and drop count, without an object for each option. */
  #readPacketOptions(view: DataView, at: number, end: number): void {
    const { little } = this.#blocks;
    const high = little ? 4 : 0;
    this.flags = 0;
    this.packetIdHigh = 0;
    this.packetIdLow = 0;
    this.dropCount = 0;
    this.#commented = false;
    this.#optionsAt = at;
    this.#optionsEnd = end;
    for (let next = at; next + 4 <= end; ) {
      const code = view.getUint16(next, little);
      if (code === 0) return;
      const length = view.getUint16(next + 2, little);
      const value = next + 4;
      if (value + length > end) {
        this.#blocks.leaveOut(BAD_OPTION);
        return;
      }
      if (code === packetOption.flags && length === 4) this.flags = view.getUint32(value, little);
      else if (code === packetOption.packetId && length === 8) {
        this.packetIdHigh = view.getUint32(value + high, little);
        this.packetIdLow = view.getUint32(value + 4 - high, little);
      } else if (code === packetOption.dropCount && length === 8)
        this.dropCount = view.getUint32(value + high, little) * 2 ** 32 + view.getUint32(value + 4 - high, little);
      else if (code === COMMENT) this.#commented = true;
      next = value + padded(length);
    }
  }
}
