/** Pairs of which no request was answered: each is a case of its own. */
import type { FailureGroup, PairSummary } from '../../survey/summary.ts';
import { type Place, placeKey } from '../../trace/frame.ts';
import type { Packet } from '../../wire/packet.ts';
import type { Candidate, CaptureFinding } from '../analysis.ts';
import type { Evidence } from '../finding.ts';
import {
  type Carriage,
  floodStopped,
  misdirected,
  silentBehindRouter,
  silentBridge,
  silentNeighbour,
  silentOwner,
  silentPort,
  silentTarget,
  stoppedBetween,
} from './candidates.ts';
import type { Case } from './case.ts';
import { findingOf } from './claim.ts';
import { counted, listed, NOUNS, placeText, REPLIES } from './words.ts';
import { wrongDestination } from './wrong-destination.ts';

/** Who asks is answered, and asks again: the replies pass the interface it asks from and end on another one. */
export function passesAsker(
  pair: PairSummary,
  failed: Case | undefined,
  pairs: readonly PairSummary[],
): CaptureFinding | undefined {
  const { begins, passesTo, source, target } = pair;
  if (pair.kind === 'echo' || !passesTo) return undefined;
  // Who asks from there has its stack there: then the first question was missed, nothing else.
  const upperKey = placeKey(passesTo);
  if (pairs.some((each) => each.source === source && each.begins && placeKey(each.begins) === upperKey))
    return undefined;
  const upper = placeText(passesTo);
  if (!begins) return passesUnseen(pair, passesTo, failed);
  const asker = placeText(begins);
  return findingOf({
    rule: 'bridge-port-owns-ip',
    confidence: pair.requests > 1 ? 'likely' : 'possible',
    title: `${asker} seems to be a port of ${upper}: what comes back to ${source} goes up to ${upper}, never to the stack behind ${asker}`,
    summary: `${source} asks for ${target} out of ${asker}, and ${counted(pair.answered, REPLIES[pair.kind])} came back in by it. Each went on to ${upper}, where no request had come from${pair.requests > 1 ? `, and ${source} asked again` : ''}. So ${upper} takes what ${asker} receives, as a bridge does with its ports, while the address is still on ${asker}. Inferred from the traffic: \`ip -br addr show dev ${begins.name}\` and \`bridge link\` confirm it. The cure is to move the address from ${asker} to ${upper}.`,
    where: begins,
    evidence: [
      {
        kind: 'sighting',
        text: `${counted(pair.requests, NOUNS[pair.kind])} of ${source} out of ${asker}, none on ${upper}`,
      },
      { kind: 'sighting', text: `the replies on ${asker} and then on ${upper}` },
    ],
    candidates: [
      {
        rule: 'bridge-port-owns-ip',
        why: `${source} is set on ${asker}, and ${asker} is a port of ${upper}`,
        look: `ip -br addr show dev ${begins.name}; bridge link show dev ${begins.name}`,
      },
    ],
    explains: pair.requests,
    pair,
    failed,
    ...exampleOf(failed),
  });
}

/** The same, told by captures that were made one after the other: where the asker is they leave open. */
function passesUnseen(pair: PairSummary, passesTo: Place, failed: Case | undefined): CaptureFinding {
  const { source, target } = pair;
  const upper = placeText(passesTo);
  return findingOf({
    rule: 'bridge-port-owns-ip',
    confidence: 'likely',
    title: `${upper} gets what comes back to ${source}, which never asks from there: a port of ${upper} seems to hold ${source}`,
    summary: `the ${NOUNS[pair.kind]}s of ${source} for ${target} were captured elsewhere, never on ${upper}; the replies were captured on ${upper} as well. So ${upper} takes what the interface with ${source} receives, as a bridge does with its ports, and the stack behind that interface gets nothing. Inferred from captures that were made one after the other. The cure is to move the address to ${upper}.`,
    where: passesTo,
    evidence: [{ kind: 'sighting', text: `replies to ${source} on ${upper}, and no request of it` }],
    candidates: [
      {
        rule: 'bridge-port-owns-ip',
        why: `${source} is set on a port of ${upper}`,
        look: `ip -br addr; bridge link`,
      },
    ],
    explains: pair.requests,
    pair,
    failed,
    ...exampleOf(failed),
  });
}

