/** When a live view is judged, by which state of the machine, and over which of its frames; and what has come of it so far. */
import { realtimeNs } from '../linux/socket.ts';
import { differences } from '../topology/difference.ts';
import type { Topology } from '../topology/model.ts';
import type { Coverage, Frame } from '../trace/frame.ts';
import type { WatchEvent } from '../watch/event.ts';
import { PATIENCE_NS } from '../watch/questions.ts';
import type { Tracker } from '../watch/tracker.ts';
import type { FrameWindow, HeldFrame } from '../watch/window.ts';
import { concernsSomebody } from './watch-concern.ts';
import { LiveFindings } from './watch-findings.ts';
import { judge } from './watch-judge.ts';
import type { WatchLosses } from './watch-losses.ts';
import type { WatchedPlaces } from './watch-places.ts';

/** What a judgement looks back at most. */
const SPAN_NS = 12e9;
/** Frames of one judgement: beyond, it looks back less far. */
const MOST_JUDGED = 18_000;

export interface JudgementsOptions {
  readonly tracker: Tracker;
  readonly window: FrameWindow;
  readonly places: WatchedPlaces;
  readonly losses: WatchLosses;
  /** Takes the topology anew. */
  readonly retake: () => Promise<Topology>;
  readonly tell: (event: WatchEvent) => void;
}

/** What all that has failed so far is judged by: the state before it, and what was listened to. */
export interface Standing {
  readonly before: Topology;
  readonly coverage: Coverage;
}

export class Judgements {
  readonly findings = new LiveFindings();
  readonly #options: JudgementsOptions;
  /** The state before what is judged next, and since when all that is listened to now has been. */
  #before: Topology;
  #beforeMs = performance.now();
  #steadyFromNs: bigint;
  /** What the last judgement came to, nanoseconds of the tracker, and how many frames had come then. */
  #judgedUntilNs = 0;
  #framesJudged = 0;

  /** @param fromNs since when all places have been listened to */
  constructor(fromNs: bigint, options: JudgementsOptions) {
    this.#options = options;
    this.#before = options.places.topology;
    this.#steadyFromNs = fromNs;
  }

  /** Something failed that was not judged yet. */
  get due(): boolean {
    const { tracker } = this.#options;
    return tracker.frames > 0 && tracker.failing(this.#judgedUntilNs);
  }

  /** Frames have come that were not judged, and the state is older than this. */
  isStale(ageMs: number): boolean {
    return this.#options.tracker.frames > this.#framesJudged && performance.now() - this.#beforeMs > ageMs;
  }

  /** By this is judged what has failed until now. */
  standing(): Standing {
    return { before: this.#before, coverage: this.#coverage() };
  }

  /** What failed since the last judgement is held against the state before it and after it. */
  async judge(): Promise<void> {
    const before = this.#before;
    const after = await this.#options.retake();
    await this.#judgeBy({ before, coverage: this.#coverage() }, after);
    // What is the same now was the same all the while.
    if (differences(before, after).length > 0) this.#steadyFromNs = realtimeNs();
    this.#renew(after);
  }

  /** Other places are listened to from now on: what failed before is judged by what stood until then. */
  async moveOn(standing: Standing): Promise<void> {
    const { topology } = this.#options.places;
    if (this.due) await this.#judgeBy(standing, topology);
    this.#steadyFromNs = realtimeNs();
    this.#renew(topology);
  }

  /** Tells of findings whose pairs are answered again. */
  endFindings(): void {
    const { tracker, tell } = this.#options;
    const timeNs = realtimeNs();
    const over = this.findings.ended(({ source, target }, sinceNs) => {
      const pairs = tracker.pairs.all().filter((pair) => pair.source === source && pair.target === target);
      const answered = pairs.some(({ lastNs, silent }) => silent === 0 && tracker.time(lastNs) > sinceNs);
      return answered && pairs.every(({ silent }) => silent === 0);
    });
    for (const finding of over) tell({ event: 'finding-over', timeNs, finding });
  }

  /** Exchanges that had their time, from when on all places have been listened to. */
  async #judgeBy({ before, coverage }: Standing, after: Topology): Promise<void> {
    const { tracker, window, tell } = this.#options;
    const { fromNs, untilNs } = coverage;
    const cutNs = tracker.relative(untilNs);
    const held = window.between(Math.max(tracker.relative(fromNs), cutNs - SPAN_NS), cutNs);
    this.#judgedUntilNs = cutNs - PATIENCE_NS;
    this.#framesJudged = tracker.frames;
    // Where frames were lost, that something was not sighted says nothing.
    const frames = wholeExchanges(held.filter(({ root }) => !tracker.mayBeLost(root.ns)));
    if (frames.length === 0) return;
    const judged = await judge({ frames, before, after, coverage });
    const pairs = tracker.pairs.all();
    const findings = judged.findings.filter((finding) => concernsSomebody(finding, pairs, [before, after]));
    const timeNs = realtimeNs();
    for (const finding of this.findings.found(findings, timeNs)) tell({ event: 'finding', timeNs, finding });
  }

  #renew(topology: Topology): void {
    this.#before = topology;
    this.#beforeMs = performance.now();
  }

  /** What was listened to, until requests of then had their time. */
  #coverage(): Coverage {
    const { places, losses } = this.#options;
    const { captured, lost } = losses;
    return {
      engine: 'packet-ring',
      places: places.all,
      fromNs: this.#steadyFromNs,
      untilNs: realtimeNs() - BigInt(PATIENCE_NS),
      framesCaptured: captured,
      lost: losses.anySince(this.#steadyFromNs) ? [{ netns: places.topology.start, frames: lost }] : [],
      gaps: places.gaps,
    };
  }
}

/** The newest, as many as are judged at a time: none of an exchange is left out. */
function wholeExchanges(held: readonly HeldFrame[]): Frame[] {
  const excess = held.slice(0, Math.max(0, held.length - MOST_JUDGED));
  const fromNs = excess.reduce((latest, { root }) => Math.max(latest, root.ns), Number.NEGATIVE_INFINITY);
  return held.flatMap(({ frame, root }) => (root.ns > fromNs ? frame : []));
}
