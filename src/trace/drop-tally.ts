/** What a machine drops, counted by reason, function and device. */
import { isBenign } from './drop-reason.ts';
import type { KernelDrop } from './kernel-life.ts';

export interface DropCount {
  readonly reason: string;
  readonly function: string;
  /** Where it was last, in whatever network namespace; undefined where it was at no device yet. */
  readonly device?: string;
  readonly count: number;
  /** Ordinary on a healthy machine. */
  readonly benign: boolean;
}

export interface DropTally {
  add(drop: Pick<KernelDrop, 'reason' | 'function' | 'hops'>): void;
  /** The most frequent first. */
  counts(): DropCount[];
  /** Drops that came when there were too many kinds to tell apart. */
  others(): number;
}

/** Kinds told apart: hostile traffic may come by any number of devices. */
const MOST_KINDS = 2000;

/** @param devices count drops at these alone; absent: all */
export function createDropTally(devices?: ReadonlySet<string>): DropTally {
  const kinds = new Map<string, DropCount>();
  let others = 0;
  return {
    add({ reason, function: where, hops }) {
      const device = hops.at(-1)?.device;
      if (devices && (device === undefined || !devices.has(device))) return;
      const key = `${reason} ${where} ${device ?? ''}`;
      const known = kinds.get(key);
      if (!known && kinds.size >= MOST_KINDS) {
        others++;
        return;
      }
      kinds.set(key, {
        reason,
        function: where,
        ...(device === undefined ? {} : { device }),
        count: (known?.count ?? 0) + 1,
        benign: isBenign(reason, where),
      });
    },
    counts: () => [...kinds.values()].sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1)),
    others: () => others,
  };
}
