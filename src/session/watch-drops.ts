/** Counts what the kernel drops, live. */
import { listInterfaces } from '../linux/interfaces.ts';
import { insideNetns, resolveNetns } from '../linux/netns.ts';
import { createDropTally, type DropCount } from '../trace/drop-tally.ts';
import { tallyDrops } from './tally-drops.ts';

export interface WatchDropsOptions {
  /** Count drops at interfaces named like those of this namespace alone: the kernel does not say where a device is. */
  readonly netns?: string;
  /** Default: until the signal. */
  readonly durationMs?: number;
  readonly signal?: AbortSignal;
  /** Called about every second with what there is so far. */
  readonly onProgress?: (drops: WatchedDrops) => void;
}

export interface WatchedDrops {
  readonly seconds: number;
  /** The most frequent first. */
  readonly counts: readonly DropCount[];
  /** Drops of further kinds, too many to tell apart. */
  readonly others: number;
  /** Events the kernel could not hand over: the counts are too low by some of them. */
  readonly lost: number;
}

const PROGRESS_MS = 1000;

/**
 * Watches until the time is over or the signal comes.
 * @throws VdiagError `permission`, `unsupported-platform`, `no-such-namespace`
 */
export async function watchDrops(options: WatchDropsOptions): Promise<WatchedDrops> {
  const devices =
    options.netns === undefined
      ? undefined
      : new Set(insideNetns(resolveNetns(options.netns), listInterfaces).values());
  const tally = createDropTally(devices);
  const { stream, tracker } = tallyDrops(tally);
  try {
    const started = performance.now();
    const soFar = (): WatchedDrops => ({
      seconds: (performance.now() - started) / 1000,
      counts: tally.counts(),
      others: tally.others(),
      lost: stream.counts().lost,
    });
    const progress = setInterval(() => options.onProgress?.(soFar()), PROGRESS_MS);
    await ended(options);
    clearInterval(progress);
    stream.drain();
    tracker.end();
    return soFar();
  } finally {
    stream.close();
  }
}

function ended({ durationMs, signal }: WatchDropsOptions): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = durationMs === undefined ? undefined : setTimeout(resolve, durationMs);
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
