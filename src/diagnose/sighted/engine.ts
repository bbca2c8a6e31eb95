/**
 * Findings from the traffic alone, where nobody recorded the state of the machine. Sightings prove where a packet ended; what made
 * it end there they often leave open: then the finding has candidates, and none of them is called the cause.
 */
import type { FailureGroup, PairSummary, SurveySummary } from '../../survey/summary.ts';
import type { Place } from '../../trace/frame.ts';
import { byWeight, type CaptureFinding } from '../analysis.ts';
import type { Case } from './case.ts';
import { findingOf } from './claim.ts';
import { type Hearing, hearingOf, unheard } from './heard.ts';
import { lostInPassing } from './lost-in-passing.ts';
import { refused } from './refused.ts';
import { silentAddresses } from './silent-addresses.ts';
import { trafficFindings } from './traffic.ts';
import { noEchoReply } from './unanswered-echo.ts';
import { passesAsker, unheeded } from './unheeded-replies.ts';
import { counted, NOUNS, placeText, REPLIES } from './words.ts';

/** With few failed pairs each is told by itself; with many, only those that fail again and again. */
const FEW_PAIRS = 8;
const AGAIN_AND_AGAIN = 3;

/** @param judged pairs (`source target`) whose cause is known already */
export function sightedFindings(
  summary: SurveySummary,
  cases: readonly Case[],
  judged: ReadonlySet<string> = new Set(),
): CaptureFinding[] {
  const caseOf = new Map(cases.map((each) => [each.pair, each]));
  const told = new Set(judged);
  const failing = summary.pairs.filter((pair) => !judged.has(keyOf(pair)));
  const findings = [...eachPair(failing, caseOf, told, passesAsker), ...eachPair(failing, caseOf, told, unheeded)];
  const hearing = hearingOf(summary, caseOf);
  const left = failing.filter((pair) => !told.has(keyOf(pair)));
  const mute = new Set(left.filter((pair) => isMute(pair, hearing)));
  const heard = left.filter((pair) => !mute.has(pair));
  findings.push(
    ...silentAddresses(
      heard,
      caseOf,
      told,
      silentPlaces(summary),
      summary.places.map(({ place }) => place),
    ),
    ...failedEchoes(heard, caseOf, told),
    ...unheard([...mute].filter((pair) => !told.has(keyOf(pair)))),
  );
  const all = [
    ...findings,
    ...lostInPassing(summary, (source, target) => told.has(`${source} ${target}`)),
    ...silentInPassing(heard, told, hearing),
    ...trafficFindings(summary, cases),
  ];
  return all.sort(byWeight);
}

/** None was answered, and of none that says anything. */
function isMute(pair: PairSummary, { isHeard }: Hearing): boolean {
  return pair.answered === 0 && pair.failures.length > 0 && !pair.failures.some((group) => isHeard(pair, group));
}

/** Captured, and not a single frame. */
function silentPlaces({ places }: SurveySummary): Place[] {
  return places.filter(({ frames }) => frames === 0).map(({ place }) => place);
}

function keyOf({ source, target }: PairSummary): string {
  return `${source} ${target}`;
}

function eachPair(
  pairs: readonly PairSummary[],
  caseOf: ReadonlyMap<PairSummary, Case>,
  told: Set<string>,
  rule: (pair: PairSummary, failed: Case | undefined, pairs: readonly PairSummary[]) => CaptureFinding | undefined,
): CaptureFinding[] {
  return pairs.flatMap((pair) => {
    if (told.has(keyOf(pair))) return [];
    const finding = rule(pair, caseOf.get(pair), pairs);
    if (!finding) return [];
    told.add(keyOf(pair));
    return [finding];
  });
}

function failedEchoes(
  pairs: readonly PairSummary[],
  caseOf: ReadonlyMap<PairSummary, Case>,
  told: Set<string>,
): CaptureFinding[] {
  const echoes = pairs.filter((pair) => pair.kind === 'echo' && pair.failures.length > 0 && !told.has(keyOf(pair)));
  const few = echoes.length <= FEW_PAIRS;
  const findings: CaptureFinding[] = [];
  for (const pair of echoes) {
    const failed = caseOf.get(pair);
    const dead = pair.answered === 0 && (few || pair.requests >= AGAIN_AND_AGAIN);
    const found = pair.failures.flatMap((group) => {
      const said = refused(pair, group, failed);
      if (said) return [said];
      return dead ? [noEchoReply(pair, group, failed)] : [];
    });
    if (dead && found.length > 0) told.add(keyOf(pair));
    findings.push(...found);
  }
  return findings;
}

/** Single requests that came as far as was captured and had no reply: by kind and place. */
function silentInPassing(
  pairs: readonly PairSummary[],
  told: ReadonlySet<string>,
  { isHeard }: Hearing,
): CaptureFinding[] {
  const groups = new Map<string, { pair: PairSummary; group: FailureGroup; requests: number; pairs: number }>();
  for (const pair of pairs) {
    if (told.has(keyOf(pair))) continue;
    for (const group of pair.failures) {
      if (group.failure !== 'unanswered' || !isHeard(pair, group)) continue;
      const key = `${pair.kind} ${placeText(group.last)}`;
      const known = groups.get(key);
      if (known) {
        known.requests += group.requests;
        known.pairs++;
      } else groups.set(key, { pair, group, requests: group.requests, pairs: 1 });
    }
  }
  return [...groups.values()].map(({ pair, group, requests, pairs: count }) =>
    findingOf({
      rule: 'loss-partial',
      confidence: 'possible',
      title: `${counted(requests, NOUNS[pair.kind])} had no ${REPLIES[pair.kind]}, although ${requests === 1 ? 'it' : 'they'} came to ${placeText(group.last)}`,
      summary: `in ${count === 1 ? `the pair ${pair.source} and ${pair.target}` : `${count} pairs`}, requests came to ${placeText(group.last)}, the last place on their way that was captured, and no reply was sighted, while other requests were answered. They are lost behind it, or were not answered.`,
      where: group.last,
      explains: requests,
      ...(count === 1 ? { pair } : {}),
      example: group.example,
    }),
  );
}
