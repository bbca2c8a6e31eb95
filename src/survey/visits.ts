/**
 * What each place saw of the packets under way: visits in a ring, those of one packet chained from its last one back to its first. A
 * visit is known by its slot; `NO_VISIT` ends a chain.
 */
import { moveRing } from './ring.ts';

/** Where visits are gathered, in order of time: a place is in it once. */
export interface Visits {
  readonly places: Uint16Array;
  /** Nanoseconds. */
  readonly times: Float64Array;
  /** As in `epb_flags`: 0 unknown, 1 in, 2 out. */
  readonly directions: Uint8Array;
}

export const NO_VISIT = -1;

/** The record of a visit: time as a double, place and direction, visit before it. */
const WORDS = 4;
const VISIT = 2;
const BEFORE = 3;

export class VisitRing {
  /** Running number of the next visit. */
  next = 0;
  /** How many there is room for: a power of two, 0 at first. */
  capacity = 0;
  #words = new Int32Array(0);
  #times = new Float64Array(0);

  /**
   * One more visit of a packet; the oldest one in the ring is gone then.
   * @param visit four times the place, and the direction
   * @param before slot of the packet's visit before it
   * @returns its slot
   */
  add(visit: number, timeNs: number, before: number): number {
    const slot = this.next++ & (this.capacity - 1);
    this.#times[slot * (WORDS / 2)] = timeNs;
    this.#words[slot * WORDS + VISIT] = visit;
    this.#words[slot * WORDS + BEFORE] = before;
    return slot;
  }

  /** Whether a packet whose last visit stands in slot `last` has made this one. */
  has(last: number, visit: number): boolean {
    for (let slot = last; slot !== NO_VISIT; slot = this.#words[slot * WORDS + BEFORE] ?? NO_VISIT)
      if (this.#words[slot * WORDS + VISIT] === visit) return true;
    return false;
  }

  /**
   * The visits from slot `last` back to the first, put in order of time; those of one time stay in order of the file.
   * @returns how many
   */
  gather(last: number, { places, times, directions }: Visits): number {
    let count = 0;
    for (let slot = last; slot !== NO_VISIT; slot = this.#words[slot * WORDS + BEFORE] ?? NO_VISIT) {
      const visit = this.#words[slot * WORDS + VISIT] ?? 0;
      const time = this.#times[slot * (WORDS / 2)] ?? 0;
      const place = visit >>> 2;
      let to = count;
      // A place it passed both ways counts once, at the first time.
      for (let other = 0; other < count; other++) if (places[other] === place) to = other;
      if (to < count && (times[to] ?? 0) < time) continue;
      if (to === count) count++;
      for (; to > 0 && (times[to - 1] ?? 0) >= time; to--) {
        places[to] = places[to - 1] ?? 0;
        times[to] = times[to - 1] ?? 0;
        directions[to] = directions[to - 1] ?? 0;
      }
      places[to] = place;
      times[to] = time;
      directions[to] = visit & 3;
    }
    return count;
  }

  /** Room for `capacity` visits; those there are move along, each to the slot that `movedSlot` names. */
  resize(capacity: number): void {
    const words = new Int32Array(capacity * WORDS);
    const first = Math.max(0, this.next - this.capacity);
    moveRing(this.#words, words, WORDS, first, this.next);
    for (let visit = first; visit < this.next; visit++) {
      const to = (visit & (capacity - 1)) * WORDS;
      words[to + BEFORE] = this.movedSlot(words[to + BEFORE] ?? NO_VISIT, capacity);
    }
    this.#words = words;
    this.#times = new Float64Array(words.buffer);
    this.capacity = capacity;
  }

  /** Where a slot comes to stand in a ring of another size: its running number is the newest that falls on it. */
  movedSlot(slot: number, capacity: number): number {
    if (slot === NO_VISIT) return NO_VISIT;
    const newest = this.next - 1;
    return (newest - ((newest - slot) & (this.capacity - 1))) & (capacity - 1);
  }
}
