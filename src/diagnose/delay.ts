/** Where the time goes: the longest of the ways between two neighbouring milestones, over all probes. */
import type { Figures, Milestone, Passage } from './hops.ts';
import { roundTripMs, waited } from './partial-loss.ts';

export interface Delay {
  /** Absent: from the moment it was sent. */
  readonly from?: Milestone;
  readonly to: Milestone;
  /** By half of the probes it is not exceeded, by half it is; milliseconds. */
  readonly medianMs: number;
  readonly mostMs: number;
  readonly roundTripMs: number;
  /** Probes that took `FLOOR_MS` or more there, of how many. */
  readonly slow: number;
  readonly probes: number;
  /** It lies behind the last place of this machine. */
  readonly beyond: boolean;
  /** One that took the median time or more, to show. */
  readonly example: Passage;
}

/** Inside one machine a round trip takes well below a millisecond: a busy one may take a few, now and then. */
export const SLOW_MS = 10;
const FLOOR_MS = 5;
/** Of the round trip, and of the probes. */
const MOST_OF_IT = 0.5;
const MOST_OF_THEM = 0.75;
/** So many probes tell what is steady from what a busy machine does; fewer only where each is as slow as `SURELY_SLOW_MS`. */
const ENOUGH = 5;
const FEW = 3;
const SURELY_SLOW_MS = 20;

/**
 * The one hop that steadily takes most of a slow round trip; undefined where the way is fast, or where no hop stands out.
 * @param explained true where a state (a queueing discipline) makes a delay before this milestone likely: fewer probes are enough then
 */
export function delayOf({ milestones, passages }: Figures, explained: (to: Milestone) => boolean): Delay | undefined {
  const answered = passages.filter(({ times }) => times.at(-1) !== undefined);
  const used = answered.filter((passage) => !waited(passage));
  const whole = median(used.map(roundTripMs));
  if (whole === undefined || whole < SLOW_MS) return undefined;
  const delays = milestones.flatMap((to, index): Delay[] => {
    const gaps = used.flatMap((passage) => {
      const gap = gapMs(passage, index);
      return gap === undefined ? [] : [{ passage, gap }];
    });
    const medianMs = median(gaps.map(({ gap }) => gap));
    const from = milestones[index - 1];
    const slow = gaps.filter(({ gap }) => gap >= FLOOR_MS).length;
    const example = gaps.find(({ gap }) => medianMs !== undefined && gap >= medianMs)?.passage;
    if (medianMs === undefined || !example || to.direction === 'socket') return [];
    const one = {
      ...(from === undefined ? {} : { from }),
      to,
      medianMs,
      mostMs: Math.max(...gaps.map(({ gap }) => gap)),
      roundTripMs: whole,
      slow,
      probes: gaps.length,
      beyond: from !== undefined && from.packet !== to.packet && from.direction === 'out' && to.direction === 'in',
      example,
    };
    const steady = isSteady(
      gaps.map(({ gap }) => gap),
      explained(to),
    );
    return steady && medianMs >= whole * MOST_OF_IT ? [one] : [];
  });
  return delays.sort((a, b) => b.medianMs - a.medianMs)[0];
}

function isSteady(gaps: readonly number[], explained: boolean): boolean {
  const slow = gaps.filter((gap) => gap >= FLOOR_MS).length;
  if (explained) return slow >= 2 && slow * 2 > gaps.length;
  if (gaps.length >= ENOUGH) return slow >= gaps.length * MOST_OF_THEM;
  return gaps.length >= FEW && gaps.every((gap) => gap >= SURELY_SLOW_MS);
}

/** Between this milestone and the one before it: both must have been sighted. */
function gapMs({ times, sentNs }: Passage, index: number): number | undefined {
  const to = times[index];
  const from = index === 0 ? sentNs : times[index - 1];
  return to === undefined || from === undefined ? undefined : Number(to - from) / 1e6;
}

/** The middle one, of two the smaller. */
function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length / 2) - 1];
}
