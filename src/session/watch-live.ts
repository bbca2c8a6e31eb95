/** What a live view knows at a moment. */
import type { Topology } from '../topology/model.ts';
import type { DropCount } from '../trace/drop-tally.ts';
import type { Frame, Place } from '../trace/frame.ts';
import type { LiveHop } from '../watch/hops.ts';
import type { Pair } from '../watch/pairs.ts';
import type { LiveFinding } from './watch-findings.ts';

export interface Live {
  readonly seconds: number;
  readonly pairs: readonly Pair[];
  readonly hops: readonly LiveHop[];
  readonly findings: readonly LiveFinding[];
  /** Told so far, by rule. */
  readonly findingCounts: ReadonlyMap<string, number>;
  /** No ordinary ones. */
  readonly drops: readonly DropCount[];
  readonly places: readonly Place[];
  readonly topology: Topology;
  /** Frames taken, those the kernel had no room for, exchanges whose end is not known, and exchanges left out of the window. */
  readonly frames: number;
  readonly lost: number;
  readonly givenUp: number;
  readonly leftOut: number;
  /** Limits of what was seen, one line each. */
  readonly gaps: readonly string[];
  placeName(place: Place): string;
  netnsName(id: string): string;
  /** The frames of the last minute that were kept, in order of time. */
  lastMinute(): readonly Frame[];
}
