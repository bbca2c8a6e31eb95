/** The legs of a path while it is being walked. */
import type { Place } from '../trace/frame.ts';
import type { Leg, LegKind, Step } from './model.ts';

export interface Trail {
  readonly legs: readonly Leg[];
  /** Starts a leg; what is added from now on belongs to it. */
  begin(kind: LegKind, source: string, destination: string, asker?: Place): void;
  add(...steps: readonly Step[]): void;
}

export function createTrail(): Trail {
  const legs: (Leg & { steps: Step[] })[] = [];
  return {
    legs,
    begin(kind, source, destination, asker) {
      legs.push({ kind, source, destination, ...(asker === undefined ? {} : { asker }), steps: [] });
    },
    add(...steps) {
      legs.at(-1)?.steps.push(...steps);
    },
  };
}
