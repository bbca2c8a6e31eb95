/** What captures tell: a survey of all exchanges in them, and findings over many of them. */

import type { FrameRef, SurveySummary } from '../survey/summary.ts';
import type { Topology } from '../topology/model.ts';
import type { Direction, Place } from '../trace/frame.ts';
import type { Finding, Outcome } from './finding.ts';

/** A cause that the sightings alone cannot tell from its neighbours. */
export interface Candidate {
  /** Its rule. */
  readonly rule: string;
  /** What would have to be so. */
  readonly why: string;
  /** The command that decides. */
  readonly look: string;
}

/** A finding over the exchanges of a capture. */
export interface CaptureFinding extends Finding {
  /** Exchanges, or packets, that it explains. */
  readonly explains: number;
  /** Of `explains`. Absent: exchanges that failed. */
  readonly unit?: 'packets';
  /** Whose they are; absent where it is about more than one pair. */
  readonly pair?: { readonly source: string; readonly target: string };
  /** One of them. */
  readonly example?: FrameRef & { readonly timeNs?: bigint };
  /** Most likely first; empty where the cause is named. */
  readonly candidates: readonly Candidate[];
  /** What was sighted of the example, in order of time. */
  readonly trail?: readonly {
    readonly place: Place;
    readonly timeNs: bigint;
    readonly direction: Direction;
    readonly text: string;
  }[];
}

/** What stops packets first, then what harms them, what would stop them next, and notes; what explains most of each first. */
export function byWeight(a: CaptureFinding, b: CaptureFinding): number {
  return weightOf(a) - weightOf(b) || b.explains - a.explains;
}

function weightOf({ severity, blocks }: CaptureFinding): number {
  if (severity === 'note') return 3;
  if (blocks === 'next') return 2;
  return severity === 'fault' ? 0 : 1;
}

/** One of the captures that were analyzed. */
export interface CaptureNote {
  readonly name: string;
  readonly format: 'pcap' | 'pcapng' | 'tcpdump-text';
  readonly compressed: boolean;
  readonly frames: number;
  /** Reading ended early, or records were left out: in order, with the offset each. */
  readonly problems: readonly { readonly offset: number; readonly message: string; readonly fatal: boolean }[];
  readonly problemCount: number;
  /** Frames of link types that vdiag does not read, by name. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Frames the capturing program says it lost. */
  readonly lost: number;
  /** What was taken from its times, so that its clock agrees with the first capture's; absent where they could not be compared. */
  readonly clock?: { readonly offsetNs: number; readonly uncertaintyNs: number; readonly packets: number };
}

export interface CaptureAnalysis {
  readonly outcome: Outcome;
  /** Those that explain most exchanges first. */
  readonly findings: readonly CaptureFinding[];
  readonly captures: readonly CaptureNote[];
  readonly summary: SurveySummary;
  /** What the causes were judged by: the recorded state of the machine, or the traffic alone. */
  readonly basis: 'topology' | 'sightings';
  readonly topology?: Topology;
  /** Limits of this analysis, one line each. */
  readonly gaps: readonly string[];
}
