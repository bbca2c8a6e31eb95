/** Several captures as one: their interfaces are places, their clocks are brought together, their frames come in order of time. */
import type { ByteWindow } from '../capfile/byte-window.ts';
import type { FileFrame } from '../capfile/capture-reader.ts';
import type { FrameCursor } from '../capfile/frame-cursor.ts';
import { type CaptureFile, openCaptureFile } from '../capfile/open.ts';
import { VdiagError } from '../linux/error.ts';
import type { ClockDifference } from '../survey/clocks.ts';
import type { Place } from '../trace/frame.ts';
import { CaptureMember, type FrameTaker } from './capture-member.ts';
import { CapturePlaces } from './capture-places.ts';
import { compareClocks } from './compare-clocks.ts';
import { type Moment, momentNs } from './moment.ts';
import type { Span } from './revisit.ts';
import type { CaptureInput, PlaceNaming } from './source-place.ts';

export interface CaptureSetOptions extends PlaceNaming {
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** Only frames between these. */
  readonly since?: Moment;
  readonly until?: Moment;
}

/** Captures up to this many frames, together, are put in order of time; larger ones are taken to be nearly so. */
const MOST_HELD = 50_000;
/** Frames between two looks at the clock and at whether to stop. */
const BREATHE_EVERY = 1 << 18;

export class CaptureSet {
  readonly #members: readonly CaptureMember[];
  readonly #options: CaptureSetOptions;
  readonly #places: CapturePlaces;
  readonly #clocks: readonly (ClockDifference | undefined)[];
  /** Unix nanoseconds of the moment that all times are counted from. */
  #baseNs: bigint | undefined;

  private constructor(
    members: readonly CaptureMember[],
    places: CapturePlaces,
    clocks: readonly (ClockDifference | undefined)[],
    options: CaptureSetOptions,
  ) {
    this.#members = members;
    this.#clocks = clocks;
    this.#options = options;
    this.#places = places;
  }

  /** @throws VdiagError unreadable */
  static async open(inputs: readonly CaptureInput[], options: CaptureSetOptions = {}): Promise<CaptureSet> {
    if (inputs.filter(({ path }) => path === '-').length > 1)
      throw new VdiagError('usage', 'standard input can be read once', 'give the other captures as files');
    const members: CaptureMember[] = [];
    const places = new CapturePlaces(options);
    try {
      for (const [index, input] of inputs.entries()) {
        const file = await openCaptureFile(input.path, {
          spool: true,
          ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
        });
        members.push(new CaptureMember(file, input, index, places));
      }
      const clocks = await compareClocks(members.map(({ file, input }) => ({ path: input.path, file })));
      for (const [index, member] of members.entries()) member.offsetNs = clocks[index]?.offsetNs ?? 0;
      return new CaptureSet(members, places, clocks, options);
    } catch (error) {
      for (const { file } of members) file.close();
      throw error;
    }
  }

  get places(): readonly Place[] {
    return this.#places.all;
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
    return this.#places.place(index);
  }

  close(): void {
    for (const { file } of this.#members) file.close();
  }

  /**
   * All frames, in order of time over the files.
   * @param breathe called now and then; the reading ends early when it says false
   */
  async each(taker: FrameTaker, breathe: () => Promise<boolean>): Promise<void> {
    this.#places.noteLoopbacks(taker.loopbacks);
    const standing: CaptureMember[] = [];
    const most = Math.ceil(MOST_HELD / this.#members.length);
    for (const member of this.#members) await member.hold(most, (timeNs) => this.#begin(timeNs));
    for (const member of this.#members) if (await member.advance()) standing.push(member);
    const wanted = this.#wantedFrom(Math.min(...standing.map(({ ns }) => ns)));
    let frames = 0;
    while (standing.length > 0) {
      let member = standing[0];
      for (const other of standing) if (member === undefined || other.ns < member.ns) member = other;
      if (member === undefined) return;
      // A file alone needs no comparing.
      const run = standing.length === 1 && member.runs ? BREATHE_EVERY : 1;
      frames += member.takeRun(taker, wanted, run);
      if (frames >= BREATHE_EVERY) {
        frames = 0;
        if (!(await breathe())) return;
      }
      if (!member.next() && !(await member.advance())) standing.splice(standing.indexOf(member), 1);
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
        const time = (ns: number) => this.time(ns);
        for (const span of spans) await member.readAgain(again, { span, keep, most, time }, frames);
      } finally {
        again.close();
      }
    }
    return frames.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
  }

  /** The first frame of all is what times are counted from. */
  #begin(baseNs: bigint): void {
    if (this.#baseNs !== undefined) return;
    this.#baseNs = baseNs;
    for (const member of this.#members) member.countFrom(baseNs);
  }

  /** From when to when frames are wanted; `startNs` is the first frame's time, infinite where there is none. */
  #wantedFrom(startNs: number): Span {
    const { since, until } = this.#options;
    const wanted = { fromNs: Number.NEGATIVE_INFINITY, untilNs: Number.POSITIVE_INFINITY };
    if (!Number.isFinite(startNs)) return wanted;
    const start = this.time(startNs);
    if (since !== undefined) wanted.fromNs = this.relative(momentNs(since, start));
    if (until !== undefined) wanted.untilNs = this.relative(momentNs(until, start));
    return wanted;
  }

  /** Interfaces that were listened to and sighted nothing are places too: what is absent there is known. */
  #registerSilent(): void {
    for (const member of this.#members) {
      const { interfaces } = member.file.summary();
      // `tcpdump -i any` records all interfaces as one, which no frame belongs to.
      const recordedAs = new Set(interfaces.map((source) => source.recordedAs));
      for (const source of interfaces)
        if (source.frameLinkType !== undefined && !recordedAs.has(source.index)) member.placeOf(source);
    }
  }
}
