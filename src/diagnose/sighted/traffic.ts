/** What is odd in the traffic itself, whoever is pinged: two owners, forged senders, errors, copies, circles, storms, losses in passing. */
import type { ContestSummary, ErrorSummary, LostPackets, RepeatSummary, SurveySummary } from '../../survey/summary.ts';
import { placeKey } from '../../trace/frame.ts';
import type { Packet } from '../../wire/packet.ts';
import type { CaptureFinding } from '../analysis.ts';
import type { Case } from './case.ts';
import { findingOf } from './claim.ts';
import { errorText } from './refused.ts';
import { counted, kindText, listed, placeText } from './words.ts';

/** Copies of one broadcast at one place that make a storm: more than a capture has that runs several interfaces together. */
const STORM = 32;
/**
 * The same packet at one place with a smaller TTL each time: once is a router on a stick, a few times is a capture that runs several
 * places together, this often is a circle.
 */
const CIRCLE = 6;

export function trafficFindings(summary: SurveySummary, cases: readonly Case[]): CaptureFinding[] {
  return [
    ...summary.contests.flatMap((contest) => contested(contest, summary)),
    ...storms(summary.repeats),
    ...circles(summary.repeats),
    ...duplicatedReplies(summary),
    ...mismatched(summary),
    ...otherErrors(summary),
    ...wrongChecksums(cases),
    ...copies(summary.repeats),
  ].map((finding) => ({ ...finding, unit: 'packets' as const }));
}

/** Losses of single packets, by the gap they were lost in. */
export function lostInPassing(
  summary: SurveySummary,
  isTold: (source: string, target: string) => boolean,
): CaptureFinding[] {
  const told = new Map<string, number>();
  for (const { source, target, last, next } of summary.lostPackets)
    if (isTold(source, target) || isTold(target, source)) {
      const key = gapKey(last, next);
      told.set(key, (told.get(key) ?? 0) + 1);
    }
  return summary.lost.flatMap((lost) => {
    const packets = lost.packets - (told.get(gapKey(lost.last, lost.next)) ?? 0);
    return packets > 0 ? [{ ...partialLoss(lost, packets, summary, isTold), unit: 'packets' as const }] : [];
  });
}

function gapKey(last: LostPackets['last'], next: LostPackets['next']): string {
  return `${placeKey(last)} ${placeKey(next)}`;
}

function partialLoss(
  lost: LostPackets,
  packets: number,
  summary: SurveySummary,
  isTold: (source: string, target: string) => boolean,
): CaptureFinding {
  const [last, next] = [placeText(lost.last), placeText(lost.next)];
  const hop = summary.hops.find(
    ({ from, to }) => placeKey(from) === placeKey(lost.last) && placeKey(to) === placeKey(lost.next),
  );
  const passed = hop?.packets ?? 0;
  const example = summary.lostPackets.find(
    (packet) =>
      gapKey(packet.last, packet.next) === gapKey(lost.last, lost.next) && !isTold(packet.source, packet.target),
  );
  const kinds = Object.entries(lost.kinds)
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => counted(count, kind === 'other' ? 'other packet' : kindText(kind)));
  const share = passed > 0 ? ` of ${passed + packets} (${percent(packets / (passed + packets))})` : '';
  return findingOf({
    rule: 'loss-partial',
    confidence: 'likely',
    title: `${packets === 1 ? '1 packet was' : `${packets} packets were`} lost between ${last} and ${next}${share}`,
    summary: `${packets === 1 ? 'this packet was' : 'these packets were'} sighted last at ${last}, while others like ${packets === 1 ? 'it' : 'them'} went on to ${next}. By kind: ${listed(kinds, 6)}. If the capture itself lost frames at ${next}, it is no loss of the network.`,
    where: lost.last,
    explains: packets,
    ...(example === undefined ? {} : { example: { ...example.example, timeNs: example.timeNs } }),
    evidence:
      example === undefined
        ? []
        : [
            {
              kind: 'sighting',
              text: `for example the ${kindText(example.kind)} from ${example.source} to ${example.target}, sighted last at ${last}`,
              place: lost.last,
              timeNs: example.timeNs,
            },
          ],
  });
}

function percent(share: number): string {
  return `${(share * 100).toPrecision(2)} %`;
}

