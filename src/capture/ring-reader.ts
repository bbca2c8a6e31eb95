/** What several rings hold, in order of time. */
import { realtimeNs } from '../linux/socket.ts';
import type { CapturedPacket } from '../trace/captured-packet.ts';
import type { PacketRing } from './ring.ts';

export interface ReaderOptions {
  /** In order of time among those that are there at once. */
  readonly onPacket: (packet: CapturedPacket) => void;
  /**
   * In order of time throughout: a packet stays in its ring until no earlier one can come from another, some hundredths of a second.
   * Under a load that fills half a ring meanwhile they are handed over at once.
   */
  readonly ordered?: boolean;
}

export interface RingReader {
  /** Something was ready that is not handed over yet. */
  readonly isHolding: boolean;
  /**
   * Hands over what can be, or all that is ready.
   * @returns the time up to which everything has been handed over, Unix nanoseconds; undefined: as far as before
   */
  read(all: boolean): bigint | undefined;
}

/** What was ready when: by ring, how many blocks it had handed over. */
interface Moment {
  readonly timeNs: bigint;
  readonly sinceMs: number;
  readonly blocks: readonly number[];
}

/** @param holdMs how long the kernel may keep a packet before it hands it over */
export function createRingReader(
  rings: readonly PacketRing[],
  { onPacket, ordered = false }: ReaderOptions,
  holdMs: number,
): RingReader {
  let held: Moment | undefined;
  return {
    get isHolding() {
      return held !== undefined;
    },
    read(all) {
      const timeNs = realtimeNs();
      const now = { timeNs, sinceMs: performance.now(), blocks: rings.map((ring) => ring.readyBlocks()) };
      const atOnce = all || !ordered || rings.some((ring) => ring.isHalfFull());
      const due = atOnce ? now : held && now.sinceMs - held.sinceMs >= holdMs ? held : undefined;
      if (due) {
        held = undefined;
        handOver(rings, due, now, onPacket);
      }
      for (const ring of rings) if (!ring.next()) ring.clearError();
      if (!held && ordered && rings.some((ring) => ring.next())) held = now;
      const complete = due ?? (held ? undefined : now);
      return complete && complete.timeNs - BigInt(holdMs) * 1_000_000n;
    },
  };
}

/**
 * Hands over the packets that were ready at `due`, and before each of them what is earlier in other rings: of what is ready `now`, so
 * that it ends also under a flood and when the clock is set back.
 */
function handOver(
  rings: readonly PacketRing[],
  due: Moment,
  now: Moment,
  onPacket: (packet: CapturedPacket) => void,
): void {
  for (;;) {
    let first: number | undefined;
    let earliest: CapturedPacket | undefined;
    let second: CapturedPacket | undefined;
    let dueRings = 0;
    for (const [index, ring] of rings.entries()) {
      const packet = ring.next(now.blocks[index]);
      if (!packet) continue;
      if (ring.next(due.blocks[index])) dueRings++;
      if (!earliest || isEarlier(packet, earliest)) {
        second = earliest;
        earliest = packet;
        first = index;
      } else if (!second || isEarlier(packet, second)) second = packet;
    }
    const ring = first === undefined ? undefined : rings[first];
    if (first === undefined || !ring || dueRings === 0) return;
    // On with the same ring as long as it is ahead: the others stay where they are.
    const isAlone = dueRings === 1 && ring.next(due.blocks[first]) !== undefined;
    const blocks = (isAlone ? due : now).blocks[first];
    for (let packet = earliest; packet && !(second && isEarlier(second, packet)); packet = ring.next(blocks)) {
      ring.advance();
      onPacket(packet);
    }
  }
}

function isEarlier(a: CapturedPacket, b: CapturedPacket): boolean {
  return a.seconds < b.seconds || (a.seconds === b.seconds && a.nanoseconds < b.nanoseconds);
}
