/**
 * Packet rings of namespaces that come and go while it is listened to. What a ring has counted outlives it, so that nothing
 * grows with the number of namespaces that were ever there.
 */
import type { Instruction } from '../linux/bpf.ts';
import type { NetnsHandle, NetnsId } from '../linux/netns.ts';
import { pollReadable } from '../linux/poll.ts';
import { realtimeNs } from '../linux/socket.ts';
import type { Frame } from '../trace/frame.ts';
import { openRing, type PacketRing } from './ring.ts';

export interface LiveRings {
  /** Namespaces that are listened to. */
  readonly joined: ReadonlySet<NetnsId>;
  /** No frame of before this time comes any more, Unix nanoseconds. */
  readonly untilNs: bigint;
  /**
   * Listens in one more namespace; without effect where it does so already.
   * @throws VdiagError as `openRing`
   */
  join(netns: NetnsHandle, filter: readonly Instruction[]): void;
  /** Another kernel filter, from now on. */
  setFilter(netns: NetnsId, filter: readonly Instruction[]): void;
  /** Hands over what its ring holds, and lets go of the namespace: an open ring keeps it alive. */
  leave(netns: NetnsId): void;
  /** Waits until there are frames or the time is over, and hands them over. */
  poll(timeoutMs: number): Promise<void>;
  /** Waits as long as the kernel may hold frames back, and hands them over. */
  drain(): Promise<void>;
  /** Frames since the beginning, and those the kernel had no room for; also after `close`. */
  counts(): RingCounts;
  /** Idempotent. */
  close(): void;
}

export interface RingCounts {
  readonly captured: number;
  readonly lost: number;
}

/**
 * The kernel hands a block over at its time, however little is in it: many small blocks outlast a program that is kept waiting
 * longer than few large ones. Frames are cut to less than a block.
 */
const BLOCK_BYTES = 1 << 14;
const RETIRE_MS = 20;
/** Blocks of each ring, by how many rings there are: 8 MiB, then 2 MiB, and 1 MiB where there are very many. */
const BLOCKS = [
  { below: 6, blocks: 512 },
  { below: 24, blocks: 128 },
];
const FEWEST_BLOCKS = 64;
/** A block is handed over at the second expiry of its timer at the latest. */
const HOLD_MS = 2 * RETIRE_MS;

export function openLiveRings(onFrame: (frame: Frame) => void): LiveRings {
  const rings = new Map<NetnsId, PacketRing>();
  const past = { captured: 0, lost: 0 };
  const joined = new Set<NetnsId>();
  let untilNs = 0n;
  let closed = false;
  const read = (): void => {
    const startedNs = realtimeNs();
    for (const ring of rings.values()) ring.read(onFrame);
    untilNs = startedNs - BigInt(HOLD_MS) * 1_000_000n;
  };
  const end = (ring: PacketRing): void => {
    ring.close();
    const { captured, lost } = ring.statistics();
    past.captured += captured;
    past.lost += lost;
    rings.delete(ring.netns.id);
    joined.delete(ring.netns.id);
  };
  return {
    joined,
    get untilNs() {
      return untilNs;
    },
    join(netns, filter) {
      if (closed || rings.has(netns.id)) return;
      const blockCount = BLOCKS.find(({ below }) => rings.size < below)?.blocks ?? FEWEST_BLOCKS;
      rings.set(netns.id, openRing(netns, { filter, blockSizeBytes: BLOCK_BYTES, blockCount, retireMs: RETIRE_MS }));
      joined.add(netns.id);
    },
    setFilter: (netns, filter) => rings.get(netns)?.setFilter(filter),
    leave(netns) {
      const ring = rings.get(netns);
      if (!ring) return;
      ring.read(onFrame);
      end(ring);
    },
    async poll(timeoutMs) {
      await pollReadable(
        [...rings.values()].map(({ fd }) => fd),
        timeoutMs,
      );
      if (!closed) read();
    },
    async drain() {
      await new Promise((resolve) => setTimeout(resolve, HOLD_MS + 1));
      if (!closed) read();
    },
    counts() {
      let { captured, lost } = past;
      for (const ring of rings.values()) {
        const own = ring.statistics();
        captured += own.captured;
        lost += own.lost;
      }
      return { captured, lost };
    },
    close() {
      closed = true;
      for (const ring of [...rings.values()]) end(ring);
    },
  };
}
