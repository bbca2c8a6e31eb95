/** A live capture: packet rings in several network namespaces, read as one stream of packets. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Instruction } from '../linux/bpf.ts';
import { VdiagError } from '../linux/error.ts';
import type { NetnsHandle, NetnsId } from '../linux/netns.ts';
import { pollReadable } from '../linux/poll.ts';
import type { Coverage, Place } from '../trace/frame.ts';
import { openRing, type PacketRing, type RingOptions } from './ring.ts';
import { createRingReader, type ReaderOptions } from './ring-reader.ts';

export interface Capture {
  /** Every interface listened to, also those that appeared since. */
  places(): Place[];
  /**
   * Waits until there are frames, or until one of `alsoWakeFor` (the probe's socket) is readable, or the time is over;
   * hands over what there is, in order of time, and returns the readable ones of `alsoWakeFor`.
   */
  poll(timeoutMs: number, alsoWakeFor?: readonly number[]): Promise<Set<number>>;
  /** Waits as long as the kernel may hold frames back (some milliseconds), and hands them over: the last step before `close`. */
  drain(): Promise<void>;
  /** What was listened to until now; also after `close`. */
  coverage(): Coverage;
  /** Idempotent. Frames not yet read are gone. */
  close(): void;
}

/** What only packet rings can do. */
export interface RingCapture extends Capture {
  /** Another kernel filter in one namespace, from now on. */
  setFilter(netns: NetnsId, filter: readonly Instruction[]): void;
  /**
   * Stops listening in one namespace and lets go of it: its ring would keep a namespace alive that everybody else has left.
   * What the ring holds is handed over before.
   */
  leave(netns: NetnsId): void;
}

/** How often is looked, while packets are held back, whether a ring fills: a large one need not be looked at before their time. */
const LOOK_MS = 8;
const LARGE_RING_BYTES = 8 << 20;

export interface CaptureOptions extends RingOptions, ReaderOptions {
  /** The kernel filter of one namespace, where it is another than `filter`. */
  readonly filterIn?: (netns: NetnsHandle) => readonly Instruction[];
}

/**
 * Opens a ring in each namespace; all are open, and the kernel says so, when this returns. A namespace that cannot be
 * opened is a gap in the coverage.
 *
 * @param namespaces the starting one first; each once
 * @throws VdiagError as `openRing`, for the starting namespace
 */
export function openCapture(namespaces: readonly NetnsHandle[], options: CaptureOptions): RingCapture {
  const rings: PacketRing[] = [];
  const gaps: string[] = [];
  try {
    namespaces.forEach((netns, index) => {
      try {
        const ring = openRing(netns, { ...options, filter: options.filterIn?.(netns) ?? options.filter });
        rings.push(ring);
        if (!ring.proven) gaps.push(`${netns.id}: the kernel does not list the capture as running (/proc/net/packet)`);
      } catch (error) {
        if (index === 0 || !(error instanceof VdiagError)) throw error;
        gaps.push(`${netns.id}: ${error.message}`);
      }
    });
  } catch (error) {
    for (const ring of rings) ring.close();
    throw error;
  }

  let fromNs = 0n;
  for (const ring of rings) if (ring.openedNs > fromNs) fromNs = ring.openedNs;
  // A block is handed over at the second expiry of its timer at the latest.
  const holdMs = 2 * Math.max(1, ...rings.map((ring) => ring.retireMs));
  const lookMs = rings.every(({ sizeBytes }) => sizeBytes >= LARGE_RING_BYTES) ? holdMs + 1 : LOOK_MS;
  const reader = createRingReader(rings, options, holdMs);
  let untilNs = fromNs;
  let closed = false;
  const read = (all: boolean): void => {
    const completeNs = reader.read(all);
    if (!closed && completeNs !== undefined && completeNs > untilNs) untilNs = completeNs;
  };

  const left = new Set<NetnsId>();
  return {
    places: () => rings.flatMap((ring) => ring.places()),
    async poll(timeoutMs, alsoWakeFor = []) {
      if (closed) return new Set();
      const fds = rings.flatMap((ring) => (left.has(ring.netns.id) ? [] : ring.fd));
      // A ring that holds something back would be readable at once, again and again.
      const idle = reader.isHolding && alsoWakeFor.length === 0;
      const ready = idle
        ? await sleep(Math.min(timeoutMs, lookMs), new Set<number>())
        : await pollReadable([...fds, ...alsoWakeFor], timeoutMs);
      if (!closed) read(false);
      return new Set(alsoWakeFor.filter((fd) => ready.has(fd)));
    },
    async drain() {
      await sleep(holdMs + 1);
      if (!closed) read(true);
    },
    coverage() {
      const statistics = rings.map((ring) => ({ netns: ring.netns.id, ...ring.statistics() }));
      return {
        engine: 'packet-ring',
        places: rings.flatMap((ring) => ring.places()),
        fromNs,
        untilNs,
        framesCaptured: statistics.reduce((sum, { captured }) => sum + captured, 0),
        lost: statistics.filter(({ lost }) => lost > 0).map(({ netns, lost }) => ({ netns, frames: lost })),
        gaps: [...gaps],
      };
    },
    setFilter(netns, filter) {
      for (const ring of rings) if (ring.netns.id === netns) ring.setFilter(filter);
    },
    leave(netns) {
      if (closed || left.has(netns)) return;
      read(true);
      left.add(netns);
      for (const ring of rings) if (ring.netns.id === netns) ring.close();
    },
    close() {
      closed = true;
      for (const ring of rings) ring.close();
    },
  };
}
