/** One capture of several: its frames on the common clock, those in memory in order of time, and marks to go back to. */
import type { ByteWindow } from '../capfile/byte-window.ts';
import type { CaptureInterface } from '../capfile/capture-interface.ts';
import { type FileFrame, frameOf } from '../capfile/capture-reader.ts';
import { type CaptureMark, cursorTimeNs, type FrameCursor } from '../capfile/frame-cursor.ts';
import type { CaptureFile, CaptureRevisit } from '../capfile/open.ts';
import { RelativeTime } from '../capfile/relative-time.ts';
import { readTextClock } from '../capfile/text-comment.ts';
import type { CapturePlaces, PlacedCapture } from './capture-places.ts';
import { linkTypeOf } from './compare-clocks.ts';
import { numbersBefore } from './frame-number.ts';
import { type HeldFrame, HeldFrames } from './held-frames.ts';
import type { Span } from './revisit.ts';
import type { CaptureInput } from './source-place.ts';

/** Takes frames one by one: what `Survey.add` takes. `frame` is the number over all files (`splitFrame`). */
export interface FrameTaker {
  /** Numbers of places that are loopback devices are put here before their first frame comes. */
  readonly loopbacks: Set<number>;
  add(
    view: DataView,
    start: number,
    end: number,
    linkType: number,
    place: number,
    direction: number,
    ns: number,
    frame: number,
  ): void;
}

/** Which frames are read again. */
export interface Revisit {
  readonly span: Span;
  readonly keep: (cursor: FrameCursor, window: ByteWindow) => boolean;
  /** Frames altogether. */
  readonly most: number;
  /** Unix nanoseconds of a time of the captures. */
  readonly time: (ns: number) => bigint;
}

/** Frames between two marks. */
const MARK_EVERY = 4096;
/** Marks gone back at most, in a span whose frames are limited. */
const MARKS_BEFORE = 1;
/** Files are interleaved by a few milliseconds; frames of a span may stand outside of it by this much. */
const DISORDER_NS = 1e9;
/** Whole days: the time of the day stays as it was printed. */
const DAYS_APART_NS = 2 * 86_400e9;

const NO_VIEW: DataView = new DataView(new ArrayBuffer(0));

export class CaptureMember implements PlacedCapture {
  readonly file: CaptureFile;
  readonly input: CaptureInput;
  readonly places: number[] = [];
  /** Taken from its times, nanoseconds. */
  offsetNs = 0;
  /** Time of the frame it stands on. */
  ns = 0;
  ended = false;
  readonly #known: CapturePlaces;
  readonly #numbersBefore: number;
  readonly #marks: { readonly ns: number; readonly mark: CaptureMark }[] = [];
  #time = new RelativeTime(0n);
  /** Its first frames, as long as some are left; then the cursor stands on the next. */
  #held: HeldFrames | undefined;
  #heldView = NO_VIEW;
  #standing: HeldFrame | undefined;

  /**
   * @param index its position among those given, from 0
   * @param known the places of all of them
   */
  constructor(file: CaptureFile, input: CaptureInput, index: number, known: CapturePlaces) {
    this.file = file;
    this.input = input;
    this.#known = known;
    this.#numbersBefore = numbersBefore(index);
  }

  /** Its first frames are gone: what comes now comes from the file as it stands, and many may be taken at once. */
  get runs(): boolean {
    return this.#held === undefined;
  }

  /** From now on times are counted from this one, Unix nanoseconds. */
  countFrom(baseNs: bigint): void {
    this.#time = new RelativeTime(baseNs, (source) => shiftApart(this.file, source));
  }

  /**
   * Reads the first frames; when they are all, they are put in order of time.
   * @param begin told the time of the first, Unix nanoseconds, before it is kept
   */
  async hold(most: number, begin: (timeNs: bigint) => void): Promise<void> {
    const { cursor, window } = this.file;
    const held = new HeldFrames();
    this.#held = held;
    do
      while (cursor.next(window)) {
        if (held.size === 0) begin(cursorTimeNs(cursor));
        const ns = this.#nsOf(cursor);
        this.#mark(cursor, ns);
        held.add(cursor.source, cursor.flags, cursor.number, ns, window.bytes.subarray(cursor.start, cursor.end));
        if (held.size >= most) {
          this.#heldView = held.view;
          return;
        }
      }
    while (await this.file.fill());
    held.sort();
    this.#heldView = held.view;
  }