/** The replies come back to where the asker is, and it asks again all the same. */
export function unheeded(
  pair: PairSummary,
  failed: Case | undefined,
  pairs: readonly PairSummary[],
): CaptureFinding | undefined {
  const { begins, source, target } = pair;
  if (pair.unheeded < 2 || !begins) return undefined;
  // Who sends it packets has heard where it is.
  if (pairs.some((each) => each.kind === 'echo' && each.source === source && each.target === target)) return undefined;
  const asker = placeText(begins);
  return findingOf({
    rule: 'reply-lost',
    // arping does so, too.
    severity: 'note',
    confidence: 'possible',
    title: `${source} keeps asking for ${target}, although the replies come back to ${asker}`,
    summary: `${counted(pair.answered, REPLIES[pair.kind])} came back to ${asker}, where ${source} asks from, and ${source} asked again a second later each time. Either that is arping, or the replies do not come to its stack; nothing in the capture shows what takes them.`,
    where: begins,
    candidates: [
      {
        rule: 'bridge-port-owns-ip',
        why: `${asker} is a port of a bridge, and the bridge takes what it receives`,
        look: `bridge link show dev ${begins.name}`,
      },
      { rule: 'arp-filtered', why: 'a filter of family arp drops the replies', look: 'nft list ruleset' },
      {
        rule: 'neighbor-wrong-mac',
        why: 'the replies are addressed to another hardware address than its own',
        look: `ip link show dev ${begins.name}`,
      },
    ],
    explains: pair.requests,
    pair,
    failed,
    ...exampleOf(failed),
  });
}

