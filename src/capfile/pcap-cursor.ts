/** Stands on the packets of a pcap file, in place: microseconds and nanoseconds, both byte orders, plain and modified records. */
import type { ByteWindow } from './byte-window.ts';
import { type CaptureInterface, InterfaceTable } from './capture-interface.ts';
import { cookedFlags, cookedInterface, packetTypeFlags } from './cooked.ts';
import type { CaptureMark, CaptureSummary, RevisitingCursor, SectionPoint } from './frame-cursor.ts';
import {
  LONGEST_MESSAGE,
  LONGEST_PACKET,
  MODIFIED_RECORD,
  PCAP_HEADER,
  PCAP_RECORD,
  type PcapHeader,
  pcapInterface,
  readPcapHeader,
} from './pcap-header.ts';
import { ProblemList } from './problem.ts';

const TWO_32 = 2 ** 32;
const NO_COMMENTS: readonly string[] = Object.freeze([]);

export class PcapCursor implements RevisitingCursor {
  start = 0;
  end = 0;
  originalLength = 0;
  number = 0;
  offset = 0;
  ticksHigh = 0;
  ticksLow = 0;
  flags = 0;
  readonly packetIdHigh = 0;
  readonly packetIdLow = 0;
  stopped = false;

  readonly #table: InterfaceTable;
  readonly #problems = new ProblemList();
  /** 0 when another cursor has counted the packets before. */
  readonly #count: 0 | 1;
  #header: PcapHeader | undefined;
  #section: SectionPoint = { little: true, index: 0, firstInterface: 0, interfaces: 0 };
  #little = true;
  #recordLength = PCAP_RECORD;
  #ticksPerSecond = 1e6;
  /** Up to version 2.3 some programs wrote the two lengths of a record in the other order. */
  #swappedLengths = false;
  /** The file's one interface, and the one the frame is of: not the same with a cooked header. */
  #recorded: CaptureInterface | undefined;
  #source: CaptureInterface | undefined;
  #skipped = 0;
  /** Bytes of a record still to be passed over. */
  #passOver = 0;

  /** @param before the cursor that has read the file, for one that goes over it again */
  constructor(before?: { readonly header: PcapHeader; readonly table: InterfaceTable }) {
    this.#table = before?.table ?? new InterfaceTable();
    this.#count = before === undefined ? 1 : 0;
    if (before !== undefined) this.#take(before.header, before.table.described[0] ?? pcapInterface(before.header));
  }

