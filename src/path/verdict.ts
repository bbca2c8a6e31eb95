/** What a gate's decision comes to, and the state that decides it. */
import type { Place } from '../trace/frame.ts';

export type Verdict = 'pass' | 'stop' | 'unknown';

/** One piece of kernel state that decides a gate, as a person would look it up. */
export interface Fact {
  readonly text: string;
  /** The command that shows it, runnable from the starting namespace. */
  readonly look?: string;
}

/** The packet of a tunnel that carries the one which is followed. */
export interface Tunnel {
  /** The device that puts it inside. */
  readonly sender: Place;
  readonly remote: string;
  /** UDP destination port. */
  readonly port: number;
  /** What stands around the IP packet inside. */
  readonly overheadBytes: number;
}

/** Common to all gates. */
export interface Decided {
  /** The interface at which the decision is made. */
  readonly place: Place;
  readonly verdict: Verdict;
  readonly facts: readonly Fact[];
  /** The decision is about the packet around the one that is followed. */
  readonly tunnel?: Tunnel;
}
