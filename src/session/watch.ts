/** A passive live view of everything that is asked and answered around: exchanges, losses, and findings when they are certain. */
import { openLiveRings } from '../capture/live-rings.ts';
import type { Rights } from '../linux/capabilities.ts';
import { realtimeNs } from '../linux/socket.ts';
import type { WatchEvent } from '../watch/event.ts';
import { Quota } from '../watch/quota.ts';
import { Tracker } from '../watch/tracker.ts';
import { FrameWindow, WINDOW_SECONDS } from '../watch/window.ts';
import { orderedFrames } from './frame-order.ts';
import type { PlacesWanted } from './record-places.ts';
import { Judgements } from './watch-judgements.ts';
import { type KernelWatch, openKernelWatch } from './watch-kernel.ts';
import type { Live } from './watch-live.ts';
import { WatchLosses } from './watch-losses.ts';
import { WatchedPlaces } from './watch-places.ts';
import { Surroundings } from './watch-surroundings.ts';

export interface WatchOptions extends Omit<PlacesWanted, 'way'> {
  /** Default: until the signal. */
  readonly durationMs?: number;
  /** Listen to the kernel's drop events. Default true. */
  readonly drops?: boolean;
  /** Told in order; a flood is summed up. */
  readonly onEvent?: (event: WatchEvent) => void;
  /** Called about four times a second with the live state. */
  readonly onTick?: (live: Live) => void;
  /** Put aside while frames are read. Default: they stay, since those of a thread are not only vdiag's. */
  readonly rights?: Rights;
}

const TICK_MS = 100;
const TOLD_MS = 250;
const SECOND_MS = 1000;
const JUDGE_MS = 1000;
/** Traffic in which nothing fails is judged so often, all the same: addresses claimed twice, loops. */
const STALE_MS = 10_000;
/** And no more often than one in so many parts of the time. */
const QUIET_SHARE = 30;
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
  readonly #quota: Quota;
  readonly #tracker: Tracker;
  readonly #losses: WatchLosses;
  readonly #judgements: Judgements;
  readonly #around: Surroundings;
  readonly #gaps: string[] = [];
  readonly #startedMs = performance.now();
  #endedMs: number | undefined;
  #givenUpTold = 0;
  readonly #openedNs: bigint;
  #judgedMs = 0;
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
    this.#openedNs = realtimeNs();
    const tell = (event: WatchEvent) => this.#tell(event);
    this.#around = new Surroundings(places, tell);
    this.#quota = new Quota(tell);
    this.#tracker = new Tracker({
      onExchange: (event, pair) => this.#quota.exchange(event, pair),
      onError: (event) => this.#quota.error(event),
      admit: (ns, owner) => this.#window.admit(ns, owner),
    });
    this.#losses = new WatchLosses(rings, this.#tracker);
    this.#judgements = new Judgements(this.#openedNs, {
      tracker: this.#tracker,
      window: this.#window,
      places,
      losses: this.#losses,
      // To the end, also when the signal has come.
      retake: () => this.#around.retake(this.#endedMs === undefined ? options.signal : undefined),
      tell,
    });
    const kernel = options.drops === false ? undefined : openKernelWatch(this.#around.devices);
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
      this.#without(() => this.#take(over));
      this.#look();
      if (this.#failure !== undefined) throw this.#failure;
    }
    this.#endedMs = performance.now();
    await this.#busy;
    if (this.#judgements.due) await this.#judgements.judge();
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
      findings: this.#judgements.findings.all(),
      findingCounts: new Map(this.#judgements.findings.counts),
      drops: this.#kernel?.counts() ?? [],
      places: this.#places.all,
      topology,
      frames: this.#tracker.frames,
      lost: this.#losses.lost,
      givenUp: this.#tracker.givenUp,
      leftOut: this.#window.leftOut,
      gaps: [
        ...this.#gaps,
        ...this.#places.gaps,
        ...(this.#kernel ? this.#around.ambiguous : []),
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

  /** Frames to exchanges. */
  #take(all: boolean): void {
    const { untilNs } = this.#rings;
    this.#losses.ask(all);
    this.#frames.take(all ? undefined : untilNs, (frame) => {
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
    this.#around.scan(nowMs);
    if (!this.#busy) this.#begin(nowMs);
    if (nowMs - this.#toldMs < TOLD_MS) return;
    this.#toldMs = nowMs;
    this.#without(() => this.#options.onTick?.(this.live()));
  }

  /** Frames are read, and what others have named is shown, without rights. */
  #without(job: () => void): void {
    const { rights } = this.#options;
    if (rights) rights.without(job);
    else job();
  }

  /** Sums up, and says what was lost. */
  #second(): void {
    const timeNs = realtimeNs();
    const givenUp = this.#tracker.givenUp - this.#givenUpTold;
    this.#givenUpTold = this.#tracker.givenUp;
    this.#judgements.endFindings();
    for (const event of this.#quota.turn(timeNs, this.#losses.news(), givenUp)) this.#tell(event);
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

  /** Starts what takes time beside the capture. */
  #begin(nowMs: number): void {
    const { restMs, topologyCostMs } = this.#around;
    if (this.#around.mustRefresh(nowMs)) {
      this.#do(() => this.#refresh());
      return;
    }
    if (nowMs - this.#judgedMs < Math.max(JUDGE_MS, restMs)) return;
    const stale = this.#judgements.isStale(Math.max(STALE_MS, topologyCostMs * QUIET_SHARE));
    if (stale || this.#judgements.due) this.#do(() => this.#judgements.judge());
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
    const standing = this.#judgements.standing();
    await this.#around.refresh();
    await this.#judgements.moveOn(standing);
    // Ways may have led by places that are no more.
    this.#tracker.forgetWays();
  }
}
