/** Packets that a place saw more often than it should, by flow. */
import type { ClosedPacket } from './packets.ts';

/** The packets of one flow that were sighted again where they had been. */
export interface Repeated {
  readonly flow: number;
  readonly kind: number;
  readonly group: boolean;
  packets: number;
  /** Of one packet: most repetitions, and most of them with a falling TTL. */
  worst: number;
  circles: number;
  frame: number;
}

const MOST_REPEATED = 1024;

export class RepeatTable {
  readonly all = new Map<number, Repeated>();

  add({ kind, group, frame, repeats, circles }: ClosedPacket, flow: number): void {
    const known = this.all.get(flow);
    if (known === undefined) {
      if (this.all.size < MOST_REPEATED)
        this.all.set(flow, { flow, kind, group, packets: 1, worst: repeats, circles, frame });
      return;
    }
    known.packets++;
    if (repeats > known.worst) {
      known.worst = repeats;
      known.frame = frame;
    }
    if (circles > known.circles) known.circles = circles;
  }
}
