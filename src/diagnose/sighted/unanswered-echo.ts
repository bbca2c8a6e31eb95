/** Pairs of which no echo was answered: where the requests, or the replies to them, ended. */
import type { FailureGroup, PairSummary } from '../../survey/summary.ts';
import { type Place, placeKey } from '../../trace/frame.ts';
import type { Packet } from '../../wire/packet.ts';
import type { CaptureFinding } from '../analysis.ts';
import { type Carriage, misdirected, silentBehindRouter, silentTarget, stoppedBetween } from './candidates.ts';
import type { Case } from './case.ts';
import { findingOf } from './claim.ts';
import { endEvidence, wayText } from './failure-text.ts';
import { counted, placeText } from './words.ts';
import { wrongDestination } from './wrong-destination.ts';

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
      evidence: endEvidence(group, 'echo reply', 'echo reply'),
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
      evidence: endEvidence(group, 'echo request', 'echo reply'),
      candidates: stoppedBetween(last, next, carriageOf(failed)),
      ...shared,
    });
  }
  return findingOf({
    rule: 'request-lost',
    confidence: 'possible',
    title: `${target} does not answer ${source}: ${noun}, last sighted at ${last}, no reply anywhere`,
    summary: `every echo request of ${source} to ${target} came to ${last} and was sighted nowhere behind it. No reply and no ICMP error was sighted anywhere. Either the request is lost behind ${last}, or ${target} got it and did not answer, or its answer went another way.`,
    evidence: endEvidence(group, 'echo request', 'echo reply'),
    candidates: isNeighbour(failed) ? silentTarget(source) : silentBehindRouter(source, target, isForwarded(failed)),
    ...shared,
  });
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
