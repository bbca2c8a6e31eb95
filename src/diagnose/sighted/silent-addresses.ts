/** ARP and neighbour discovery without any answer, by the address that is asked for. */
import type { PairSummary } from '../../survey/summary.ts';
import { type Place, placeKey } from '../../trace/frame.ts';
import type { Candidate, CaptureFinding } from '../analysis.ts';
import { floodStopped, silentBridge, silentNeighbour, silentOwner, silentPort } from './candidates.ts';
import type { Case } from './case.ts';
import { findingOf } from './claim.ts';
import { endEvidence, wayText } from './failure-text.ts';
import { isHostUnreachable } from './refused.ts';
import { counted, listed, NOUNS, placeText, REPLIES } from './words.ts';

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

/** Nobody says that he has the address. */
function nobodyAnswers(
  pairs: readonly PairSummary[],
  failed: Case | undefined,
  silent: readonly Place[],
  places: readonly Place[],
): CaptureFinding | undefined {
  const [pair] = pairs;
  const group = pair?.failures[0];
  if (!pair || !group) return undefined;
  const { kind, target } = pair;
  const askers = [...new Set(pairs.map(({ source }) => source))];
  const requests = pairs.reduce((sum, each) => sum + each.requests - each.answered, 0);
  const where = pair.begins ?? group.last;
  const stopped = group.failure === 'request-lost' && group.next ? group.next : undefined;
  const noun = counted(requests, NOUNS[kind]);
  const reach = placesOf(failed, kind === 'arp' ? 'arp-request' : 'neighbour-solicitation');
  const reached = new Set(reach.map(placeKey));
  // A flood comes to every place of the segment: one that it did not come to is on another one, or is kept from it.
  const unreached = reach.length > 0 ? places.filter((place) => !reached.has(placeKey(place))) : [];
  return findingOf({
    rule: 'request-lost',
    confidence: stopped ? 'likely' : 'possible',
    title: stopped
      ? `the ${NOUNS[kind]} for ${target} ends at ${placeText(group.last)} and does not come to ${placeText(stopped)}`
      : `nobody answers for ${target}: ${noun} by ${listed(askers)}, no reply anywhere`,
    summary: stopped
      ? `${noun} for ${target} ${requests === 1 ? 'was' : 'were'} sighted last at ${placeText(group.last)}; ${wayText(group)}.`
      : `${listed(askers)} ${askers.length === 1 ? 'asks' : 'ask'} who has ${target}. ${reach.length > 0 ? `The request was sighted at ${listed(reach.map(placeText), 8)}, a` : 'A'}nd no reply was sighted at any place that was captured. Without the state of the machine this may have several causes.`,
    where,
    evidence: [
      ...endEvidence(group, NOUNS[kind], REPLIES[kind]),
      ...(silent.length === 0
        ? []
        : [
            {
              kind: 'absence' as const,
              text: `${listed(silent.map(placeText), 8)} ${silent.length === 1 ? 'was' : 'were'} captured and saw no frame at all`,
            },
          ]),
    ],
    candidates: stopped
      ? floodStopped(placeText(stopped))
      : silent.length > 0
        ? [...silentPort(silent.map(placeText)), ...silentCauses(pair)]
        : unreached.length > 0
          ? [
              ...silentCauses(pair).slice(0, 3),
              ...silentBridge(unreached.map(placeText)),
              ...silentCauses(pair).slice(3),
            ]
          : silentCauses(pair),
    explains: requests,
    ...(pairs.length === 1 ? { pair } : {}),
    example: group.example,
    failed,
  });
}

/** One asker, and many addresses that nobody says to have. */
function manyUnanswered(
  pairs: readonly PairSummary[],
  caseOf: ReadonlyMap<PairSummary, Case>,
): CaptureFinding | undefined {
  const [pair] = pairs;
  const group = pair?.failures[0];
  if (!pair || !group) return undefined;
  const { kind, source } = pair;
  const requests = pairs.reduce((sum, each) => sum + each.requests, 0);
  const noun = counted(requests, NOUNS[kind]);
  return findingOf({
    rule: 'request-lost',
    confidence: 'possible',
    title: `nobody answers for ${pairs.length} addresses that ${source} asks for: ${noun}, no reply anywhere`,
    summary: `${source} asks for ${listed(pairs.map(({ target }) => target))}, and no reply was sighted at any place that was captured. Who searches a network for hosts (nmap does) asks so; if the addresses should be there, what they have in common is broken.`,
    where: pair.begins ?? group.last,
    evidence: endEvidence(group, NOUNS[kind], REPLIES[kind]),
    candidates: [
      { rule: 'address-missing', why: 'a search, or hosts that are off', look: 'ip neigh show' },
      { rule: 'link-down', why: 'the link that all of them are behind is down', look: 'ip -br link' },
      {
        rule: 'bridge-port-not-forwarding',
        why: 'the bridge port that all of them are behind does not forward',
        look: 'bridge -d link show',
      },
    ],
    explains: requests,
    example: group.example,
    failed: caseOf.get(pair),
  });
}

function silentCauses({ kind, source, target }: PairSummary): Candidate[] {
  return kind === 'arp' ? silentOwner(source, target) : silentNeighbour(target);
}

/** Where packets of a kind were sighted in the example. */
function placesOf(failed: Case | undefined, kind: 'arp-request' | 'neighbour-solicitation'): Place[] {
  const places = new Map<string, Place>();
  for (const { kind: sighted, frame, packet } of failed?.sightings ?? [])
    if (sighted === kind && (packet.arp?.targetProtocol ?? packet.icmp?.target) === failed?.pair.target)
      places.set(placeText(frame.place), frame.place);
  return [...places.values()];
}
