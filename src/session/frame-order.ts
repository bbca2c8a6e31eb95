/** The rings of several namespaces hand over in turns: a frame waits here until no earlier one can come. */
import type { Frame } from '../trace/frame.ts';

export interface OrderedFrames {
  add(frame: Frame): void;
  /** Hands over the frames up to a time (undefined: all), in order of time. */
  take(untilNs: bigint | undefined, onFrame: (frame: Frame) => void): void;
}

export function orderedFrames(): OrderedFrames {
  let held: Frame[] = [];
  return {
    add(frame) {
      held.push(frame);
    },
    take(untilNs, onFrame) {
      held.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
      const ready = untilNs === undefined ? held.length : held.findLastIndex(({ timeNs }) => timeNs <= untilNs) + 1;
      const frames = held.slice(0, ready);
      held = held.slice(frames.length);
      for (const frame of frames) onFrame(frame);
    },
  };
}
