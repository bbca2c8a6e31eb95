/** A capture that is being read: a cursor, the window it stands in, and the supply that fills the window. */
import { ByteWindow } from './byte-window.ts';
import type { CaptureMark, CaptureSummary, FrameCursor, RevisitingCursor } from './frame-cursor.ts';
import { FileSupply, type Supply } from './supply.ts';

export type CaptureFormat = 'pcap' | 'pcapng' | 'tcpdump-text';

export interface CaptureFile {
  /** The path it was opened by, or "standard input". */
  readonly name: string;
  readonly format: CaptureFormat;
  /** It was gzip. */
  readonly compressed: boolean;
  /** Stands only on frames that `decodeFrame` can read; others are counted in the summary. */
  readonly cursor: FrameCursor;
  readonly window: ByteWindow;
  /** Reads more bytes into the window. False: there are no more; the cursor knows. Never called while another call is under way. */
  fill(): boolean | Promise<boolean>;
  /** What is known so far; complete when `fill` has said false. */
  summary(): CaptureSummary;
  /** Of the file as stored; undefined for a stream. */
  readonly sizeBytes: number | undefined;
  /** Bytes consumed of the file as stored: of `sizeBytes`, for progress. */
  readonly position: number;
  /** A second, independent reading of the same capture; undefined for a stream that was not spooled. Close it too. */
  revisit(): Promise<CaptureRevisit | undefined>;
  /** Releases what it holds. May be called at any time, and again. */
  close(): void;
}

/** A second reading: `source` of its frames are the very objects of the first, `packets` are not counted again. */
export interface CaptureRevisit extends CaptureFile {
  /** The next `cursor.next` (after a `fill`, where it says so) stands on this mark's frame. Back, in a gzip file or a text, starts over. */
  goTo(mark: CaptureMark): void | Promise<void>;
}

/** What all readings of one capture have in common. */
export interface CaptureParts {
  readonly name: string;
  readonly format: CaptureFormat;
  readonly compressed: boolean;
  readonly sizeBytes: number | undefined;
  /** The bytes of the uncompressed capture once more, from its start; undefined where they are gone. */
  readonly again: () => Promise<Supply | undefined>;
  readonly release: () => void;
}

export class OpenCapture implements CaptureRevisit {
  readonly window = new ByteWindow();
  readonly cursor: RevisitingCursor;
  readonly #parts: CaptureParts;
  #supply: Supply;

  constructor(parts: CaptureParts, cursor: RevisitingCursor, supply: Supply) {
    this.#parts = parts;
    this.cursor = cursor;
    this.#supply = supply;
  }

  get name(): string {
    return this.#parts.name;
  }

  get format(): CaptureFormat {
    return this.#parts.format;
  }

  get compressed(): boolean {
    return this.#parts.compressed;
  }

  get sizeBytes(): number | undefined {
    return this.#parts.sizeBytes;
  }

  get position(): number {
    return this.#supply.position;
  }

  fill(): boolean | Promise<boolean> {
    if (this.cursor.stopped) return false;
    const more = this.#supply.fill(this.window);
    return typeof more === 'boolean' ? more || this.#end() : more.then((there) => there || this.#end());
  }

  summary(): CaptureSummary {
    return this.cursor.summary();
  }

  async revisit(): Promise<CaptureRevisit | undefined> {
    const supply = await this.#parts.again();
    if (supply === undefined) return undefined;
    return new OpenCapture({ ...this.#parts, release: () => {} }, this.cursor.again(), supply);
  }

  goTo(mark: CaptureMark): void | Promise<void> {
    this.cursor.goTo(mark);
    const { window } = this;
    if (mark.offset >= window.offset && mark.offset <= window.offset + window.unread) {
      window.start += mark.offset - window.offset;
      return;
    }
    if (!(this.#supply instanceof FileSupply)) return this.#passTo(mark.offset);
    this.#supply.seek(mark.offset);
    window.restart(mark.offset);
  }

  close(): void {
    this.#supply.close();
    this.#parts.release();
  }

  #end(): false {
    this.cursor.finish(this.window, this.#supply.failure);
    return false;
  }

  /** A stream can be read on, or begun again: never read from the middle. */
  async #passTo(offset: number): Promise<void> {
    const { window } = this;
    if (offset < window.offset) {
      this.#supply.close();
      const supply = await this.#parts.again();
      if (supply === undefined) return;
      this.#supply = supply;
      window.restart(0);
    }
    do window.start += Math.min(offset - window.offset, window.unread);
    while (window.offset < offset && (await this.#supply.fill(window)));
  }
}
