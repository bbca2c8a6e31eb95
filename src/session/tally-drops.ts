/** Listens to the kernel's drop events, and counts them by what people know: the reason, the kernel's function, the interface. */
import { type KernelEvents, openKernelEvents } from '../capture/drops/kernel-events.ts';
import { openKernelSymbols } from '../capture/drops/kernel-symbols.ts';
import type { DropTally } from '../trace/drop-tally.ts';
import type { KernelEvent } from '../trace/kernel-event.ts';
import { createLifeTracker, type LifeTracker } from '../trace/kernel-life.ts';

export interface TalliedDrops {
  readonly stream: KernelEvents;
  /** Holds packets back whose end is not known yet: `end` it before the last count. */
  readonly tracker: LifeTracker;
}

/**
 * Counts drops in `tally` until the stream is closed.
 * @throws VdiagError as `openKernelEvents`
 */
export function tallyDrops(tally: DropTally): TalliedDrops {
  const symbols = openKernelSymbols();
  let onEvent = (_event: KernelEvent): void => undefined;
  const stream = openKernelEvents({ onEvent: (event) => onEvent(event) });
  const tracker = createLifeTracker({
    originNs: stream.originNs,
    thread: stream.thread,
    rivals: false,
    onDrop: (drop) => {
      // Packets of no protocol are messages between programs: netlink and Unix sockets.
      if (drop.protocol !== 0) tally.add({ ...drop, function: symbols.nameOf(drop.location) });
    },
  });
  onEvent = tracker.add;
  return { stream, tracker };
}