function contested(contest: ContestSummary, summary: SurveySummary): CaptureFinding[] {
  const { address, claimants, changes, conflicts } = contest;
  const [first] = claimants;
  if (!first) return [];
  const both = summary.pairs.some(
    ({ kind, target, furtherReplies }) => kind !== 'echo' && target === address && furtherReplies > 0,
  );
  const macs = claimants.map(({ mac }) => mac);
  const shared = {
    where: first.place,
    evidence: claimants.map(({ mac, packets, place }) => ({
      kind: 'sighting' as const,
      text: `${mac} says so in ${counted(packets, 'packet')}, first at ${placeText(place)}`,
      place,
    })),
    explains: claimants.reduce((sum, { packets }) => sum + packets, 0),
    example: first.example,
  };
  if (changes < 2 && conflicts === 0 && !both)
    return [
      findingOf({
        rule: 'address-duplicate',
        severity: 'note',
        confidence: 'possible',
        title: `${address} moved from ${macs[0]} to ${macs[1]} during the capture`,
        summary: 'the claim went over once and did not come back: a container that was restarted looks like this.',
        ...shared,
      }),
    ];
  return [
    findingOf({
      rule: 'address-duplicate',
      severity: 'warning',
      confidence: both || conflicts > 0 ? 'proven' : 'likely',
      title: `two owners of ${address}: ${listed(macs)}`,
      summary: `${listed(macs)} ${macs.length === 2 ? 'both' : 'all'} say that they are ${address}${conflicts > 0 ? ', and a probe for the address was answered by another owner (duplicate address detection)' : both ? ', and answer the same requests' : `, in turns (${changes} times)`}. Whoever asks believes the last one it heard; connections break when that changes.`,
      candidates: [
        {
          rule: 'address-duplicate',
          why: 'find both interfaces and take the address from one',
          look: `ip -br link | grep -e ${macs[0]} -e ${macs[1]}`,
        },
      ],
      ...shared,
    }),
  ];
}

function storms(repeats: readonly RepeatSummary[]): CaptureFinding[] {
  const worst = repeats.filter(
    ({ group, worst: copies, circles: falling }) => group && copies >= STORM && falling < CIRCLE,
  );
  const [first] = worst;
  if (!first) return [];
  return [
    findingOf({
      rule: 'bridge-loop',
      confidence: 'likely',
      title: `a broadcast goes round and round: one ${kindText(first.kind)} of ${first.source} was sighted ${first.worst + 1} times at one place`,
      summary: `${counted(
        worst.reduce((sum, { packets }) => sum + packets, 0),
        'broadcast',
      )} came back to where they had been, unchanged, again and again. That is a loop of bridges or switches without spanning tree: every broadcast stays in it.`,
      where: { netns: '', name: '' },
      candidates: [
        {
          rule: 'bridge-loop',
          why: 'two parallel ways between two bridges',
          look: 'bridge -d link; ip -d link show type bridge',
        },
      ],
      explains: worst.reduce((sum, { packets }) => sum + packets, 0),
      example: first.example,
    }),
  ];
}

function circles(repeats: readonly RepeatSummary[]): CaptureFinding[] {
  return repeats
    .filter(({ circles: falling }) => falling >= CIRCLE)
    .slice(0, 4)
    .map(({ source, target, circles: falling, packets, example }) =>
      findingOf({
        rule: 'ttl-expired',
        confidence: 'likely',
        title: `routers send what is for ${target} in a circle: one packet came by ${falling + 1} times, with a smaller TTL each time`,
        summary: `a packet of ${source} to ${target} came back to a place where it had been, with a smaller TTL each time, until none is left. Two routers each believe that the other one is the way.`,
        where: { netns: '', name: '' },
        candidates: [
          {
            rule: 'ttl-expired',
            why: 'the route for the target is wrong on one of the routers',
            look: `ip route get ${target}`,
          },
        ],
        explains: packets,
        example,
      }),
    );
}

function duplicatedReplies({ pairs }: SurveySummary): CaptureFinding[] {
  const echoes = pairs.filter(({ kind, furtherReplies }) => kind === 'echo' && furtherReplies > 0);
  const [first] = echoes;
  if (!first) return [];
  const replies = echoes.reduce((sum, { furtherReplies }) => sum + furtherReplies, 0);
  return [
    findingOf({
      rule: 'reply-duplicated',
      severity: 'warning',
      confidence: 'likely',
      title: `${counted(replies, 'echo reply')} more than there were requests, ${echoes.length === 1 ? `from ${first.target} to ${first.source}` : `in ${echoes.length} pairs`}`,
      summary: `one request was answered more than once. Either two hosts own the address, or the packets take two ways at a time.`,
      where: first.begins ?? { netns: '', name: '' },
      explains: replies,
      pair: first,
    }),
  ];
}

