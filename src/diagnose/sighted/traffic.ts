/** What is odd in the traffic itself, whoever is pinged: two owners, forged senders, errors, damage, repetitions. */
import type { ContestSummary, ErrorSummary, SurveySummary } from '../../survey/summary.ts';
import type { Packet } from '../../wire/packet.ts';
import type { CaptureFinding } from '../analysis.ts';
import type { Case } from './case.ts';
import { findingOf } from './claim.ts';
import { errorText } from './refused.ts';
import { copies, repeatedFindings } from './repeated.ts';
import { counted, listed, placeText } from './words.ts';

export function trafficFindings(summary: SurveySummary, cases: readonly Case[]): CaptureFinding[] {
  return [
    ...summary.contests.flatMap((contest) => contested(contest, summary)),
    ...repeatedFindings(summary),
    ...mismatched(summary),
    ...otherErrors(summary),
    ...wrongChecksums(cases),
    ...copies(summary.repeats),
  ].map((finding) => ({ ...finding, unit: 'packets' as const }));
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
