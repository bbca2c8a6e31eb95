/** Frames of a capture, one object each, for callers that keep them. A `FrameCursor` is the fast way. */
import type { Frame, Place } from '../trace/frame.ts';
import { ByteWindow } from './byte-window.ts';
import type { CaptureFile } from './capture-file.ts';
import type { CaptureInterface } from './capture-interface.ts';
import {
  type CaptureSummary,
  cursorTimeNs,
  type FrameCursor,
  flagsChecksumNotReady,
  flagsDirection,
  flagsPacketType,
  type PlaceOptions,
  placeOfInterface,
} from './frame-cursor.ts';
import { contentsOf } from './identify.ts';
import { PcapCursor } from './pcap-cursor.ts';
import { PcapngCursor } from './pcapng-cursor.ts';

/** A frame as it stands in a file. */
export interface FileFrame extends Frame {
  /** From 1, as Wireshark counts; frames that were skipped have numbers too. */
  readonly number: number;
  /** Of its record, bytes from the start of the file. */
  readonly offset: number;
  /** Position of its interface in the summary's list. */
  readonly interfaceIndex: number;
  /** `epb_packetid`: in a file that vdiag wrote, the journey. */
  readonly packetId: bigint | undefined;
  readonly comments: readonly string[];
}

/**
 * The frames of an open capture, as they arrive, in constant memory; its `summary` is complete when they have ended.
 * Damage in the file is no exception: the frames end there, and the summary says where and why.
 * @example for await (const frame of readCapture(await openCaptureFile('c.pcapng'))) …
 */
export async function* readCapture(file: CaptureFile, options: PlaceOptions = {}): AsyncGenerator<FileFrame> {
  const frames = new FrameMaker(options);
  do yield* frames.take(file.cursor, file.window);
  while (await file.fill());
}

/** Reads a pcap or pcapng file that is in memory. */
export function readCaptureBytes(
  bytes: Uint8Array,
  options: PlaceOptions = {},
): { readonly frames: FileFrame[]; readonly summary: CaptureSummary } {
  const cursor = contentsOf(bytes) === 'pcap' ? new PcapCursor() : new PcapngCursor();
  const window = ByteWindow.over(bytes);
  const frames = [...new FrameMaker(options).take(cursor, window)];
  cursor.finish(window);
  return { frames, summary: cursor.summary() };
}

/** The frame the cursor stands on, with bytes of its own. */
export function frameOf(cursor: FrameCursor, window: ByteWindow, place: Place, timeNs: bigint): FileFrame {
  const { source, packetIdHigh, packetIdLow, flags } = cursor;
  // One literal: objects of one shape, several times faster than spreading a frame into another.
  return {
    place,
    timeNs,
    order: cursor.number - 1,
    direction: flagsDirection(flags),
    packetType: flagsPacketType(flags),
    originalLength: cursor.originalLength,
    checksumNotReady: flagsChecksumNotReady(flags),
    linkType: source.frameLinkType ?? 'ethernet',
    // Not `slice`: a Buffer's shares its memory.
    bytes: new Uint8Array(window.bytes.subarray(cursor.start, cursor.end)),
    number: cursor.number,
    offset: cursor.offset,
    interfaceIndex: source.index,
    packetId: packetIdHigh === 0 && packetIdLow === 0 ? undefined : (BigInt(packetIdHigh) << 32n) | BigInt(packetIdLow),
    comments: cursor.frameComments(window),
  };
}

class FrameMaker {
  readonly #options: PlaceOptions;
  readonly #places = new Map<CaptureInterface, Place>();

  constructor(options: PlaceOptions) {
    this.#options = options;
  }

  *take(cursor: FrameCursor, window: ByteWindow): Generator<FileFrame> {
    while (cursor.next(window)) yield frameOf(cursor, window, this.#placeOf(cursor.source), cursorTimeNs(cursor));
  }

  #placeOf(source: CaptureInterface): Place {
    const known = this.#places.get(source);
    if (known) return known;
    const place = placeOfInterface(source, this.#options);
    this.#places.set(source, place);
    return place;
  }
}
