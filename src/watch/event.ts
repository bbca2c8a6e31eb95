/** What a live view tells, as it happens. Places are names of the kernel; how a person calls them is settled when it is printed. */
import type { CaptureFinding } from '../diagnose/analysis.ts';
import type { RequestKind } from '../survey/kind.ts';
import type { Place } from '../trace/frame.ts';

/** Nanoseconds: round trips where the request began. */
export interface RoundTrips {
  readonly count: number;
  readonly minNs: number;
  readonly sumNs: number;
  readonly maxNs: number;
}

/** Where a packet came by, and how long after the request's first sighting. */
export interface Step {
  readonly place: Place;
  readonly afterNs: number;
}

/**
 * `answered`: a reply came back to where the request began. `late`: after it had been told as unanswered. `astray`: a reply was
 * sighted, but not there. `refused`: an ICMP error came instead.
 */
export type ExchangeOutcome = 'answered' | 'late' | 'unanswered' | 'astray' | 'refused';

export interface ExchangeEvent {
  readonly event: 'exchange';
  /** Of the request's first sighting, Unix nanoseconds. */
  readonly timeNs: bigint;
  readonly kind: RequestKind;
  /** Who asks, and whom, or for which address. */
  readonly source: string;
  readonly target: string;
  /** Of an echo. */
  readonly identifier?: number;
  readonly sequence?: number;
  readonly outcome: ExchangeOutcome;
  readonly rttNs?: number;
  /** Who refused it, and in which words. */
  readonly refusal?: { readonly from: string; readonly words: string };
  readonly request: readonly Step[];
  readonly reply: readonly Step[];
  /** Where others of this pair went on to from where this one was sighted last. */
  readonly missing?: Place;
}

/** Exchanges of one pair that were too many to be told one by one. */
export interface BurstEvent {
  readonly event: 'burst';
  readonly timeNs: bigint;
  readonly kind: RequestKind;
  readonly source: string;
  readonly target: string;
  readonly exchanges: number;
  readonly answered: number;
  readonly rtt?: RoundTrips;
}

/** ICMP errors alike, about packets that were no echo that is waited for. */
export interface ErrorEvent {
  readonly event: 'icmp-error';
  readonly timeNs: bigint;
  readonly from: string;
  readonly words: string;
  /** Of the packet it is about. */
  readonly source: string;
  readonly target: string;
  /** Alike, in one second. */
  readonly count: number;
  /** Of the first of them. */
  readonly places: readonly Step[];
}

export interface FindingEvent {
  /** `finding-over`: exchanges of its pair are answered again. */
  readonly event: 'finding' | 'finding-over';
  readonly timeNs: bigint;
  readonly finding: CaptureFinding;
}

export interface DropEvent {
  readonly event: 'drop';
  readonly timeNs: bigint;
  readonly reason: string;
  readonly function: string;
  readonly device?: string;
  /** Since the last event of its kind. */
  readonly count: number;
}

export interface PlaceEvent {
  readonly event: 'appeared' | 'vanished';
  readonly timeNs: bigint;
  /** The namespace; absent name: all of it. */
  readonly netns: string;
  readonly name?: string;
}

/** What could not be told: `lost` frames the kernel had no room for, `untold` exchanges and errors beyond the limits. */
export interface SkippedEvent {
  readonly event: 'skipped';
  readonly timeNs: bigint;
  readonly lost: number;
  readonly untold: number;
}

/** A remark on the watching itself. */
export interface NoteEvent {
  readonly event: 'note';
  readonly timeNs: bigint;
  readonly text: string;
}

export type WatchEvent =
  | ExchangeEvent
  | BurstEvent
  | ErrorEvent
  | FindingEvent
  | DropEvent
  | PlaceEvent
  | SkippedEvent
  | NoteEvent;
