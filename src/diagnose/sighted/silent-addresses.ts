/** ARP and neighbour discovery without any answer, by the address that is asked for. */
import type { PairSummary } from '../../survey/summary.ts';
import type { Place } from '../../trace/frame.ts';
import type { CaptureFinding } from '../analysis.ts';
import type { Case } from './case.ts';
import { isHostUnreachable } from './refused.ts';
import { manyUnanswered, nobodyAnswers } from './unanswered.ts';
import { counted } from './words.ts';

/** Silent addresses told one by one; with more, those that one asker asks for are one finding. */
const FEW_ADDRESSES = 8;

/**
 * @param told pairs whose cause is known; those of the findings are added
 * @param silent places that were captured and saw nothing
 * @param places all that were captured
 */
export function silentAddresses(
  pairs: readonly PairSummary[],
  caseOf: ReadonlyMap<PairSummary, Case>,
  told: Set<string>,
  silent: readonly Place[],
  places: readonly Place[],
): CaptureFinding[] {
  const asked = unansweredByTarget(pairs, told);
  const many = asked.length > FEW_ADDRESSES ? severalByAsker(asked) : [];
  const together = new Set(many.flat());
  const findings: CaptureFinding[] = [];
  for (const group of many) {
    const finding = manyUnanswered(group, caseOf);
    if (!finding) continue;
    findings.push(finding);
    for (const pair of group) told.add(keyOf(pair));
  }
  for (const unanswered of asked) {
    const [first] = unanswered;
    if (!first || together.has(first)) continue;
    const finding = nobodyAnswers(unanswered, caseOf.get(first), silent, places);
    if (!finding) continue;
    for (const pair of unanswered) told.add(keyOf(pair));
    // A router that could not find the target tells the sender: one cause.
    const refusals = pairs.filter(
      ({ kind, target, failures }) =>
        kind === 'echo' && target === first.target && failures.some(({ error }) => error && isHostUnreachable(error)),
    );
    for (const pair of refusals) told.add(keyOf(pair));
    findings.push({ ...finding, ...mentioned(finding, refusals) });
  }
  return findings;
}

function keyOf({ source, target }: PairSummary): string {
  return `${source} ${target}`;
}

/** Where somebody was answered, the address has an owner, and single losses are told by their gap. */
function unansweredByTarget(pairs: readonly PairSummary[], told: ReadonlySet<string>): PairSummary[][] {
  const resolving = pairs.filter(({ kind }) => kind !== 'echo');
  const answered = new Set(resolving.flatMap(({ target, answered: replies }) => (replies > 0 ? [target] : [])));
  const byTarget = new Map<string, PairSummary[]>();
  for (const pair of resolving) {
    if (pair.failures.length === 0 || answered.has(pair.target) || told.has(keyOf(pair))) continue;
    const key = `${pair.kind} ${pair.target}`;
    byTarget.set(key, [...(byTarget.get(key) ?? []), pair]);
  }
  return [...byTarget.values()];
}

/** Addresses that only one asks for, by who that is, where they are many. */
function severalByAsker(asked: readonly (readonly PairSummary[])[]): PairSummary[][] {
  const byAsker = new Map<string, PairSummary[]>();
  for (const [pair, another] of asked) {
    if (!pair || another || pair.failures.some(({ failure }) => failure !== 'unanswered')) continue;
    const key = `${pair.kind} ${pair.source}`;
    byAsker.set(key, [...(byAsker.get(key) ?? []), pair]);
  }
  return [...byAsker.values()].filter(({ length }) => length > FEW_ADDRESSES);
}

function mentioned(finding: CaptureFinding, refusals: readonly PairSummary[]): Partial<CaptureFinding> {
  const error = refusals[0]?.failures.find(({ error: each }) => each)?.error;
  if (!error) return {};
  const requests = refusals.reduce((sum, { requests: each }) => sum + each, 0);
  return {
    explains: finding.explains + requests,
    evidence: [
      ...finding.evidence,
      {
        kind: 'sighting',
        text: `${error.from} reports it to ${error.source}: host unreachable, ${counted(error.packets, 'time')}`,
        place: error.place,
      },
    ],
  };
}
