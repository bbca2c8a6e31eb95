/** A passive live view of everything that is asked and answered around: exchanges, losses, and findings when they are certain. */
import { openLiveRings } from '../capture/live-rings.ts';
import { realtimeNs } from '../linux/socket.ts';
import { retakeTopology } from '../topology/collect.ts';
import { differences } from '../topology/difference.ts';
import type { Topology } from '../topology/model.ts';
import type { DropCount } from '../trace/drop-tally.ts';
import type { Coverage, Frame, Place } from '../trace/frame.ts';
import type { WatchEvent } from '../watch/event.ts';
import type { LiveHop } from '../watch/hops.ts';
import type { Pair } from '../watch/pairs.ts';
import { Quota } from '../watch/quota.ts';
import { PATIENCE_NS, Tracker } from '../watch/tracker.ts';
import { FrameWindow, type HeldFrame, WINDOW_SECONDS } from '../watch/window.ts';
import { orderedFrames } from './frame-order.ts';
import type { PlacesWanted } from './record-places.ts';
import { concernsSomebody } from './watch-concern.ts';
import { type LiveFinding, LiveFindings } from './watch-findings.ts';
import { judge } from './watch-judge.ts';
import { type KernelWatch, openKernelWatch } from './watch-kernel.ts';
import { WatchedPlaces } from './watch-places.ts';

export interface WatchOptions extends Omit<PlacesWanted, 'way'> {
  /** Default: until the signal. */
  readonly durationMs?: number;
  /** Listen to the kernel's drop events. Default true. */
  readonly drops?: boolean;
  /** Told in order; a flood is summed up. */
  readonly onEvent?: (event: WatchEvent) => void;
  /** Called about four times a second with the live state. */
  readonly onTick?: (live: Live) => void;
}

/** What is known so far. */
export interface Live {
  readonly seconds: number;
  readonly pairs: readonly Pair[];
  readonly hops: readonly LiveHop[];
  readonly findings: readonly LiveFinding[];
  /** Told so far, by rule. */
  readonly findingCounts: ReadonlyMap<string, number>;
  /** No ordinary ones. */
  readonly drops: readonly DropCount[];
  readonly places: readonly Place[];
  readonly topology: Topology;
  /** Frames taken, those the kernel had no room for, exchanges whose end is not known, and exchanges left out of the window. */
  readonly frames: number;
  readonly lost: number;
  readonly givenUp: number;
  readonly leftOut: number;
  /** Limits of what was seen, one line each. */
  readonly gaps: readonly string[];
  placeName(place: Place): string;
  netnsName(id: string): string;
  /** The frames of the last minute that were kept, in order of time. */
  lastMinute(): readonly Frame[];
}

const TICK_MS = 100;
const TOLD_MS = 250;
const COUNT_MS = 50;
const SECOND_MS = 1000;
const SCAN_MS = 500;
/** Looking around, or taking the topology, takes no more than this share of the time. */
const SCAN_SHARE = 20;
const TOPOLOGY_SHARE = 3;
const QUIET_SHARE = 30;
const JUDGE_MS = 1000;
const REFRESH_MS = 1000;
/** Traffic in which nothing fails is judged so often, all the same: addresses claimed twice, loops. */
const STALE_MS = 10_000;
/** What a judgement looks back at most. */
const SPAN_NS = 12e9;
/** Frames of one judgement: beyond, it looks back less far. */
const MOST_JUDGED = 18_000;
const LIMITS = `no more than ${WINDOW_SECONDS} s of frames are kept, and of a flood only a part of the exchanges`;

/**
 * Watches until the time is over or the signal comes.
 * @returns what was seen, to the end
 * @throws VdiagError no-such-interface, no-such-namespace, permission, missing-program
 */
export async function watch(options: WatchOptions): Promise<Live> {
  const session = await Session.open(options);
  try {
    await session.run();
    return session.live();
  } finally {
    session.close();
  }
}

