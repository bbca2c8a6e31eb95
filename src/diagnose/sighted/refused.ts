/** Requests that an ICMP error came back for. */
import type { ErrorSummary, FailureGroup, PairSummary } from '../../survey/summary.ts';
import { icmpName } from '../../wire/icmp-name.ts';
import type { Candidate, CaptureFinding } from '../analysis.ts';
import type { Case } from './case.ts';
import { findingOf } from './claim.ts';
import { counted, placeText } from './words.ts';

const UNREACHABLE = 3;
const TIME_EXCEEDED = 11;
const HOST_UNREACHABLE = 1;
const TOO_BIG = 4;
/** Network, host and communication administratively prohibited (RFC 1122, RFC 1812). */
const PROHIBITED = [9, 10, 13];

/** What the error says is wrong. */
export function refused(pair: PairSummary, group: FailureGroup, failed: Case | undefined): CaptureFinding | undefined {
  const { error } = group;
  if (!error) return undefined;
  const { source, target } = pair;
  const { from } = error;
  const shared = {
    where: error.place,
    explains: group.requests,
    pair,
    example: group.example,
    failed,
    evidence: [
      {
        kind: 'sighting' as const,
        text: `${errorText(error)} from ${from}, first sighted at ${placeText(error.place)}, quoting the echo request of ${source} to ${target}`,
        place: error.place,
      },
    ],
  };
  const noun = counted(group.requests, 'echo request');
  const kind = kindOf(error);
  switch (kind) {
    case 'fragmentation-needed':
      return findingOf({
        rule: kind,
        confidence: 'likely',
        title: `${source} sends to ${target} in packets that are too big: ${from} passes on ${error.mtu === undefined ? 'smaller ones only' : `${error.mtu} bytes at most`}`,
        summary: `${noun} came back as too big from ${from}, which is told to the sender: the error was sighted. The next hop takes ${error.mtu ?? 'fewer'} bytes. Send smaller packets, let them be fragmented (ping -M dont), or give the sender's interface or route that MTU.`,
        ...shared,
      });
    case 'ttl-expired':
      return findingOf({
        rule: kind,
        ...(isTraced(pair) ? { severity: 'note' as const } : {}),
        confidence: 'likely',
        title: `the echo request of ${source} to ${target} expires at ${from}: its TTL is used up`,
        summary: `${noun} came back from ${from} with the TTL used up. Either the packets were sent with a small TTL (a traceroute does so on purpose), or routers send them in a circle.`,
        candidates: [
          {
            rule: 'ttl-expired',
            why: 'two routers send packets for the target to each other',
            look: `ip route get ${target}`,
          },
        ],
        ...shared,
      });
    case 'filter-rejected':
      return findingOf({
        rule: kind,
        confidence: 'likely',
        title: `${from} rejects what ${source} sends to ${target}: ${errorText(error)}`,
        summary: `${noun} came back as prohibited from ${from}. A filter rule there rejects them, or a route of type prohibit does.`,
        candidates: [
          { rule: 'filter-rejected', why: `a rule of ${from} rejects`, look: 'nft list ruleset' },
          {
            rule: 'route-blackhole',
            why: `a prohibit route of ${from} covers ${target}`,
            look: `ip route get ${target}`,
          },
        ],
        ...shared,
      });
    default:
      return findingOf({
        rule: 'icmp-unreachable',
        confidence: 'likely',
        title: `${from} says that ${target} cannot be reached from ${source}: ${errorText(error)}`,
        summary: `${noun} of ${source} to ${target} came back as undeliverable from ${from}. ${meaning(error)}`,
        candidates: candidatesOf(error, target),
        ...shared,
      });
  }
}

/** Some expire at one router, some at another, and some arrive: their TTL was raised step by step, as traceroute does. */
function isTraced({ answered, failures }: PairSummary): boolean {
  const routers = new Set(
    failures.flatMap(({ error }) => (error && kindOf(error) === 'ttl-expired' ? [error.from] : [])),
  );
  return answered > 0 && routers.size > 1;
}

/** True when the error says that nobody answered the router's ARP or neighbour solicitation. */
export function isHostUnreachable({ version, type, code }: ErrorSummary): boolean {
  return version === 4 ? type === UNREACHABLE && code === HOST_UNREACHABLE : type === 1 && code === 3;
}

export function errorText({ version, type, code }: ErrorSummary): string {
  return icmpName(version, type, code);
}

function kindOf({ version, type, code }: ErrorSummary): string {
  if (version === 4) {
    if (type === UNREACHABLE && code === TOO_BIG) return 'fragmentation-needed';
    if (type === UNREACHABLE && PROHIBITED.includes(code)) return 'filter-rejected';
    return type === TIME_EXCEEDED && code === 0 ? 'ttl-expired' : 'icmp-unreachable';
  }
  if (type === 2) return 'fragmentation-needed';
  if (type === 1 && code === 1) return 'filter-rejected';
  return type === 3 && code === 0 ? 'ttl-expired' : 'icmp-unreachable';
}

function meaning(error: ErrorSummary): string {
  if (isHostUnreachable(error)) return 'The router asked for its hardware address, and nobody answered.';
  if (error.version === 4 && error.type === UNREACHABLE && error.code === 0) return 'The router has no route to it.';
  if (error.version === 4 && error.type === UNREACHABLE && error.code === 3)
    return 'The packet did arrive there, at a port that nobody listens on, or a rule says so.';
  return 'The error names the reason.';
}

function candidatesOf(error: ErrorSummary, target: string): Candidate[] {
  if (isHostUnreachable(error))
    return [
      { rule: 'address-missing', why: `nobody on the router's segment has ${target}`, look: `ip neigh show ${target}` },
      { rule: 'gateway-unreachable', why: "the router's next hop does not answer", look: `ip route get ${target}` },
      { rule: 'link-down', why: `the interface with ${target} is down`, look: 'ip -br link' },
    ];
  if (error.version === 4 && error.type === UNREACHABLE && error.code === 0)
    return [
      { rule: 'route-missing', why: `${error.from} has no route to ${target}`, look: `ip route get ${target}` },
      { rule: 'route-blackhole', why: 'an unreachable route covers it', look: `ip route get ${target}` },
    ];
  return [{ rule: 'filter-rejected', why: `a rule of ${error.from} rejects with this code`, look: 'nft list ruleset' }];
}
