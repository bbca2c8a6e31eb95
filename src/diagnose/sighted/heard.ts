/**
 * Whether a missing reply says anything. An ARP request is flooded to every port and its reply goes to the asker alone: on another port
 * than the asker's a request without a reply is what a healthy network looks like. And what was asked when the capture ended may have
 * been answered behind its end.
 */
import type { FailureGroup, PairSummary, SurveySummary } from '../../survey/summary.ts';
import type { CaptureFinding } from '../analysis.ts';
import type { Case } from './case.ts';
import { findingOf } from './claim.ts';
import { counted, listed, NOUNS, placeText } from './words.ts';
import { isGroup } from './wrong-destination.ts';

/** Replies come within this time, nearly always, nanoseconds. */
const PATIENCE_NS = 5e8;

export interface Hearing {
  /** A reply would have been sighted, and the capture went on long enough. */
  isHeard(pair: PairSummary, group: FailureGroup): boolean;
}

export function hearingOf(summary: SurveySummary, caseOf: ReadonlyMap<PairSummary, Case>): Hearing {
  const { untilNs } = summary;
  return {
    isHeard(pair, group) {
      // Who has no answer asks again within a second or two, three times (arp(7) mcast_solicit, RFC 4861 section 10): who does not was
      // answered, wherever that was, or the capture ended before.
      if (pair.kind !== 'echo') return (pair.retried ?? 0) > 0;
      if (isForGroup(pair, caseOf.get(pair))) return false;
      // Where the packet ended is known: that is no matter of patience.
      if (group.failure !== 'unanswered') return true;
      const patience = Math.max(PATIENCE_NS, 2 * (pair.rttNs?.max ?? 0));
      return group.requests > 1 || untilNs === undefined || untilNs - group.example.timeNs >= patience;
    },
  };
}

/** The members of a group answer in their own names, or not at all (icmp_echo_ignore_broadcasts). */
function isForGroup({ target }: PairSummary, failed: Case | undefined): boolean {
  if (/^(22[4-9]|23\d)\.|^255\.255\.255\.255$|^ff/.test(target)) return true;
  const to = failed?.example?.request?.sightings[0]?.packet.ethernet?.destination;
  return to !== undefined && isGroup(to);
}

/** All requests that had no reply without anything being wrong, as far as the capture tells. */
export function unheard(pairs: readonly PairSummary[]): CaptureFinding[] {
  const [first] = pairs;
  const group = first?.failures[0];
  if (!first || !group) return [];
  const requests = pairs.reduce((sum, { requests: asked, answered }) => sum + asked - answered, 0);
  const kinds = [...new Set(pairs.map(({ kind }) => kind))];
  const noun = counted(requests, kinds.length === 1 ? NOUNS[first.kind] : 'request');
  const askers = listed([...new Set(pairs.map(({ source }) => source))]);
  return [
    findingOf({
      rule: 'request-lost',
      severity: 'note',
      confidence: 'possible',
      title: `${noun} by ${askers} without a reply, where a reply need not have been sighted`,
      summary:
        'either the capture ended right after the request, or the request was flooded to a port that the reply to it would not have passed (who has no answer asks again, and nobody did), or it went to a group, whose members answer in their own names. That is no fault as far as this capture tells: capture where the asker is, and longer, to know.',
      where: group.last,
      evidence: [
        {
          kind: 'sighting',
          text: `for example ${first.source} asking for ${first.target}, sighted at ${placeText(group.last)}`,
          place: group.last,
          timeNs: group.example.timeNs,
        },
      ],
      explains: requests,
      ...(pairs.length === 1 ? { pair: first } : {}),
      example: group.example,
    }),
  ];
}
