/** The stream of the kernel's packet events: every processor's ring, read without waiting, merged in order of time. */
import { endianness } from 'node:os';
import { VdiagError } from '../../linux/error.ts';
import { readNow, readySet } from '../../linux/read.ts';
import { realtimeNs } from '../../linux/socket.ts';
import type { KernelEvent, MarkEvent } from '../../trace/kernel-event.ts';
import { createEventBudget } from './event-budget.ts';
import { eventDecoder } from './event-decode.ts';
import { type EventFilters, openInstance, type TraceInstance } from './instance.ts';
import { pageTimeNs, readTracePage } from './trace-page.ts';

export interface KernelEventsOptions {
  readonly filters?: EventFilters;
  /** In order of time, some milliseconds after they happened. */
  readonly onEvent: (event: KernelEvent) => void;
  /** The ring was full: something may be missing from `fromAt` (nanoseconds since the origin) on, until `untilAt`. */
  readonly onLost?: (fromAt: number, untilAt: number) => void;
  /** Between looks at the rings. Default 10 ms. */
  readonly periodMs?: number;
}

export interface KernelEvents {
  /** Unix nanoseconds of `at` 0. */
  readonly originNs: bigint;
  /** The number of this thread as the events have it, whatever process namespace it lives in. */
  readonly thread: number;
  /** Something that matters is about to happen: where a flood has made it pause, it looks again for a moment. */
  attend(): void;
  /** Reads what there is and hands over everything, in order: the last step before `close`. */
  drain(): void;
  /** So far: events read, events lost because the ring was full, and the time it paused under a flood. */
  counts(): { readonly read: number; readonly lost: number; readonly pausedMs: number };
  /** Idempotent. */
  close(): void;
}

/** Records of one processor may come out this much later than those of another. */
const SLACK_NS = 1_000_000;
/** A look reads no more than this of one ring: a flood must not keep it for ever. */
const MOST_PAGES = 512;
/** Marks that compare the ring's clock with the wall clock: the one that took least time counts. */
const CLOCK_MARKS = 32;
const CLOCK_MARK = 'vdiag clock';

/**
 * Opens a private trace instance and begins to read it.
 * @throws VdiagError `permission`, `unsupported-platform`, `system-call`
 */
export function openKernelEvents(options: KernelEventsOptions): KernelEvents {
  if (endianness() !== 'LE')
    throw new VdiagError('unsupported-platform', 'drop events are read on little-endian machines only');
  const instance = openInstance(options.filters === undefined ? {} : { filters: options.filters });
  try {
    return readInstance(instance, options);
  } catch (error) {
    instance.close();
    throw error;
  }
}

function readInstance(instance: TraceInstance, options: KernelEventsOptions): KernelEvents {
  const { fds, formats, page: format } = instance;
  const decode = eventDecoder(formats);
  const set = readySet(fds);
  const bytes = Buffer.alloc(format.sizeBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const budget = createEventBudget(performance.now());
  const originNs = realtimeNs();
  let read = 0;
  let lost = 0;
  /** On the ring's clock: first the time of the first record, then, once the clocks are compared, that of the origin. */
  let zeroNs: bigint | undefined;
  let pending: KernelEvent[] = [];
  let deliveredAt = 0;
  let pausedAt: number | undefined;
  let pausedMs = 0;
  const lastAt = fds.map(() => 0);
  const nowAt = () => Number(realtimeNs() - originNs);

  const readPage = (cpu: number): boolean => {
    const fd = fds[cpu];
    const count = fd === undefined ? 0 : readNow(fd, bytes);
    if (count === 0) return false;
    const page = count === bytes.length ? bytes : bytes.subarray(0, count);
    zeroNs ??= pageTimeNs(page) ?? 0n;
    let first: number | undefined;
    const before = Math.max(lastAt[cpu] ?? 0, deliveredAt);
    const result = readTracePage(page, format, zeroNs, (offset, end, at) => {
      first ??= at;
      lastAt[cpu] = at;
      read++;
      const event = decode({ bytes, view, offset, end, at, cpu });
      if (event) pending.push(event);
    });
    const missing = result.lost + (result.broken === undefined ? 0 : 1);
    if (missing > 0) {
      lost += missing;
      options.onLost?.(before, first ?? nowAt());
    }
    return true;
  };
  const readAll = (): void => {
    for (const cpu of set.ready()) for (let pages = 0; pages < MOST_PAGES && readPage(cpu); pages++);
  };
  const deliver = (untilAt: number): void => {
    pending.sort((a, b) => a.at - b.at);
    const later = pending.findIndex(({ at }) => at > untilAt);
    const ready = later < 0 ? pending : pending.slice(0, later);
    pending = later < 0 ? [] : pending.slice(later);
    deliveredAt = Math.max(deliveredAt, ready.at(-1)?.at ?? 0);
    for (const event of ready) options.onEvent(event);
  };

  const { originAt, thread } = compareClocks(instance, originNs, () => {
    readAll();
    const marks = pending.filter((event): event is MarkEvent => event.kind === 'mark');
    pending = [];
    return marks;
  });
  zeroNs = (zeroNs ?? 0n) + BigInt(Math.round(originAt));
  lastAt.fill(0);
  read = 0;

  const pause = (): void => {
    instance.turn(false);
    pausedAt = nowAt();
  };
  const resume = (): void => {
    if (pausedAt === undefined) return;
    const now = nowAt();
    pausedMs += (now - pausedAt) / 1e6;
    // From the last that was delivered on: on another processor a record may have been kept out a little earlier.
    options.onLost?.(Math.min(pausedAt, deliveredAt), now);
    pausedAt = undefined;
    instance.turn(true);
  };
  const look = (): void => {
    const startedAt = nowAt();
    const before = read;
    readAll();
    if (!budget.spend(read - before, performance.now()) && pausedAt === undefined) pause();
    deliver(startedAt - SLACK_NS);
    if (pausedAt !== undefined && budget.recovered(performance.now())) resume();
  };
  const timer = setInterval(look, options.periodMs ?? 10);
  timer.unref();
  let closed = false;
  return {
    originNs,
    thread,
    attend() {
      if (closed || pausedAt === undefined) return;
      budget.grant(performance.now());
      if (budget.spend(0, performance.now())) resume();
    },
    drain() {
      if (closed) return;
      resume();
      instance.turn(false);
      readAll();
      deliver(Number.POSITIVE_INFINITY);
    },
    counts: () => ({ read, lost, pausedMs }),
    close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      instance.close();
    },
  };
}

/** Writes marks between two looks at the wall clock, and finds them in the ring. */
function compareClocks(
  instance: TraceInstance,
  originNs: bigint,
  readMarks: () => MarkEvent[],
): { readonly originAt: number; readonly thread: number } {
  const written = Array.from({ length: CLOCK_MARKS }, () => {
    const before = realtimeNs();
    instance.mark(CLOCK_MARK);
    const after = realtimeNs();
    return { middle: Number((before + after) / 2n - originNs), width: after - before };
  });
  const marks = readMarks().filter(({ text }) => text === CLOCK_MARK);
  const measured = written.flatMap(({ middle, width }, index) => {
    const mark = marks[index];
    return mark ? [{ width, originAt: mark.at - middle, thread: mark.thread }] : [];
  });
  if (measured.length !== written.length)
    throw new VdiagError('system-call', 'the trace ring does not give back what is written to it');
  return measured.reduce((one, other) => (other.width < one.width ? other : one));
}