  /** To the next frame that is in memory; false where there is none. */
  next(): boolean {
    if (this.#held) {
      this.#standing = this.#held.next();
      if (this.#standing) {
        this.ns = this.#standing.ns;
        return true;
      }
      this.#held = undefined;
      this.#heldView = NO_VIEW;
    }
    const { cursor, window } = this.file;
    if (!cursor.next(window)) return false;
    this.ns = this.#nsOf(cursor);
    this.#mark(cursor, this.ns);
    return true;
  }

  /** To the next frame; false, and `ended`, where there is none. */
  async advance(): Promise<boolean> {
    for (;;) {
      if (this.next()) return true;
      if (!(await this.file.fill())) {
        this.ended = true;
        return false;
      }
    }
  }

  /**
   * Takes the frame it stands on, and up to `most` altogether where they are in memory.
   * @returns how many
   */
  takeRun(taker: FrameTaker, wanted: Span, most: number): number {
    const { fromNs, untilNs } = wanted;
    const first = this.#numbersBefore;
    const standing = this.#standing;
    if (standing) {
      const { source, flags, number, start, end, ns } = standing;
      if (ns < fromNs || ns > untilNs) return 1;
      const place = this.placeOf(source);
      taker.add(this.#heldView, start, end, linkTypeOf(source), place, flags & 3, ns, first + number);
      return 1;
    }
    const { cursor, window } = this.file;
    // All that the loop needs is at hand: it is run for every frame of a large capture.
    const { places, offsetNs } = this;
    const time = this.#time;
    const marks = this.#marks;
    let { source } = cursor;
    let { ns } = this;
    let taken = 1;
    for (;;) {
      if (ns >= fromNs && ns <= untilNs) {
        const place = places[source.index] ?? this.placeOf(source);
        const direction = cursor.flags & 3;
        const number = first + cursor.number;
        taker.add(window.view, cursor.start, cursor.end, linkTypeOf(source), place, direction, ns, number);
      }
      if (taken >= most || !cursor.next(window)) return taken;
      taken++;
      source = cursor.source;
      ns = time.ns(source, cursor.ticksHigh, cursor.ticksLow) - offsetNs;
      if (cursor.number % MARK_EVERY === 1) marks.push({ ns, mark: cursor.mark() });
    }
  }

  /** Number of the place that an interface is. */
  placeOf(source: CaptureInterface): number {
    return this.places[source.index] ?? this.#known.register(this, source);
  }

  /** Puts the frames of a span among `frames`, with bytes of their own. */
  async readAgain(again: CaptureRevisit, revisit: Revisit, frames: FileFrame[]): Promise<void> {
    const { span, keep, most, time } = revisit;
    const from = this.#markBefore(span);
    if (!from) return;
    await again.goTo(from);
    const last = from.number + (span.mostFrames ?? Number.POSITIVE_INFINITY);
    do
      while (again.cursor.next(again.window)) {
        const ns = this.#nsOf(again.cursor);
        if (ns > span.untilNs + DISORDER_NS || frames.length >= most || again.cursor.number > last) return;
        if (ns < span.fromNs || ns > span.untilNs || !keep(again.cursor, again.window)) continue;
        const place = this.#known.place(this.placeOf(again.cursor.source));
        frames.push(frameOf(again.cursor, again.window, place, time(ns)));
      }
    while (await again.fill());
  }

  #markBefore({ fromNs, atNs = Number.NEGATIVE_INFINITY }: Span): CaptureMark | undefined {
    const marks = this.#marks;
    const early = marks.findLastIndex(({ ns }) => ns <= fromNs - DISORDER_NS);
    const near = marks.findLastIndex(({ ns }) => ns <= atNs) - MARKS_BEFORE;
    return marks[Math.max(0, early, near)]?.mark;
  }

  #nsOf(cursor: FrameCursor): number {
    return this.#time.ns(cursor.source, cursor.ticksHigh, cursor.ticksLow) - this.offsetNs;
  }

  #mark(cursor: FrameCursor, ns: number): void {
    if (cursor.number % MARK_EVERY === 1 || this.#marks.length === 0) this.#marks.push({ ns, mark: cursor.mark() });
  }
}

/**
 * Pasted captures whose times begin at 0 each, or that have none, say nothing about each other: they are taken to be of different days,
 * so that no packet of one is believed to be one of the other.
 */
function shiftApart(file: CaptureFile, source: CaptureInterface): number {
  const clock = readTextClock(file.summary().comments[source.section] ?? '');
  return clock === 'relative' || clock === 'none' ? source.index * DAYS_APART_NS : 0;
}
