/** Stands on the packets of a pcapng file, in place: enhanced, simple and obsolete packet blocks. */
import type { ByteWindow } from './byte-window.ts';
import { type CaptureInterface, clockTicks, clockTimeNs, InterfaceTable } from './capture-interface.ts';
import { cookedFlags, cookedInterface } from './cooked.ts';
import type { CaptureMark, CaptureSummary, RevisitingCursor } from './frame-cursor.ts';
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
import { optionText, padded, readOptions } from './pcapng-option.ts';
import { BAD_OPTION, LONGEST_COMMENT, MOST_COMMENTS, PcapngSections } from './pcapng-sections.ts';

/** Obsolete packet block: it is not known how many were lost. */
const UNKNOWN_DROPS = 0xffff;

export class PcapngCursor implements RevisitingCursor {
  start = 0;
  end = 0;
  originalLength = 0;
  number = 0;
  ticksHigh = 0;
  ticksLow = 0;
  flags = 0;
  /** `epb_packetid`, two 32-bit halves; 0 where there is none. vdiag writes the journey there. */
  packetIdHigh = 0;
  packetIdLow = 0;
  /** Packets lost between this one and the one before it at the same interface (`epb_dropcount`). */
  dropCount = 0;

  /** Packets whose block is too large to be kept. */
  oversized = 0;

  readonly #blocks = new PcapngBlocks();
  readonly #table: InterfaceTable;
  /** 0 when another cursor has counted the packets before. */
  readonly #count: 0 | 1;
  readonly #sections: PcapngSections;
  readonly #skipped = new Map<number, number>();
  #untimed = 0;
  #source: CaptureInterface | undefined;
  #optionsAt = 0;
  #optionsEnd = 0;
  #commented = false;

  /** @param table of the cursor that read the file before */
  constructor(table?: InterfaceTable) {
    this.#table = table ?? new InterfaceTable();
    this.#sections = new PcapngSections(this.#blocks, this.#table);
    this.#count = table === undefined ? 1 : 0;
  }

  get offset(): number {
    return this.#blocks.offset;
  }

  get stopped(): boolean {
    return this.#blocks.stopped;
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

  finish(window: ByteWindow, cause?: string): void {
    this.#blocks.finish(window, cause);
  }

  mark(): CaptureMark {
    const { offset, number, source, ticksHigh, ticksLow } = this;
    return { offset, number, source, ticksHigh, ticksLow, section: this.#sections.point };
  }

  again(): PcapngCursor {
    return new PcapngCursor(this.#table);
  }

  goTo({ number, source, ticksHigh, ticksLow, section }: CaptureMark): void {
    this.number = number - 1;
    this.#source = source;
    this.ticksHigh = ticksHigh;
    this.ticksLow = ticksLow;
    this.#sections.point = section;
    this.#blocks.resume(section.little);
  }

  summary(): CaptureSummary {
    const { problems } = this.#blocks;
    return {
      interfaces: this.#table.all,
      comments: this.#sections.comments,
      frames: this.number,
      skippedLinkTypes: this.#skipped,
      oversized: this.oversized,
      untimed: this.#untimed,
      problems: problems.first,
      problemCount: problems.count,
    };
  }

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
        return this.#sections.readHeader(window);
      case INTERFACE_DESCRIPTION:
        return this.#sections.readInterface(view);
      default:
        return this.#sections.readStatistics(view);
    }
  }

  #readPacket(view: DataView, at: number, end: number, id: number): boolean {
    const { little } = this.#blocks;
    const captured = view.getUint32(at + 20, little);
    const original = view.getUint32(at + 24, little);
    if (!this.#takeData(id, at + 28, end, captured, original)) return false;
    this.ticksHigh = view.getUint32(at + 12, little);
    this.ticksLow = view.getUint32(at + 16, little);
    this.#readPacketOptions(view, at + 28 + padded(captured), end);
    return this.#readHeader(view);
  }

  /** Always of the section's first interface; the captured length follows from its snap length. */
  #readSimplePacket(view: DataView, at: number, end: number): boolean {
    const original = view.getUint32(at + 8, this.#blocks.little);
    const captured = Math.min(original, this.#sections.interface(0)?.snapLength || original);
    const before = this.#source;
    if (!this.#takeData(0, at + 12, end, captured, original)) return false;
    this.#untimed++;
    if (before !== undefined) this.#takeTime(before, this.source);
    this.#readPacketOptions(view, end, end);
    return this.#readHeader(view);
  }

  /** The time of the frame before, on this one's clock: a simple packet block has none of its own. */
  #takeTime(before: CaptureInterface, source: CaptureInterface): void {
    if (before.clock === source.clock) return;
    const ticks = clockTicks(source.clock, clockTimeNs(before.clock, this.ticksHigh, this.ticksLow));
    this.ticksHigh = Number(ticks >> 32n);
    this.ticksLow = Number(ticks & 0xffffffffn);
  }

  #takeData(id: number, data: number, end: number, captured: number, original: number): boolean {
    this.number++;
    const source = this.#sections.interface(id);
    if (source === undefined)
      return this.#blocks.leaveOut(`a packet of interface ${id}, which the file does not describe`);
    if (captured > end - data)
      return this.#blocks.leaveOut(`a packet claims ${captured} captured bytes in a block that has ${end - data}`);
    if (captured < source.addedHeader)
      return this.#blocks.leaveOut(`a packet of ${captured} captured bytes lacks the header that was added to it`);
    source.packets += this.#count;
    if (source.frameLinkType === undefined) {
      this.#skipped.set(source.linkType, (this.#skipped.get(source.linkType) ?? 0) + 1);
      return false;
    }
    this.#source = source;
    this.start = data + source.addedHeader;
    this.end = data + captured;
    this.originalLength = Math.max(0, original - source.addedHeader);
    return true;
  }

  /** What a cooked header says: direction, and one interface among all that were recorded as one. */
  #readHeader(view: DataView): true {
    const recorded = this.source;
    if (recorded.frameLinkType === 'ethernet') return true;
    const { start, end } = this;
    this.flags = cookedFlags(recorded, view, start, end, this.flags);
    const kernelIndex = cookedInterface(recorded, view, start, end);
    if (kernelIndex === 0) return true;
    const source = this.#table.named(recorded, kernelIndex);
    if (source !== recorded) source.packets += this.#count;
    this.#source = source;
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