/** Nobody says that he has the address. */
export function nobodyAnswers(
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
      ...absence(group, NOUNS[kind], REPLIES[kind]),
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
export function manyUnanswered(
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
    evidence: absence(group, NOUNS[kind], REPLIES[kind]),
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

/** Echo requests of which none was answered. */
export function noEchoReply(pair: PairSummary, group: FailureGroup, failed: Case | undefined): CaptureFinding {
  const { source, target } = pair;
  const wrong = failed && wrongDestination(pair, group, failed);
  if (wrong) return wrong;
  const last = placeText(group.last);
  const shared = { where: group.last, explains: group.requests, pair, example: group.example, failed };
  const noun = counted(group.requests, 'echo request');
  if (group.failure === 'reply-lost') {
    const aside = comesAside(pair, group, failed);
    if (aside) return aside;
    const next = placeText(group.next ?? pair.begins ?? group.last);
    return findingOf({
      rule: 'reply-lost',
      confidence: group.basis === 'flow' ? 'likely' : 'possible',
      title: `${target} replies to ${source}, and the reply ends at ${last}: it never comes to ${next}`,
      summary: `${noun} of ${source} to ${target} came to an answer, and each reply was sighted last at ${last}; ${wayText(group)}.`,
      evidence: absence(group, 'echo reply', 'echo reply'),
      candidates: [
        ...stoppedBetween(last, next, carriageOf(failed)),
        ...misdirected(source, target, carriageOf(failed)),
      ],
      ...shared,
    });
  }
  if (group.failure === 'request-lost' && group.next) {
    const next = placeText(group.next);
    return findingOf({
      rule: 'request-lost',
      confidence: group.basis === 'flow' ? 'likely' : 'possible',
      title: `the echo request from ${source} to ${target} ends at ${last}: it never comes to ${next}`,
      summary: `${noun} of ${source} to ${target} ${group.requests === 1 ? 'was' : 'were'} sighted last at ${last}; ${wayText(group)}.`,
      evidence: absence(group, 'echo request', 'echo reply'),
      candidates: stoppedBetween(last, next, carriageOf(failed)),
      ...shared,
    });
  }
  return findingOf({
    rule: 'request-lost',
    confidence: 'possible',
    title: `${target} does not answer ${source}: ${noun}, last sighted at ${last}, no reply anywhere`,
    summary: `every echo request of ${source} to ${target} came to ${last} and was sighted nowhere behind it. No reply and no ICMP error was sighted anywhere. Either the request is lost behind ${last}, or ${target} got it and did not answer, or its answer went another way.`,
    evidence: absence(group, 'echo request', 'echo reply'),
    candidates: isNeighbour(failed) ? silentTarget(source) : silentBehindRouter(source, target, isForwarded(failed)),
    ...shared,
  });
}

function silentCauses({ kind, source, target }: PairSummary): Candidate[] {
  return kind === 'arp' ? silentOwner(source, target) : silentNeighbour(target);
}

/** Whether a router has passed the request on: its TTL fell on the way. */
function isForwarded(failed: Case | undefined): boolean {
  const [first, ...others] = failed?.example?.request?.sightings ?? [];
  return first !== undefined && others.some(({ packet }) => ttlOf(packet) < ttlOf(first.packet));
}

function ttlOf({ ip }: Packet): number {
  return ip === undefined ? 0 : ip.version === 4 ? ip.ttl : ip.hopLimit;
}

/** A target that answers ARP is on the same segment: bridges carry what is for it. */
function carriageOf(failed: Case | undefined): Carriage {
  if (failed === undefined) return 'unknown';
  return isForwarded(failed) ? 'routed' : isNeighbour(failed) ? 'bridged' : 'unknown';
}

/** The reply comes to another interface of the machine that asks: nothing is wrong with that unless it validates sources. */
function comesAside(pair: PairSummary, group: FailureGroup, failed: Case | undefined): CaptureFinding | undefined {
  const { begins, source, target } = pair;
  const { last } = group;
  if (!begins || group.basis !== 'reverse' || !isSameMachine(begins, last)) return undefined;
  const passed = new Set(failed?.example?.request?.sightings.map(({ frame }) => placeKey(frame.place)) ?? []);
  if (passed.size === 0 || passed.has(placeKey(last))) return undefined;
  const [out, back] = [placeText(begins), placeText(last)];
  return findingOf({
    rule: 'reply-lost',
    severity: 'note',
    confidence: 'possible',
    title: `what ${source} sends to ${target} leaves by ${out}, and the replies come in by ${back}`,
    summary: `both are interfaces of one machine, so the replies came to it. Whether it takes them there, the capture does not show: strict source validation drops them.`,
    where: last,
    candidates: [
      {
        rule: 'reverse-path-filter',
        why: `the way back to ${target} is ${out}, and ${back} takes nothing from there`,
        look: `sysctl net.ipv4.conf.all.rp_filter net.ipv4.conf.${last.name}.rp_filter`,
      },
    ],
    explains: group.requests,
    pair,
    example: group.example,
    failed,
  });
}

/** Where the capture says so: "eth1@web" and "eth2@web", or one namespace. */
function isSameMachine(one: Place, other: Place): boolean {
  const machineOf = ({ netns, name }: Place) => netns || name.split('@')[1] || '';
  return machineOf(one) !== '' && machineOf(one) === machineOf(other);
}

/** The target answered ARP: no router is needed to come to it. */
function isNeighbour(failed: Case | undefined): boolean {
  return failed?.sightings.some(({ packet }) => packet.arp?.senderProtocol === failed.pair.target) ?? false;
}

function wayText(group: FailureGroup): string {
  const next = group.next === undefined ? '' : placeText(group.next);
  switch (group.basis) {
    case 'flow':
      return `other packets of the same two went on to ${next}`;
    case 'reverse':
      return `what comes back from there passes ${next}`;
    case 'others':
      return `nearly all other packets that come this far go on to ${next}`;
    default:
      return 'where it should have come next is not known';
  }
}

function absence(group: FailureGroup, noun: string, reply: string): Evidence[] {
  const { failure, last, next, example } = group;
  return [
    {
      kind: 'sighting',
      text: `the ${failure === 'reply-lost' ? reply : noun} was sighted last at ${placeText(last)}`,
      place: last,
      timeNs: example.timeNs,
    },
    ...(next === undefined
      ? [{ kind: 'absence' as const, text: `no ${reply} at any place that was captured` }]
      : [{ kind: 'absence' as const, text: `it was not sighted at ${placeText(next)}`, place: next }]),
  ];
}

/** Where packets of a kind were sighted in the example. */
function placesOf(failed: Case | undefined, kind: 'arp-request' | 'neighbour-solicitation'): Place[] {
  const places = new Map<string, Place>();
  for (const { kind: sighted, frame, packet } of failed?.sightings ?? [])
    if (sighted === kind && (packet.arp?.targetProtocol ?? packet.icmp?.target) === failed?.pair.target)
      places.set(placeText(frame.place), frame.place);
  return [...places.values()];
}

function exampleOf(failed: Case | undefined): { example?: FailureGroup['example'] } {
  return failed?.group === undefined ? {} : { example: failed.group.example };
}
