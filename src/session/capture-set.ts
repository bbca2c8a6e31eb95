/** Several captures as one: their interfaces are places, their clocks are brought together, their frames come in order of time. */
import type { ByteWindow } from '../capfile/byte-window.ts';
import type { CaptureInterface } from '../capfile/capture-interface.ts';
import { type FileFrame, frameOf } from '../capfile/capture-reader.ts';
import { type CaptureMark, cursorTimeNs, type FrameCursor } from '../capfile/frame-cursor.ts';
import { type CaptureFile, openCaptureFile } from '../capfile/open.ts';
import { RelativeTime } from '../capfile/relative-time.ts';
import { readTextClock } from '../capfile/text-comment.ts';
import { VdiagError } from '../linux/error.ts';
import type { ClockDifference } from '../survey/clocks.ts';
import type { NetnsId, Topology } from '../topology/model.ts';
import { type Place, placeKey } from '../trace/frame.ts';
import { compareClocks, linkTypeOf } from './compare-clocks.ts';
import { type HeldFrame, HeldFrames } from './held-frames.ts';
import { type Moment, momentNs } from './moment.ts';
import { labelOf, placeOfSource } from './source-place.ts';

export interface CaptureInput {
  /** A file, or `-` for standard input. */
  readonly path: string;
  /** What its interface is called: `NAME=capture`. */
  readonly name?: string;
}

export interface CaptureSetOptions {
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** Knows the namespaces and interface numbers of the machine it was recorded on. */
  readonly topology?: Topology;
  readonly namespaces?: readonly NetnsId[];
  /** Only frames between these. */
  readonly since?: Moment;
  readonly until?: Moment;
}

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

/** Frames of a span of time; at most `mostFrames` from a little before `atNs` on, where that is given. */
export interface Span {
  readonly fromNs: number;
  readonly untilNs: number;
  readonly atNs?: number;
  readonly mostFrames?: number;
}

interface Member {
  readonly file: CaptureFile;
  readonly index: number;
  readonly input: CaptureInput;
  time: RelativeTime;
  /** Taken from its times, nanoseconds. */
  offsetNs: number;
  /** By interface: number of its place. */
  readonly places: number[];
  readonly marks: { readonly ns: number; readonly mark: CaptureMark }[];
  /** Its first frames, as long as some are left; then the cursor stands on the next. */
  held: HeldFrames | undefined;
  heldView: DataView;
  standing: HeldFrame | undefined;
  /** Time of the frame it stands on. */
  ns: number;
  ended: boolean;
}

/** Captures up to this many frames, together, are put in order of time; larger ones are taken to be nearly so. */
const MOST_HELD = 50_000;
/** Frames between two marks. */
const MARK_EVERY = 4096;
/** Marks gone back at most, in a span whose frames are limited. */
const MARKS_BEFORE = 1;
/** Frames between two looks at the clock and at whether to stop. */
const BREATHE_EVERY = 1 << 18;
/** Files are interleaved by a few milliseconds; frames of a span may stand outside of it by this much. */
const DISORDER_NS = 1e9;
/** Whole days: the time of the day stays as it was printed. */
const DAYS_APART_NS = 2 * 86_400e9;
const FRAMES_PER_FILE = 2 ** 40;

const NO_VIEW = new DataView(new ArrayBuffer(0));

/** The file and the number in it of a frame's number over all files. */
export function splitFrame(frame: number): { file: number; frame: number } {
  return { file: Math.floor(frame / FRAMES_PER_FILE), frame: frame % FRAMES_PER_FILE };
}

export class CaptureSet {
  readonly places: Place[] = [];
  readonly #members: Member[];
  readonly #options: CaptureSetOptions;
  readonly #numbers = new Map<string, { place: number; member: number }>();
  #loopbacks = new Set<number>();
  #baseNs: bigint | undefined;
  #wanted: Span = { fromNs: Number.NEGATIVE_INFINITY, untilNs: Number.POSITIVE_INFINITY };
  #clocks: (ClockDifference | undefined)[] = [];

  private constructor(members: Member[], options: CaptureSetOptions) {
    this.#members = members;
    this.#options = options;
  }

  /** @throws VdiagError unreadable */
  static async open(inputs: readonly CaptureInput[], options: CaptureSetOptions = {}): Promise<CaptureSet> {
    if (inputs.filter(({ path }) => path === '-').length > 1)
      throw new VdiagError('usage', 'standard input can be read once', 'give the other captures as files');
    const members: Member[] = [];
    try {
      for (const [index, input] of inputs.entries()) {
        const file = await openCaptureFile(input.path, {
          spool: true,
          ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
        });
        const time = new RelativeTime(0n);
        members.push({
          file,
          index,
          input,
          time,
          offsetNs: 0,
          places: [],
          marks: [],
          held: undefined,
          heldView: NO_VIEW,
          standing: undefined,
          ns: 0,
          ended: false,
        });
      }
      const set = new CaptureSet(members, options);
      const clocks = await compareClocks(members.map(({ file, input }) => ({ path: input.path, file })));
      for (const [index, clock] of clocks.entries()) {
        const member = members[index];
        if (member && clock) member.offsetNs = clock.offsetNs;
      }
      set.#clocks = clocks;
      return set;
    } catch (error) {
      for (const { file } of members) file.close();
      throw error;
    }
  }

