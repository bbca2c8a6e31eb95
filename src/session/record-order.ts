/** The rings of several namespaces hand over in turns: a frame waits here until no earlier one can come. */
import { type Frame, type Place, placeKey } from '../trace/frame.ts';

export interface OrderedFrames {
  add(frame: Frame): void;
  /** Hands over the frames up to a time (undefined: all), at most `most` of them, in order of time. */
  take(untilNs: bigint | undefined, most: number, onFrame: (frame: Frame) => void): void;
  /** Frames handed over so far. */
  readonly taken: number;
  /** When the last of them was captured, Unix nanoseconds. */
  readonly lastNs: bigint;
}

/** @param only the places whose frames are kept; undefined: all */
export function orderedFrames(only?: readonly Place[]): OrderedFrames {
  const isWanted = placeFilter(only);
  let held: Frame[] = [];
  let taken = 0;
  let lastNs = 0n;
  return {
    add(frame) {
      if (isWanted(frame.place)) held.push(frame);
    },
    take(untilNs, most, onFrame) {
      held.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
      const ready = untilNs === undefined ? held.length : held.findLastIndex(({ timeNs }) => timeNs <= untilNs) + 1;
      const frames = held.slice(0, Math.min(ready, most));
      held = held.slice(frames.length);
      taken += frames.length;
      lastNs = frames.at(-1)?.timeNs ?? lastNs;
      for (const frame of frames) onFrame(frame);
    },
    get taken() {
      return taken;
    },
    get lastNs() {
      return lastNs;
    },
  };
}

/** The kernel filter goes by interface number, and where there are too many interfaces it keeps them all. */
function placeFilter(only: readonly Place[] | undefined): (place: Place) => boolean {
  if (!only) return () => true;
  const wanted = new Set(only.map(placeKey));
  // A ring gives every frame of an interface the same place.
  const verdicts = new WeakMap<Place, boolean>();
  return (place) => {
    const known = verdicts.get(place);
    if (known !== undefined) return known;
    const verdict = wanted.has(placeKey(place));
    verdicts.set(place, verdict);
    return verdict;
  };
}
