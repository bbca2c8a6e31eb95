/** A finding made of sightings: what all of them have in common. */
import type { FailureGroup, FrameRef, PairSummary } from '../../survey/summary.ts';
import type { Place } from '../../trace/frame.ts';
import { describePacket } from '../../wire/describe.ts';
import type { CaptureFinding } from '../analysis.ts';
import type { Confidence, Evidence, Severity } from '../finding.ts';
import type { Case } from './case.ts';

export interface SightedClaim {
  readonly rule: string;
  readonly severity?: Severity;
  readonly confidence: Confidence;
  readonly title: string;
  readonly summary: string;
  readonly where: Place;
  readonly evidence?: readonly Evidence[];
  readonly candidates?: CaptureFinding['candidates'];
  readonly explains: number;
  readonly pair?: PairSummary;
  readonly example?: (FrameRef & { readonly timeNs?: bigint }) | FailureGroup['example'];
  readonly failed?: Case | undefined;
}

/** Sightings shown of an example. */
const LONGEST_TRAIL = 24;

export function findingOf(claim: SightedClaim): CaptureFinding {
  const { rule, severity = 'fault', confidence, title, summary, where, explains, pair, example, failed } = claim;
  const trail = failed && trailOf(failed);
  return {
    rule,
    severity,
    confidence,
    title,
    summary,
    where,
    evidence: claim.evidence ?? [],
    remedies: [],
    ...(severity === 'note' ? {} : { blocks: 'now' as const }),
    explains,
    ...(pair === undefined ? {} : { pair: { source: pair.source, target: pair.target } }),
    ...(example === undefined ? {} : { example }),
    candidates: claim.candidates ?? [],
    ...(trail === undefined || trail.length === 0 ? {} : { trail }),
  };
}

/** What was sighted of one failure, in order: the ARP before it, the packet, what came instead. */
export function trailOf({ sightings, example, pair }: Case): NonNullable<CaptureFinding['trail']> {
  const own = example && pair.kind === 'echo' ? example.request?.sightings[0]?.frame.timeNs : undefined;
  const from = own === undefined ? undefined : own - 1_000_000_000n;
  return sightings
    .filter(({ frame, kind, sequence }) => {
      if (kind === 'other' || (from !== undefined && frame.timeNs < from)) return false;
      // Another program's echoes have no number here.
      if (pair.kind === 'echo' && kind.startsWith('echo') && sequence === undefined) return false;
      return sequence === undefined || example === undefined || sequence === example.sequence;
    })
    .slice(0, LONGEST_TRAIL)
    .map(({ frame, packet }) => ({
      place: frame.place,
      timeNs: frame.timeNs,
      direction: frame.direction,
      text: describePacket(packet),
    }));
}
