/** The legs of a path while it is being walked. */
import type { Place } from '../trace/frame.ts';
import { type Leg, type LegKind, type Step, stepKey } from './model.ts';

/** What has to happen before the packet goes on, and is another packet's way: a tunnel asks for the next hop of what carries it. */
export interface Aside {
  readonly kind: 'aside';
  readonly legs: readonly Leg[];
}

export type WayStep = Step | Aside;

export interface Trail {
  readonly legs: readonly Leg[];
  /** Starts a leg; what is added from now on belongs to it. */
  begin(kind: LegKind, source: string, destination: string, asker?: Place): void;
  /** An aside's legs stand between what came before it and what comes behind, which is a leg of the same packet again. */
  add(...steps: readonly WayStep[]): void;
  /** What a packet meets before it can be seen at the place it came to. */
  addBeforePlace(...steps: readonly Step[]): void;
}

export function createTrail(): Trail {
  const legs: (Leg & { steps: Step[] })[] = [];
  return {
    legs,
    begin(kind, source, destination, asker) {
      legs.push({ kind, source, destination, ...(asker === undefined ? {} : { asker }), steps: [] });
    },
    add(...steps) {
      for (const step of steps) {
        const current = legs.at(-1);
        if (step.kind !== 'aside') current?.steps.push(step);
        else if (current)
          legs.push(...step.legs.map((leg) => ({ ...leg, steps: [...leg.steps] })), { ...current, steps: [] });
      }
    },
    addBeforePlace(...steps) {
      const current = legs.at(-1);
      if (current) current.steps = beforeLastPlace(current.steps, steps);
    },
  };
}

/** The way with something more before the last of its places, or at its end where it has none. */
export function beforeLastPlace<Kind extends WayStep>(way: readonly Kind[], added: readonly Kind[]): Kind[] {
  const last = way.findLastIndex(({ kind }) => kind === 'place');
  return way.toSpliced(last === -1 ? way.length : last, 0, ...added);
}

/** The gates of a way, those of its asides too, that stop. */
export function stopsOf(steps: readonly WayStep[]): number {
  return steps
    .flatMap((step) => (step.kind === 'aside' ? step.legs.flatMap((leg) => leg.steps) : [step]))
    .filter((step) => step.kind === 'gate' && step.gate.verdict === 'stop').length;
}

/** The way without its asides. */
export function withoutAsides(steps: readonly WayStep[]): Step[] {
  return steps.filter((step): step is Step => step.kind !== 'aside');
}

/** As `stepKey`, of an aside too. */
export function wayKey(step: WayStep): string {
  return step.kind === 'aside'
    ? `aside ${step.legs
        .flatMap((leg) => leg.steps)
        .map(stepKey)
        .join()}`
    : stepKey(step);
}
