/** A gate: one decision of the kernel between two places of the path. */
import type { Place } from '../trace/frame.ts';

export type Verdict = 'pass' | 'stop' | 'unknown';

/** One piece of kernel state that decides a gate, as a person would look it up. */
export interface Fact {
  readonly text: string;
  /** The command that shows it, in the starting namespace's terms; absent where the text says it all. */
  readonly look?: string;
}

/** Common to all gates. `place` is the interface at which the decision is made. */
export interface GateBase {
  readonly place: Place;
  readonly verdict: Verdict;
  readonly facts: readonly Fact[];
}

/** Grows with the model: each kind of gate names what a rule needs to know of it. */
export type Gate = GateBase & { readonly kind: string };
