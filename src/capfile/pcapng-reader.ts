/** Frames of a pcapng file, one object each, for callers that keep them. `PcapngCursor` is the fast way. */
import type { Frame, Place } from '../trace/frame.ts';
import { ByteWindow } from './byte-window.ts';
import {
  type CaptureSummary,
  cursorTimeNs,
  flagsChecksumNotReady,
  flagsDirection,
  flagsPacketType,
  frameLinkType,
  type PlaceOptions,
  placeOfInterface,
} from './frame-cursor.ts';
import { PcapngCursor } from './pcapng-cursor.ts';
import type { CaptureInterface } from './pcapng-interface.ts';

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
 * The frames of a pcapng file, as they arrive; `summary` may be asked at any time and is complete when they have ended.
 * Damage in the file is no exception: the frames end there, and the summary says where and why.
 */
export interface PcapngReading extends AsyncIterable<FileFrame> {
  summary(): CaptureSummary;
}

/**
 * Reads a pcapng file from a stream, in constant memory.
 * @example for await (const frame of readPcapngStream(createReadStream('c.pcapng'))) …
 */
export function readPcapngStream(chunks: AsyncIterable<Uint8Array>, options: PlaceOptions = {}): PcapngReading {
  const frames = new FrameMaker(options);
  return {
    summary: () => frames.summary(),
    async *[Symbol.asyncIterator]() {
      const window = new ByteWindow();
      for await (const chunk of chunks) {
        window.append(chunk);
        yield* frames.take(window);
        if (frames.stopped) return;
      }
      frames.finish(window);
    },
  };
}

/** Reads a pcapng file that is in memory. */
export function readPcapng(
  bytes: Uint8Array,
  options: PlaceOptions = {},
): { readonly frames: FileFrame[]; readonly summary: CaptureSummary } {
  const maker = new FrameMaker(options);
  const window = ByteWindow.over(bytes);
  const frames = [...maker.take(window)];
  maker.finish(window);
  return { frames, summary: maker.summary() };
}

class FrameMaker {
  readonly #cursor = new PcapngCursor();
  readonly #options: PlaceOptions;
  readonly #places = new Map<CaptureInterface, Place>();
  readonly #skipped = new Map<number, number>();
  #untimed = 0;
  #lastNs = 0n;

  constructor(options: PlaceOptions) {
    this.#options = options;
  }

  get stopped(): boolean {
    return this.#cursor.stopped;
  }

  *take(window: ByteWindow): Generator<FileFrame> {
    const cursor = this.#cursor;
    while (cursor.next(window)) {
      const { source, packetIdHigh, packetIdLow, flags } = cursor;
      const linkType = frameLinkType(source.linkType, source.addedHeader);
      if (linkType === undefined) {
        this.#skipped.set(source.linkType, (this.#skipped.get(source.linkType) ?? 0) + 1);
        continue;
      }
      if (cursor.timed) this.#lastNs = cursorTimeNs(cursor);
      else this.#untimed++;
      // One literal: objects of one shape, several times faster than spreading a frame into another.
      yield {
        place: this.#placeOf(source),
        timeNs: this.#lastNs,
        order: cursor.number - 1,
        direction: flagsDirection(flags),
        packetType: flagsPacketType(flags),
        originalLength: cursor.originalLength,
        checksumNotReady: flagsChecksumNotReady(flags),
        linkType,
        // Not `slice`: a Buffer's shares its memory.
        bytes: new Uint8Array(window.bytes.subarray(cursor.start, cursor.end)),
        number: cursor.number,
        offset: cursor.offset,
        interfaceIndex: source.index,
        packetId:
          packetIdHigh === 0 && packetIdLow === 0 ? undefined : (BigInt(packetIdHigh) << 32n) | BigInt(packetIdLow),
        comments: cursor.frameComments(window),
      };
    }
  }

  finish(window: ByteWindow): void {
    this.#cursor.finish(window);
  }

  summary(): CaptureSummary {
    const { interfaces, comments, number, oversized, problems } = this.#cursor;
    return {
      interfaces,
      comments,
      frames: number,
      skippedLinkTypes: this.#skipped,
      oversized,
      untimed: this.#untimed,
      problems: problems.first,
      problemCount: problems.count,
    };
  }

  #placeOf(source: CaptureInterface): Place {
    const known = this.#places.get(source);
    if (known) return known;
    const place = placeOfInterface(source, this.#options);
    this.#places.set(source, place);
    return place;
  }
}
