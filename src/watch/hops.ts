/** From one place to the next: how many packets, how long it took, and how many did not arrive. */
import { type Place, placeKey } from '../trace/frame.ts';

/** Hops told apart; what comes later is not counted. */
export const MOST_HOPS = 4096;

export interface LiveHop {
  readonly from: Place;
  readonly to: Place;
  packets: number;
  /** Sighted at `from`, where others went on to `to`, and nowhere after it. */
  lost: number;
  sumNs: number;
  minNs: number;
  maxNs: number;
}

export class HopTable {
  readonly #hops = new Map<number, LiveHop>();
  readonly #numbers = new Map<string, number>();
  /** A ring gives every frame of an interface the same place: no text has to be made for each. */
  #known = new WeakMap<Place, number>();

  passed(from: Place, to: Place, ns: number): void {
    const hop = this.#find(from, to);
    if (!hop) return;
    hop.packets++;
    hop.sumNs += ns;
    if (ns < hop.minNs) hop.minNs = ns;
    if (ns > hop.maxNs) hop.maxNs = ns;
  }

  lost(from: Place, to: Place): void {
    const hop = this.#find(from, to);
    if (hop) hop.lost++;
  }

  /** In the order they were first seen. */
  all(): LiveHop[] {
    return [...this.#hops.values()];
  }

  #find(from: Place, to: Place): LiveHop | undefined {
    const key = this.#number(from) * 0x100000 + this.#number(to);
    const known = this.#hops.get(key);
    if (known) return known;
    if (this.#hops.size >= MOST_HOPS) return undefined;
    const hop = { from, to, packets: 0, lost: 0, sumNs: 0, minNs: Number.POSITIVE_INFINITY, maxNs: 0 };
    this.#hops.set(key, hop);
    return hop;
  }

  #number(place: Place): number {
    const known = this.#known.get(place);
    if (known !== undefined) return known;
    const key = placeKey(place);
    // Names that come and go for ever: beyond these, all are one, which no hop is ever shown for.
    const number = this.#numbers.get(key) ?? Math.min(this.#numbers.size, 2 * MOST_HOPS);
    if (number < 2 * MOST_HOPS) this.#numbers.set(key, number);
    this.#known.set(place, number);
    return number;
  }
}