class Session {
  readonly #options: WatchOptions;
  readonly #rings: ReturnType<typeof openLiveRings>;
  readonly #frames: ReturnType<typeof orderedFrames>;
  readonly #places: WatchedPlaces;
  readonly #kernel: KernelWatch | undefined;
  readonly #window = new FrameWindow();
  readonly #findings = new LiveFindings();
  readonly #quota: Quota;
  readonly #tracker: Tracker;
  readonly #devices: Set<string>;
  readonly #gaps: string[] = [];
  readonly #startedMs = performance.now();
  #endedMs: number | undefined;
  #counts = { captured: 0, lost: 0 };
  #countedNs = 0;
  #countedMs = 0;
  #lossyUntilNs = Number.NEGATIVE_INFINITY;
  #lostTold = 0;
  #givenUpTold = 0;
  /** The state before what is judged next, and since when all that is listened to now has been. */
  #before: Topology;
  #steadyFromNs: bigint;
  readonly #openedNs: bigint;
  #beforeMs = performance.now();
  #scannedMs = performance.now();
  #scanCostMs = 0;
  #refreshedMs = 0;
  #topologyCostMs = 100;
  #mustRefresh = false;
  #judgedMs = 0;
  #judgedUntilNs = 0;
  #framesJudged = 0;
  #secondMs = performance.now();
  #toldMs = 0;
  /** One thing at a time is done beside the capture. */
  #busy: Promise<void> | undefined;
  #failure: unknown;