function mismatched({ mismatches }: SurveySummary): CaptureFinding[] {
  return mismatches.slice(0, 8).map(({ address, claimed, ethernet, packets, place, example }) =>
    findingOf({
      rule: 'arp-sender-mismatch',
      severity: 'note',
      confidence: 'proven',
      title: `${ethernet} sends ARP in the name of ${claimed} (${address})`,
      summary: `the sender hardware address inside the ARP message is not the frame's source. Proxies, redundant routers and bonding do so on purpose; somebody who takes over an address does so as well.`,
      where: place,
      explains: packets,
      example,
    }),
  );
}

/** Errors about other packets than echoes, which no pair of the survey tells of. */
function otherErrors({ errors, pairs }: SurveySummary): CaptureFinding[] {
  const told = new Set(
    pairs.flatMap(({ source, target, failures }) =>
      failures.flatMap(({ error }) => (error ? [`${source} ${target}`] : [])),
    ),
  );
  const groups = new Map<string, ErrorSummary[]>();
  for (const error of errors) {
    if (told.has(`${error.source} ${error.target}`)) continue;
    const key = `${error.from} ${error.version} ${error.type} ${error.code}`;
    groups.set(key, [...(groups.get(key) ?? []), error]);
  }
  return [...groups.values()].slice(0, 8).flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const packets = group.reduce((sum, each) => sum + each.packets, 0);
    const about = listed([...new Set(group.map(({ source, target }) => `${source} to ${target}`))], 3);
    return [
      findingOf({
        rule: 'icmp-unreachable',
        severity: isOnPurpose(first) ? 'note' : 'warning',
        confidence: 'proven',
        title: `${first.from} says ${errorText(first)} in ${counted(packets, 'error')}, about packets from ${about}`,
        summary: 'the error quotes packets that are no echoes.',
        where: first.place,
        explains: packets,
        example: first.example,
      }),
    ];
  });
}

/** What traceroute and path MTU discovery ask for, and redirects. */
function isOnPurpose({ version, type, code }: ErrorSummary): boolean {
  if (version === 6) return type === 2 || type === 3 || (type === 1 && code === 4);
  return type === 11 || type === 5 || (type === 3 && (code === 3 || code === 4));
}

/** What the device is still to cut into segments has no total length, and no checksum yet (large send offload). */
function isOffloaded({ ip }: Packet): boolean {
  return ip?.version === 4 && ip.totalLength === 0;
}

function wrongChecksums(cases: readonly Case[]): CaptureFinding[] {
  for (const { sightings, pair } of cases) {
    const wrong = sightings.find(
      ({ packet, frame }) =>
        !frame.checksumNotReady &&
        !isOffloaded(packet) &&
        (packet.icmp?.checksumValid === false || (packet.ip?.version === 4 && !packet.ip.checksumValid)),
    );
    if (!wrong) continue;
    const { place, timeNs } = wrong.frame;
    return [
      findingOf({
        rule: 'checksum-wrong',
        severity: 'warning',
        confidence: 'proven',
        title: `a packet from ${pair.source} to ${pair.target} is damaged: its ${wrong.packet.icmp?.checksumValid === false ? 'ICMP' : 'IP header'} checksum is wrong at ${placeText(place)}`,
        summary:
          'whoever receives it drops it without a word. ICMP checksums are never left to the device, so this is no offload: a device, a driver or a tunnel on the way damages packets.',
        where: place,
        explains: 1,
        pair,
        evidence: [{ kind: 'sighting', text: 'the frame with the wrong checksum', place, timeNs }],
      }),
    ];
  }
  return [];
}

function copies(repeats: readonly RepeatSummary[]): CaptureFinding[] {
  const odd = repeats.filter(({ group, worst, circles: falling }) => falling < CIRCLE && !(group && worst >= STORM));
  const packets = odd.reduce((sum, each) => sum + each.packets, 0);
  const [first] = odd;
  if (!first) return [];
  return [
    findingOf({
      rule: 'packet-repeated',
      severity: 'note',
      confidence: 'proven',
      title: `${counted(packets, 'packet')} sighted twice at one place`,
      summary:
        'the same bytes twice within milliseconds: a mirror port, a capture on two layers of one device, or a second way.',
      where: { netns: '', name: '' },
      explains: packets,
      example: first.example,
    }),
  ];
}
