/** Frames of a live view that the kernel had no room for: how many, and when. */
import type { LiveRings } from '../capture/live-rings.ts';
import { realtimeNs } from '../linux/socket.ts';
import type { Tracker } from '../watch/tracker.ts';

/** When frames were lost is known as exactly as it is asked. */
const ASK_MS = 50;

export class WatchLosses {
  readonly #rings: LiveRings;
  readonly #tracker: Tracker;
  #counts = { captured: 0, lost: 0 };
  #askedNs = 0;
  #askedMs = 0;
  #latestNs = Number.NEGATIVE_INFINITY;
  #told = 0;

  /** @param tracker is told when frames were lost */
  constructor(rings: LiveRings, tracker: Tracker) {
    this.#rings = rings;
    this.#tracker = tracker;
  }

  /** All so far, as far as was asked. */
  get lost(): number {
    return this.#counts.lost;
  }

  get captured(): number {
    return this.#counts.captured;
  }

  /** Asks the rings, where it is time to, or at once. */
  ask(now: boolean): void {
    if (!now && performance.now() - this.#askedMs < ASK_MS) return;
    this.#askedMs = performance.now();
    const before = this.#counts;
    this.#counts = this.#rings.counts();
    const nowNs = this.#tracker.relative(realtimeNs());
    if (this.#counts.lost > before.lost) {
      this.#tracker.lossy(this.#askedNs, nowNs);
      this.#latestNs = nowNs;
    }
    this.#askedNs = nowNs;
  }

  /** Whether any were lost from this time on, Unix nanoseconds. */
  anySince(timeNs: bigint): boolean {
    return this.#counts.lost > 0 && this.#latestNs >= this.#tracker.relative(timeNs);
  }

  /** Those since this was called before. */
  news(): number {
    const news = this.#counts.lost - this.#told;
    this.#told = this.#counts.lost;
    return news;
  }
}