  private constructor(
    options: WatchOptions,
    rings: ReturnType<typeof openLiveRings>,
    frames: ReturnType<typeof orderedFrames>,
    places: WatchedPlaces,
  ) {
    this.#options = options;
    this.#rings = rings;
    this.#frames = frames;
    this.#places = places;
    this.#before = places.topology;
    this.#openedNs = realtimeNs();
    this.#steadyFromNs = this.#openedNs;
    this.#devices = new Set();
    this.#nameDevices();
    const tell = (event: WatchEvent) => options.onEvent?.(event);
    this.#quota = new Quota(tell);
    this.#tracker = new Tracker({
      onExchange: (event, pair) => this.#quota.exchange(event, pair),
      onError: (event) => this.#quota.error(event),
      admit: (ns, owner) => this.#window.admit(ns, owner),
    });
    const kernel = options.drops === false ? undefined : openKernelWatch(this.#devices);
    this.#kernel = typeof kernel === 'string' ? undefined : kernel;
    if (typeof kernel === 'string') this.#gaps.push(kernel);
  }

  static async open(options: WatchOptions): Promise<Session> {
    const frames = orderedFrames();
    const rings = openLiveRings(frames.add);
    try {
      return new Session(options, rings, frames, await WatchedPlaces.start(options, rings));
    } catch (error) {
      rings.close();
      throw error;
    }
  }

  async run(): Promise<void> {
    const { durationMs = Number.POSITIVE_INFINITY, signal } = this.#options;
    this.#options.onTick?.(this.live());
    this.#introduce();
    for (let over = false; !over; ) {
      const leftMs = this.#startedMs + durationMs - performance.now();
      over = leftMs <= 0 || signal?.aborted === true;
      if (over) await this.#rings.drain();
      else await this.#rings.poll(Math.min(TICK_MS, leftMs));
      this.#take(over);
      this.#look();
      if (this.#failure !== undefined) throw this.#failure;
    }
    this.#endedMs = performance.now();
    await this.#busy;
    if (this.#isFailing()) await this.#judge();
    this.#second();
  }

  /** What is listened to; alone in a namespace, where else to look. */
  #introduce(): void {
    const { all, topology } = this.#places;
    const namespaces = new Set(all.map(({ netns }) => netns)).size;
    const alone = all.every(({ name }) => name === 'lo');
    const text = `watching ${all.length} interface${all.length === 1 ? '' : 's'} in ${namespaces} namespace${namespaces === 1 ? '' : 's'}`;
    const hint = `: nothing is connected to ${this.#places.netnsName(topology.start)}; all there is: vdiag map; start elsewhere: --netns NAME`;
    this.#tell({ event: 'note', timeNs: realtimeNs(), text: alone ? `${text}${hint}` : text });
  }

  close(): void {
    this.#rings.close();
    this.#kernel?.close();
  }

  live(): Live {
    const { topology } = this.#places;
    return {
      seconds: ((this.#endedMs ?? performance.now()) - this.#startedMs) / 1000,
      pairs: this.#tracker.pairs.all(),
      hops: this.#tracker.hops.all(),
      findings: this.#findings.all(),
      findingCounts: new Map(this.#findings.counts),
      drops: this.#kernel?.counts() ?? [],
      places: this.#places.all,
      topology,
      frames: this.#tracker.frames,
      lost: this.#counts.lost,
      givenUp: this.#tracker.givenUp,
      leftOut: this.#window.leftOut,
      gaps: [
        ...this.#gaps,
        ...this.#places.gaps,
        ...this.#ambiguous(),
        ...topology.gaps,
        ...(this.#window.leftOut > 0 ? [LIMITS] : []),
      ],
      placeName: (place) => this.#places.placeName(place),
      netnsName: (id) => this.#places.netnsName(id),
      lastMinute: () =>
        this.#window.between(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY).map(({ frame }) => frame),
    };
  }

  #tell(event: WatchEvent): void {
    this.#options.onEvent?.(event);
  }

  /** When frames were lost is known as exactly as it is asked. */
  #countLosses(): void {
    const before = this.#counts;
    this.#counts = this.#rings.counts();
    const nowNs = this.#tracker.relative(realtimeNs());
    if (this.#counts.lost > before.lost) {
      this.#tracker.lossy(this.#countedNs, nowNs);
      this.#lossyUntilNs = nowNs;
    }
    this.#countedNs = nowNs;
  }

  /** Frames to exchanges. */
  #take(all: boolean): void {
    const { untilNs } = this.#rings;
    if (all || performance.now() - this.#countedMs >= COUNT_MS) {
      this.#countedMs = performance.now();
      this.#countLosses();
    }
    this.#frames.take(all ? undefined : untilNs, Number.POSITIVE_INFINITY, (frame) => {
      // Before all rings were open, only a part of the way was seen.
      if (frame.timeNs < this.#openedNs) return;
      const root = this.#tracker.add(frame);
      if (root?.kept) this.#window.add(frame, root, this.#tracker.relative(frame.timeNs));
    });
    if (this.#tracker.frames === 0) return;
    const nowNs = this.#tracker.relative(untilNs);
    this.#tracker.advance(nowNs);
    this.#window.forget(nowNs);
  }

  /** What is due by the clock. */
  #look(): void {
    const nowMs = performance.now();
    if (nowMs - this.#secondMs >= SECOND_MS) {
      this.#secondMs = nowMs;
      this.#second();
    }
    if (nowMs - this.#scannedMs >= Math.max(SCAN_MS, this.#scanCostMs * SCAN_SHARE)) this.#scan();
    if (!this.#busy) this.#begin(nowMs);
    if (nowMs - this.#toldMs < TOLD_MS) return;
    this.#toldMs = nowMs;
    this.#options.onTick?.(this.live());
  }

  /** Sums up, and says what was lost. */
  #second(): void {
    const timeNs = realtimeNs();
    const lost = this.#counts.lost - this.#lostTold;
    const givenUp = this.#tracker.givenUp - this.#givenUpTold;
    this.#lostTold = this.#counts.lost;
    this.#givenUpTold = this.#tracker.givenUp;
    this.#endFindings();
    for (const event of this.#quota.turn(timeNs, lost, givenUp)) this.#tell(event);
    for (const { reason, function: where, device, count } of this.#kernel?.turn() ?? [])
      this.#tell({
        event: 'drop',
        timeNs,
        reason,
        function: where,
        ...(device === undefined ? {} : { device }),
        count,
      });
  }

  #scan(): void {
    const startedMs = performance.now();
    const { changes, changed } = this.#places.scan();
    this.#scannedMs = performance.now();
    this.#scanCostMs = this.#scannedMs - startedMs;
    for (const change of changes) this.#tell({ ...change, timeNs: realtimeNs() });
    if (changed) this.#mustRefresh = true;
  }

  /** Starts what takes time beside the capture. */
  #begin(nowMs: number): void {
    const rest = this.#topologyCostMs * TOPOLOGY_SHARE;
    if (this.#mustRefresh && nowMs - this.#refreshedMs >= Math.max(REFRESH_MS, rest)) {
      this.#do(() => this.#refresh());
      return;
    }
    if (nowMs - this.#judgedMs < Math.max(JUDGE_MS, rest)) return;
    const quiet = Math.max(STALE_MS, this.#topologyCostMs * QUIET_SHARE);
    const stale = this.#tracker.frames > this.#framesJudged && nowMs - this.#beforeMs > quiet;
    if (stale || this.#isFailing()) this.#do(() => this.#judge());
  }

  #do(work: () => Promise<void>): void {
    this.#busy = work()
      .catch((error) => {
        // What was under way when it ended is done once more, at the end.
        if (this.#options.signal?.aborted !== true) this.#failure ??= error;
      })
      .finally(() => {
        this.#judgedMs = performance.now();
        this.#busy = undefined;
      });
  }

  async #refresh(): Promise<void> {
    this.#mustRefresh = false;
    const before = this.#before;
    const coverage = this.#coverage();
    const startedMs = performance.now();
    const changes = await this.#places.refresh();
    this.#refreshedMs = performance.now();
    this.#topologyCostMs = this.#refreshedMs - startedMs;
    const timeNs = realtimeNs();
    for (const change of changes) this.#tell({ ...change, timeNs });
    this.#nameDevices();
    // What failed until now is judged by what was listened to until now.
    if (this.#isFailing()) await this.#judgeBy(before, this.#places.topology, coverage);
    this.#startAnew(this.#places.topology);
    // Ways may have led by places that are no more.
    this.#tracker.forgetWays();
  }

  /** The kernel tells drops by the names of interfaces alone. */
  #nameDevices(): void {
    const { all, foreign } = this.#places;
    this.#devices.clear();
    for (const { name } of all) if (!foreign.has(name)) this.#devices.add(name);
  }

  /** Interfaces of ours whose names are not theirs alone. */
  #ambiguous(): string[] {
    const { all, foreign } = this.#places;
    const names = [...new Set(all.flatMap(({ name }) => (foreign.has(name) ? name : [])))];
    if (names.length === 0 || !this.#kernel) return [];
    return [
      `kernel drops at ${names.slice(0, 8).join(', ')}: namespaces that are not watched have interfaces of these names`,
    ];
  }

  /** What comes from now on is judged by this state. */
  #startAnew(topology: Topology): void {
    this.#before = topology;
    this.#beforeMs = performance.now();
    this.#steadyFromNs = realtimeNs();
  }

  #isFailing(): boolean {
    return this.#tracker.frames > 0 && this.#tracker.failing(this.#judgedUntilNs);
  }

  /** What failed since the last judgement is held against the state before it and after it. */
  async #judge(): Promise<void> {
    const before = this.#before;
    const after = await this.#retake();
    await this.#judgeBy(before, after, this.#coverage());
    // What is the same now was the same all the while.
    if (differences(before, after).length > 0) this.#startAnew(after);
    this.#before = after;
    this.#beforeMs = performance.now();
  }

  /** Exchanges that had their time, from when on all places have been listened to. */
  async #judgeBy(before: Topology, after: Topology, coverage: Coverage): Promise<void> {
    const { fromNs, untilNs } = coverage;
    const cutNs = this.#tracker.relative(untilNs);
    const held = this.#window.between(Math.max(this.#tracker.relative(fromNs), cutNs - SPAN_NS), cutNs);
    this.#judgedUntilNs = cutNs - PATIENCE_NS;
    this.#framesJudged = this.#tracker.frames;
    // Where frames were lost, that something was not sighted says nothing.
    const frames = wholeExchanges(held.filter(({ root }) => !this.#tracker.mayBeLost(root.ns)));
    if (frames.length === 0) return;
    const judged = await judge({ frames, before, after, coverage });
    const pairs = this.#tracker.pairs.all();
    const findings = judged.findings.filter((finding) => concernsSomebody(finding, pairs, [before, after]));
    const timeNs = realtimeNs();
    for (const finding of this.#findings.found(findings, timeNs)) this.#tell({ event: 'finding', timeNs, finding });
  }

  async #retake(): Promise<Topology> {
    const startedMs = performance.now();
    const { signal } = this.#options;
    const topology = await retakeTopology(
      this.#places.topology,
      signal !== undefined && this.#endedMs === undefined ? { signal } : {},
    );
    this.#topologyCostMs = performance.now() - startedMs;
    return topology;
  }

  #endFindings(): void {
    const timeNs = realtimeNs();
    const over = this.#findings.ended(({ source, target }, sinceNs) => {
      const pairs = this.#tracker.pairs.all().filter((pair) => pair.source === source && pair.target === target);
      const answered = pairs.some(({ lastNs, silent }) => silent === 0 && this.#tracker.time(lastNs) > sinceNs);
      return answered && pairs.every(({ silent }) => silent === 0);
    });
    for (const finding of over) this.#tell({ event: 'finding-over', timeNs, finding });
  }

  /** What was listened to, until requests of then had their time. */
  #coverage(): Coverage {
    const { lost, captured } = this.#counts;
    const recent = this.#lossyUntilNs >= this.#tracker.relative(this.#steadyFromNs);
    return {
      engine: 'packet-ring',
      places: this.#places.all,
      fromNs: this.#steadyFromNs,
      untilNs: realtimeNs() - BigInt(PATIENCE_NS),
      framesCaptured: captured,
      lost: lost > 0 && recent ? [{ netns: this.#places.topology.start, frames: lost }] : [],
      gaps: this.#places.gaps,
    };
  }
}

/** The newest, as many as are judged at a time: none of an exchange is left out. */
function wholeExchanges(held: readonly HeldFrame[]): Frame[] {
  const excess = held.slice(0, Math.max(0, held.length - MOST_JUDGED));
  const fromNs = excess.reduce((latest, { root }) => Math.max(latest, root.ns), Number.NEGATIVE_INFINITY);
  return held.flatMap(({ frame, root }) => (root.ns > fromNs ? frame : []));
}