  get source(): CaptureInterface {
    if (this.#source === undefined) throw new Error('the cursor stands on no frame');
    return this.#source;
  }

  next(window: ByteWindow): boolean {
    while (!this.stopped) {
      if (this.#recorded === undefined) {
        if (!this.#readHeader(window)) return false;
        continue;
      }
      if (this.#passOver > 0 && !this.#goPast(window)) return false;
      const recordLength = this.#recordLength;
      if (window.unread < recordLength) return false;
      const { view, start } = window;
      const captured = this.#captured(view, start);
      const recorded = this.#recorded;
      if (recorded.frameLinkType === undefined) {
        if (captured > LONGEST_MESSAGE) return this.#refuse(window, captured, LONGEST_MESSAGE);
        this.offset = window.offset;
        this.#passOver = recordLength + captured;
        this.#skipped++;
        this.number++;
        recorded.packets += this.#count;
        continue;
      }
      if (captured > LONGEST_PACKET) return this.#refuse(window, captured, LONGEST_PACKET);
      const length = recordLength + captured;
      if (window.unread < length) return false;
      this.offset = window.offset;
      this.#stand(view, start, captured, recorded);
      window.start = start + length;
      return true;
    }
    return false;
  }

  finish(window: ByteWindow, cause?: string): void {
    if (this.stopped) return;
    const { unread } = window;
    if (this.#passOver > 0) this.#stop(cause ?? cut(this.#passOver - unread));
    else {
      this.offset = window.offset;
      if (cause !== undefined) this.#stop(cause);
      else if (this.#recorded === undefined)
        this.#stop(unread === 0 ? 'the file is empty' : `the file header has ${unread} of ${PCAP_HEADER} bytes`);
      else if (unread > 0 && unread < this.#recordLength) this.#stop(cut(this.#recordLength - unread));
      else if (unread > 0) this.#stop(cut(this.#recordLength + this.#captured(window.view, window.start) - unread));
      else this.stopped = true;
    }
  }

  /** A pcap file has none. */
  frameComments(): readonly string[] {
    return NO_COMMENTS;
  }

  mark(): CaptureMark {
    const { offset, number, source, ticksHigh, ticksLow } = this;
    return { offset, number, source, ticksHigh, ticksLow, section: this.#section };
  }

  again(): PcapCursor {
    if (this.#header === undefined) throw new Error('the file header has not been read');
    return new PcapCursor({ header: this.#header, table: this.#table });
  }

  goTo({ number }: CaptureMark): void {
    this.number = number - 1;
    this.#passOver = 0;
    this.stopped = false;
  }

  summary(): CaptureSummary {
    return {
      interfaces: this.#table.all,
      comments: NO_COMMENTS,
      frames: this.number,
      skippedLinkTypes: new Map(this.#skipped === 0 ? [] : [[this.#recorded?.linkType ?? 0, this.#skipped]]),
      oversized: 0,
      untimed: 0,
      problems: this.#problems.first,
      problemCount: this.#problems.count,
    };
  }

  #readHeader(window: ByteWindow): boolean {
    if (window.unread < PCAP_HEADER) return false;
    this.offset = window.offset;
    const header = readPcapHeader(window.view, window.start);
    if (header === undefined) return this.#stop('no pcap file: its magic number is not known');
    const { major, minor } = header;
    if (major !== 2) return this.#stop(`pcap version ${major}.${minor} is not known: vdiag reads version 2`);
    const source = pcapInterface(header);
    this.#table.describe(source);
    this.#take(header, source);
    window.start += PCAP_HEADER;
    return true;
  }

  #take(header: PcapHeader, source: CaptureInterface): void {
    this.#header = header;
    this.#little = header.little;
    this.#recordLength = header.recordLength;
    this.#swappedLengths = header.minor <= 3;
    this.#ticksPerSecond = 10 ** header.clock.exponent;
    this.#recorded = source;
    this.#source = source;
    this.#section = { little: header.little, index: 0, firstInterface: 0, interfaces: 1 };
  }

  #captured(view: DataView, start: number): number {
    const captured = view.getUint32(start + 8, this.#little);
    return this.#swappedLengths ? Math.min(captured, view.getUint32(start + 12, this.#little)) : captured;
  }

  #stand(view: DataView, start: number, captured: number, recorded: CaptureInterface): void {
    const little = this.#little;
    const recordLength = this.#recordLength;
    this.number++;
    this.start = start + recordLength;
    this.end = this.start + captured;
    this.originalLength = view.getUint32(start + 12, little);
    if (this.#swappedLengths) this.originalLength = Math.max(this.originalLength, view.getUint32(start + 8, little));
    this.#readTime(view.getUint32(start, little), view.getUint32(start + 4, little));
    this.flags = 0;
    recorded.packets += this.#count;
    this.#source = recorded;
    let kernelIndex = 0;
    if (recordLength === MODIFIED_RECORD) {
      kernelIndex = view.getUint32(start + 16, little);
      this.flags = packetTypeFlags(view.getUint8(start + 22));
    }
    if (recorded.frameLinkType !== 'ethernet') {
      this.flags = cookedFlags(recorded, view, this.start, this.end, this.flags);
      kernelIndex = cookedInterface(recorded, view, this.start, this.end) || kernelIndex;
    }
    if (kernelIndex > 0) this.#takeInterface(recorded, kernelIndex);
  }

  #takeInterface(recorded: CaptureInterface, kernelIndex: number): void {
    const source = this.#table.named(recorded, kernelIndex);
    if (source !== recorded) source.packets += this.#count;
    this.#source = source;
  }

  /** `seconds * ticksPerSecond + fraction` in 64 bits: 4 · 10^18 nanoseconds are more than a double holds. */
  #readTime(seconds: number, fraction: number): void {
    const perSecond = this.#ticksPerSecond;
    const upper = (seconds >>> 16) * perSecond;
    const low = (seconds & 0xffff) * perSecond + (upper % 65536) * 65536 + fraction;
    this.ticksLow = low >>> 0;
    this.ticksHigh = Math.floor(upper / 65536) + Math.floor(low / TWO_32);
  }

  #goPast(window: ByteWindow): boolean {
    const passed = Math.min(this.#passOver, window.unread);
    window.start += passed;
    this.#passOver -= passed;
    return this.#passOver === 0;
  }

  #refuse(window: ByteWindow, captured: number, longest: number): false {
    this.offset = window.offset;
    return this.#stop(`a record claims ${captured} captured bytes: no packet has more than ${longest}`);
  }

  #stop(message: string): false {
    this.#problems.add({ offset: this.offset, message, fatal: true });
    this.stopped = true;
    return false;
  }
}

function cut(missing: number): string {
  return `the file ends inside a record: ${missing} of its bytes are missing`;
}