  get files(): readonly CaptureFile[] {
    return this.#members.map(({ file }) => file);
  }

  /** By file: how its clock differs from the first one's; undefined where too little was seen by both. */
  get clocks(): readonly (ClockDifference | undefined)[] {
    return this.#clocks;
  }

  /** By file: numbers of the places recorded into it. */
  get together(): readonly (readonly number[])[] {
    return this.#members.map(({ places }) => [
      ...new Set(places.flatMap((place) => (place === undefined ? [] : [place]))),
    ]);
  }

  /** Unix nanoseconds of a relative time. */
  time(ns: number): bigint {
    return (this.#baseNs ?? 0n) + BigInt(Math.round(ns));
  }

  /** Nanoseconds of the survey's time. */
  relative(timeNs: bigint): number {
    return Number(timeNs - (this.#baseNs ?? 0n));
  }

  place(index: number): Place {
    return this.places[index] ?? { netns: '', name: '?' };
  }

  close(): void {
    for (const { file } of this.#members) file.close();
  }

  /**
   * All frames, in order of time over the files.
   * @param breathe called now and then; the reading ends early when it says false
   */
  async each(taker: FrameTaker, breathe: () => Promise<boolean>): Promise<void> {
    this.#loopbacks = taker.loopbacks;
    const standing: Member[] = [];
    for (const member of this.#members) await this.#hold(member);
    for (const member of this.#members) if (await this.#advance(member)) standing.push(member);
    this.#limit(Math.min(...standing.map(({ ns }) => ns)));
    let frames = 0;
    while (standing.length > 0) {
      let member = standing[0];
      for (const other of standing) if (member === undefined || other.ns < member.ns) member = other;
      if (member === undefined) return;
      // A file alone needs no comparing.
      const run = standing.length === 1 && !member.held ? BREATHE_EVERY : 1;
      frames += this.#takeRun(member, taker, run);
      if (frames >= BREATHE_EVERY) {
        frames = 0;
        if (!(await breathe())) return;
      }
      if (!member.ended && !this.#next(member) && !(await this.#advance(member)))
        standing.splice(standing.indexOf(member), 1);
    }
    this.#registerSilent();
  }

  /** The frames of some spans of time, once more, with bytes of their own; undefined for a stream that is gone. */
  async revisit(
    spans: readonly Span[],
    keep: (cursor: FrameCursor, window: ByteWindow) => boolean,
    most: number,
  ): Promise<FileFrame[] | undefined> {
    const frames: FileFrame[] = [];
    for (const member of this.#members) {
      const again = await member.file.revisit();
      if (again === undefined) return undefined;
      try {
        for (const span of spans) await this.#span(member, again, span, keep, frames, most);
      } finally {
        again.close();
      }
    }
    return frames.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
  }

  async #span(
    member: Member,
    again: Awaited<ReturnType<CaptureFile['revisit']>> & object,
    span: Span,
    keep: (cursor: FrameCursor, window: ByteWindow) => boolean,
    frames: FileFrame[],
    most: number,
  ): Promise<void> {
    const { marks } = member;
    const early = Math.max(
      0,
      marks.findLastIndex(({ ns }) => ns <= span.fromNs - DISORDER_NS),
    );
    const { atNs = Number.NEGATIVE_INFINITY, mostFrames = Number.POSITIVE_INFINITY } = span;
    const near = marks.findLastIndex(({ ns }) => ns <= atNs) - MARKS_BEFORE;
    const from = marks[Math.max(early, near)];
    if (!from) return;
    await again.goTo(from.mark);
    const last = from.mark.number + mostFrames;
    for (;;) {
      while (again.cursor.next(again.window)) {
        const ns = this.#nsOf(member, again.cursor);
        if (ns > span.untilNs + DISORDER_NS || frames.length >= most || again.cursor.number > last) return;
        if (ns < span.fromNs || ns > span.untilNs || !keep(again.cursor, again.window)) continue;
        const place = this.place(this.#placeOf(member, again.cursor.source));
        frames.push(frameOf(again.cursor, again.window, place, this.time(ns)));
      }
      if (!(await again.fill())) return;
    }
  }

  /** Reads the first frames; when they are all, they are put in order of time. */
  async #hold(member: Member): Promise<void> {
    const { cursor, window } = member.file;
    const held = new HeldFrames();
    member.held = held;
    const most = Math.ceil(MOST_HELD / this.#members.length);
    do
      while (cursor.next(window)) {
        if (this.#baseNs === undefined) this.#begin(cursorTimeNs(cursor));
        const ns = this.#nsOf(member, cursor);
        this.#mark(member, cursor, ns);
        held.add(cursor.source, cursor.flags, cursor.number, ns, window.bytes.subarray(cursor.start, cursor.end));
        if (held.size >= most) {
          member.heldView = held.view;
          return;
        }
      }
    while (await member.file.fill());
    held.sort();
    member.heldView = held.view;
  }

  /** To the next frame that is in memory. */
  #next(member: Member): boolean {
    if (member.held) {
      member.standing = member.held.next();
      if (member.standing) {
        member.ns = member.standing.ns;
        return true;
      }
      member.held = undefined;
      member.heldView = NO_VIEW;
    }
    const { cursor, window } = member.file;
    if (!cursor.next(window)) return false;
    member.ns = this.#nsOf(member, cursor);
    this.#mark(member, cursor, member.ns);
    return true;
  }

  async #advance(member: Member): Promise<boolean> {
    for (;;) {
      if (this.#next(member)) return true;
      if (!(await member.file.fill())) {
        member.ended = true;
        return false;
      }
    }
  }

  #begin(baseNs: bigint): void {
    this.#baseNs = baseNs;
    for (const member of this.#members)
      member.time = new RelativeTime(baseNs, (source) => shiftApart(member.file, source));
  }

  #nsOf(member: Member, cursor: FrameCursor): number {
    return member.time.ns(cursor.source, cursor.ticksHigh, cursor.ticksLow) - member.offsetNs;
  }

  /** From when to when frames are wanted; `startNs` is the first frame's time, infinite where there is none. */
  #limit(startNs: number): void {
    const { since, until } = this.#options;
    if (!Number.isFinite(startNs)) return;
    const start = this.time(startNs);
    this.#wanted = {
      fromNs: since === undefined ? Number.NEGATIVE_INFINITY : this.relative(momentNs(since, start)),
      untilNs: until === undefined ? Number.POSITIVE_INFINITY : this.relative(momentNs(until, start)),
    };
  }

  #mark({ marks }: Member, cursor: FrameCursor, ns: number): void {
    if (cursor.number % MARK_EVERY === 1 || marks.length === 0) marks.push({ ns, mark: cursor.mark() });
  }

  /** Takes the frame a member stands on, and up to `most` altogether where they are in memory. Returns how many. */
  #takeRun(member: Member, taker: FrameTaker, most: number): number {
    const first = member.index * FRAMES_PER_FILE;
    const { standing } = member;
    if (standing) {
      if (!this.#isWanted(member.ns)) return 1;
      const { source, flags, number, start, end, ns } = standing;
      const place = this.#placeOf(member, source);
      taker.add(member.heldView, start, end, linkTypeOf(source), place, flags & 3, ns, first + number);
      return 1;
    }
    const { cursor, window } = member.file;
    const { time, places, offsetNs, marks } = member;
    const { fromNs, untilNs } = this.#wanted;
    let { source } = cursor;
    let { ns } = member;
    let taken = 1;
    for (;;) {
      if (ns >= fromNs && ns <= untilNs) {
        const place = places[source.index] ?? this.#register(member, source);
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

  #isWanted(ns: number): boolean {
    return ns >= this.#wanted.fromNs && ns <= this.#wanted.untilNs;
  }

  #placeOf(member: Member, source: CaptureInterface): number {
    return member.places[source.index] ?? this.#register(member, source);
  }

  /** Interfaces that were listened to and sighted nothing are places too: what is absent there is known. */
  #registerSilent(): void {
    for (const member of this.#members) {
      const { interfaces } = member.file.summary();
      // `tcpdump -i any` records all interfaces as one, which no frame belongs to.
      const recordedAs = new Set(interfaces.map((source) => source.recordedAs));
      for (const source of interfaces)
        if (source.frameLinkType !== undefined && !recordedAs.has(source.index)) this.#placeOf(member, source);
    }
  }

  #register(member: Member, source: CaptureInterface): number {
    let place = placeOfSource(member, source, this.#options);
    let known = this.#numbers.get(placeKey(place));
    // Two machines have an eth0 each; but parts of one recording come one after the other.
    for (let copy = 1; known && known.member !== member.index && !this.#members[known.member]?.ended; copy++) {
      const label = labelOf(member.input);
      const { name } = placeOfSource(member, source, this.#options);
      place = { netns: place.netns, name: `${name} (${copy === 1 ? label : `${label} ${copy}`})` };
      known = this.#numbers.get(placeKey(place));
    }
    if (known === undefined) {
      known = { place: this.places.length, member: member.index };
      if (place.name === 'lo') this.#loopbacks.add(known.place);
      this.places.push(place);
      this.#numbers.set(placeKey(place), known);
    }
    member.places[source.index] = known.place;
    return known.place;
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
