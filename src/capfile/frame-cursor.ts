/**
 * The inner loop of every capture format: a cursor that stands on one frame at a time, in place, and makes no object per frame.
 *
 *     while (cursor.next(window)) look at window.bytes from cursor.start to cursor.end
 */
import type { NetnsId } from '../topology/model.ts';
import type { Direction, PacketType, Place } from '../trace/frame.ts';
import type { ByteWindow } from './byte-window.ts';
import { type CaptureInterface, clockTimeNs } from './capture-interface.ts';
import { CHECKSUM_NOT_READY, INBOUND, OUTBOUND, RECEPTION_SHIFT } from './pcapng-format.ts';
import { nameToPlace } from './place-name.ts';
import type { CaptureProblem } from './problem.ts';

/** Everything here is of the frame it stands on, until the next `next`. */
export interface FrameCursor {
  /** Goes to the next frame. False: the window must be given more bytes first, or, when `stopped`, there is none. */
  next(window: ByteWindow): boolean;
  /**
   * Says that no more bytes come: what is left in the window is a record cut off.
   * @param cause why they end, where it is not the end of the file (a damaged gzip file): a problem in any case
   */
  finish(window: ByteWindow, cause?: string): void;
  readonly stopped: boolean;

  /** The frame is `window.bytes` from `start` to `end`. */
  readonly start: number;
  readonly end: number;
  readonly originalLength: number;
  /** Frame number in the file, from 1, as Wireshark counts. */
  readonly number: number;
  /** Of the frame's record, bytes from the start of the file. */
  readonly offset: number;
  readonly source: CaptureInterface;
  /** Time stamp in ticks of `source.clock`, two 32-bit halves; for a frame without one, that of the frame before. */
  readonly ticksHigh: number;
  readonly ticksLow: number;
  /** As `epb_flags`, also from a cooked header; 0 where the file says nothing. */
  readonly flags: number;
  /** `epb_packetid`, two 32-bit halves; 0 where there is none. vdiag writes the journey there. */
  readonly packetIdHigh: number;
  readonly packetIdLow: number;

  /** Comments on the frame. */
  frameComments(window: ByteWindow): readonly string[];
  /** The frame it stands on, to come back to. */
  mark(): CaptureMark;
  /** What is known of the file so far. */
  summary(): CaptureSummary;
  /** A second cursor over the same file: the same interfaces, whose packets it does not count again. */
  again(): RevisitingCursor;
}

export interface RevisitingCursor extends FrameCursor {
  /** The next `next`, on a window whose bytes start at the mark's offset, stands on the mark's frame. */
  goTo(mark: CaptureMark): void;
}

/** A frame to go back to. Cheap: a few numbers, and what it shares with its neighbours. */
export interface CaptureMark {
  /** Of the frame's record in the uncompressed file, bytes. */
  readonly offset: number;
  /** The frame's number in the file, from 1. */
  readonly number: number;
  readonly source: CaptureInterface;
  readonly ticksHigh: number;
  readonly ticksLow: number;
  readonly section: SectionPoint;
}

/** What every record of a section depends on. */
export interface SectionPoint {
  readonly little: boolean;
  /** Sections before this one. */
  readonly index: number;
  /** Interfaces described before this section, and described so far, its own among them. */
  readonly firstInterface: number;
  readonly interfaces: number;
}

/** What can be said of a whole file, or of the part of it that could be read. */
export interface CaptureSummary {
  readonly interfaces: readonly CaptureInterface[];
  /** Comments of the section headers. */
  readonly comments: readonly string[];
  /** Packet records read, those skipped among them. */
  readonly frames: number;
  /** Packets that no cursor stood on, by LINKTYPE_ number. */
  readonly skippedLinkTypes: ReadonlyMap<number, number>;
  /** Packets whose record is larger than vdiag keeps in memory. */
  readonly oversized: number;
  /** Packets without time stamp (simple packet blocks): they were given the time of the packet before. */
  readonly untimed: number;
  /** The first ones, in order; where the reading ended early, the last of them is fatal. */
  readonly problems: readonly CaptureProblem[];
  readonly problemCount: number;
}

/** Where the frames of an interface were sighted. */
export interface PlaceOptions {
  /** Namespace of interfaces whose name says none. Default: the empty name. */
  readonly home?: NetnsId;
  /** Namespaces known to be in the file, to tell an @ in a name from the one before the namespace. */
  readonly namespaces?: readonly NetnsId[];
  /** Overrides all of this. */
  readonly place?: (source: CaptureInterface) => Place;
}

/** The place of an interface: by its name, or by the kernel's number, or by its own where it has neither. */
export function placeOfInterface(source: CaptureInterface, options: PlaceOptions): Place {
  if (options.place) return options.place(source);
  const home = options.home ?? '';
  if (source.name === '') return { netns: home, name: `interface ${source.kernelIndex ?? source.index}` };
  return nameToPlace(source.name, home, options.namespaces);
}

const receptionTypes: readonly PacketType[] = ['unknown', 'host', 'multicast', 'broadcast', 'other-host'];

export function flagsDirection(flags: number): Direction {
  const bits = flags & 3;
  return bits === INBOUND ? 'in' : bits === OUTBOUND ? 'out' : 'unknown';
}

export function flagsPacketType(flags: number): PacketType {
  if ((flags & 3) === OUTBOUND) return 'outgoing';
  return receptionTypes[(flags >> RECEPTION_SHIFT) & 7] ?? 'unknown';
}

/** The sender left the transport checksum to the device. */
export function flagsChecksumNotReady(flags: number): boolean {
  return (flags & CHECKSUM_NOT_READY) !== 0;
}

/** Unix nanoseconds of the frame. */
export function cursorTimeNs(cursor: FrameCursor): bigint {
  return clockTimeNs(cursor.source.clock, cursor.ticksHigh, cursor.ticksLow);
}
