/** What the kernel drops at the interfaces of a live view, counted from one second to the next. */
import { VdiagError } from '../linux/error.ts';
import { createDropTally, type DropCount } from '../trace/drop-tally.ts';
import { tallyDrops } from './tally-drops.ts';

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
  try {
    const { stream } = tallyDrops(tally);
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
