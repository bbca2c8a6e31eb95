/** What the kernel drops at the interfaces of a live view, counted from one second to the next. */
import { openKernelEvents } from '../capture/drops/kernel-events.ts';
import { openKernelSymbols } from '../capture/drops/kernel-symbols.ts';
import { VdiagError } from '../linux/error.ts';
import { createDropTally, type DropCount } from '../trace/drop-tally.ts';
import type { KernelEvent } from '../trace/kernel-event.ts';
import { createLifeTracker } from '../trace/kernel-life.ts';

export interface KernelWatch {
  /** New drops since the last turn that are no ordinary ones, by reason, function and device. */
  turn(): DropCount[];
  /** All so far, the most frequent first. */
  counts(): DropCount[];
  /** Idempotent. */
  close(): void;
}

/**
 * @param devices names of the interfaces; asked anew at every drop, so it may change
 * @returns a line that says why, where the kernel's events cannot be read
 */
export function openKernelWatch(devices: ReadonlySet<string>): KernelWatch | string {
  const tally = createDropTally(devices);
  const symbols = openKernelSymbols();
  let onEvent = (_event: KernelEvent): void => undefined;
  try {
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
    let before = new Map<string, number>();
    const unusual = () => tally.counts().filter(({ benign }) => !benign);
    return {
      turn() {
        const now = unusual();
        const news = now.flatMap((each) => {
          const count = each.count - (before.get(keyOf(each)) ?? 0);
          return count > 0 ? [{ ...each, count }] : [];
        });
        before = new Map(now.map((each) => [keyOf(each), each.count]));
        return news;
      },
      counts: unusual,
      close: () => stream.close(),
    };
  } catch (error) {
    if (!(error instanceof VdiagError)) throw error;
    return `kernel drop events: ${error.message}${error.hint === '' ? '' : `: ${error.hint}`}`;
  }
}

function keyOf({ reason, function: where, device }: DropCount): string {
  return JSON.stringify([reason, where, device]);
}
