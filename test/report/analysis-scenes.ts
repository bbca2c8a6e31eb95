/** Analyses built by hand: a few words per pair and finding, everything else filled in. */
import type { CaptureAnalysis, CaptureFinding, CaptureNote } from '../../src/diagnose/analysis.ts';
import type { FailureGroup, PairSummary, PlaceSummary, SurveySummary } from '../../src/survey/summary.ts';
import type { Place } from '../../src/trace/frame.ts';
import { finding, topology } from './fixture.ts';

/** 2023-11-14 22:13:20 UTC. */
const ZERO_NS = 1_700_000_000_000_000_000n;

/** `eth0`, or `eth0@web`; without a topology a plain name has no namespace. */
export function spot(text: string): Place {
  const [name = '', netns = ''] = text.split('@');
  return { name, netns };
}

export function at(ms: number): bigint {
  return ZERO_NS + BigInt(Math.round(ms * 1e6));
}

export function capture(name: string, frames: number, more: Partial<CaptureNote> = {}): CaptureNote {
  return {
    name,
    format: 'pcapng',
    compressed: false,
    frames,
    problems: [],
    problemCount: 0,
    skipped: {},
    lost: 0,
    ...more,
  };
}

function sighted(text: string, frames: number): PlaceSummary {
  const times = frames === 0 ? {} : { fromNs: at(0), untilNs: at(2500) };
  return { place: spot(text), frames, ...times, inward: frames, outward: 0 };
}

export function pair(words: string, requests: number, answered: number, more: Partial<PairSummary> = {}): PairSummary {
  const [kind, source = '', target = ''] = words.split(' ');
  return {
    kind: kind === 'arp' || kind === 'neighbour' ? kind : 'echo',
    source,
    target,
    begins: spot('eth0'),
    requests,
    answered,
    furtherReplies: 0,
    ...(answered === 0 ? {} : { rttNs: { min: 41_000, avg: 55_250.5, max: 80_000 } }),
    failures: [],
    unheeded: 0,
    ...more,
  };
}

export function failed(
  failure: FailureGroup['failure'],
  requests: number,
  more: Partial<FailureGroup> = {},
): FailureGroup {
  return {
    failure,
    last: spot('br0'),
    requests,
    example: { file: 0, frame: 14, timeNs: at(1200), identifier: 7, sequence: 3 },
    ...more,
  };
}

export function summary(pairs: readonly PairSummary[], more: Partial<SurveySummary> = {}): SurveySummary {
  const places = more.places ?? [sighted('eth0', 20), sighted('br0', 24)];
  return {
    frames: places.reduce((sum, { frames }) => sum + frames, 0),
    packets: 22,
    fromNs: at(0),
    untilNs: at(2500),
    places,
    pairs,
    pairCount: pairs.length,
    requests: pairs.reduce((sum, { requests }) => sum + requests, 0),
    answered: pairs.reduce((sum, { answered }) => sum + answered, 0),
    lost: [],
    lostPackets: [],
    hops: [],
    shape: { links: [], uppers: [] },
    contests: [],
    mismatches: [],
    errors: [],
    repeats: [],
    orphans: 0,
    closedEarly: 0,
    ...more,
  };
}

export function captureFinding(rule: string, more: Partial<CaptureFinding> = {}): CaptureFinding {
  return { ...finding(rule, { where: spot('br0') }), explains: 3, candidates: [], ...more };
}

export function analysis(of: SurveySummary, more: Partial<CaptureAnalysis> = {}): CaptureAnalysis {
  const findings = more.findings ?? [];
  const fault = findings.some(({ severity }) => severity !== 'note');
  return {
    outcome: fault ? 'fault' : of.requests === 0 ? 'inconclusive' : 'healthy',
    findings,
    captures: [capture('all.pcapng', of.frames)],
    summary: of,
    basis: 'sightings',
    gaps: [],
    ...more,
  };
}

const HOPS: SurveySummary['hops'] = [
  { from: spot('eth0'), to: spot('br0'), packets: 12, minNs: 900, avgNs: 2400.5, maxNs: 7000 },
  { from: spot('br0'), to: spot('eth0'), packets: 11, minNs: 0, avgNs: 400, maxNs: 1100 },
];

/** One small capture in which all is well. */
export function quietDay(): CaptureAnalysis {
  return analysis(
    summary([pair('echo 10.9.0.2 10.9.0.3', 3, 3), pair('arp 10.9.0.2 10.9.0.3', 1, 1)], {
      hops: HOPS,
      shape: { links: [], uppers: [{ upper: spot('br0'), lowers: [spot('eth0')] }] },
    }),
  );
}

/** Two hosts, two clocks, a router between them that drops some. */
export function twoHosts(): CaptureAnalysis {
  const candidates = [
    { rule: 'filter-forward-drop', why: 'a router on the way drops them', look: 'nft list ruleset' },
    { rule: 'forwarding-off', why: 'the router does not forward', look: 'sysctl net.ipv4.ip_forward' },
    { rule: 'route-missing', why: 'it has no route', look: 'ip route get 10.2.0.7' },
    { rule: 'echo-ignored', why: 'it answers no pings', look: 'sysctl net.ipv4.icmp_echo_ignore_all' },
  ];
  const [asked, refused] = [pair('echo 10.1.0.2 10.2.0.7', 15, 3), pair('echo 10.1.0.2 203.0.113.9', 2, 0)];
  const error = {
    from: '10.1.0.1',
    version: 4 as const,
    type: 3,
    code: 13,
    source: '10.1.0.2',
    target: '203.0.113.9',
    packets: 2,
    place: spot('eth0@web'),
    example: { file: 0, frame: 40 },
  };
  const lostAt = { last: spot('eth0@web'), next: spot('eth0@db') };
  const step = (name: string, ms: number, text: string): NonNullable<CaptureFinding['trail']>[number] => ({
    place: spot(name),
    timeNs: at(ms),
    direction: name.endsWith('web') ? 'out' : 'in',
    text,
  });
  const request = 'IP 10.1.0.2 > 10.2.0.7: ICMP echo request, id 7, seq 3, length 64';
  return analysis(
    summary(
      [
        {
          ...asked,
          failures: [
            failed('request-lost', 11, { ...lostAt, basis: 'flow' }),
            failed('reply-lost', 1, { last: lostAt.next, next: lostAt.last }),
          ],
        },
        { ...refused, failures: [failed('refused', 2, { error })], furtherReplies: 1 },
        pair('neighbour fe80::1 fe80::2', 2, 1, { failures: [failed('unanswered', 1)], unheeded: 1 }),
      ],
      {
        places: [sighted('eth0@web', 1234), sighted('eth0@db', 987_654), sighted('eth1@db', 0)],
        hops: [
          { from: lostAt.last, to: lostAt.next, packets: 120_000, minNs: 100_000, avgNs: 180_000, maxNs: 5_400_000 },
        ],
        lost: [{ ...lostAt, packets: 13, kinds: { 'echo-request': 11, other: 2 } }],
        lostPackets: [
          {
            kind: 'echo-request',
            source: '10.1.0.2',
            target: '10.2.0.7',
            identifier: 7,
            sequence: 3,
            ...lostAt,
            basis: 'flow',
            timeNs: at(1200),
            example: { file: 0, frame: 14 },
          },
        ],
        errors: [error],
        contests: [
          {
            address: '10.1.0.1',
            changes: 3,
            conflicts: 0,
            claimants: [
              { mac: '02:00:00:00:00:01', packets: 4, place: spot('eth0@web'), example: { file: 0, frame: 2 } },
            ],
          },
        ],
        mismatches: [
          {
            address: '10.1.0.1',
            claimed: '02:00:00:00:00:01',
            ethernet: '02:00:00:00:00:09',
            packets: 1,
            place: spot('eth0@web'),
            example: { file: 0, frame: 3 },
          },
        ],
        repeats: [
          {
            kind: 'other',
            source: '10.1.0.2',
            target: '10.2.0.7',
            group: false,
            packets: 2,
            worst: 1,
            circles: 0,
            example: { file: 1, frame: 5 },
          },
        ],
        shape: { links: [{ ends: [lostAt.last, lostAt.next], packets: 120_000 }], uppers: [] },
      },
    ),
    {
      captures: [
        capture('web.pcap', 1234, { format: 'pcap', lost: 2 }),
        capture('captures/db.pcapng.gz', 987_654, {
          compressed: true,
          clock: { offsetNs: 1_203_000_000, uncertaintyNs: 200_000, packets: 512 },
        }),
        capture('pasted.txt', 12, { format: 'tcpdump-text', skipped: { LINUX_IRDA: 3 } }),
      ],
      findings: [
        captureFinding('request-lost', {
          confidence: 'possible',
          title: 'the echo request from 10.1.0.2 to 10.2.0.7 ends at eth0@web: it never comes to eth0@db',
          summary: '11 echo requests were sighted last at eth0@web; other packets of the same two went on to eth0@db.',
          where: lostAt.last,
          blocks: 'now',
          evidence: [
            {
              kind: 'sighting',
              text: 'the echo request was sighted last at eth0@web',
              place: lostAt.last,
              timeNs: at(1200.5),
            },
            { kind: 'absence', text: 'it was not sighted there', place: lostAt.next },
          ],
          candidates,
          explains: 11,
          pair: { source: '10.1.0.2', target: '10.2.0.7' },
          example: { file: 0, frame: 14, timeNs: at(1200) },
          trail: [
            step('eth0@web', 1200, request),
            step('eth0@db', 1200.2, request),
            step('eth0@web', 1400, 'IP 10.1.0.1 > 10.1.0.2: ICMP host 10.2.0.7 unreachable, length 36'),
            step('eth0@web', 2200, request),
            step('eth0@db', 2200.2, request),
          ],
        }),
        captureFinding('request-lost', { title: 'another of the kind', candidates, explains: 2, confidence: 'likely' }),
        captureFinding('address-duplicate', {
          severity: 'warning',
          title: 'two owners of 10.1.0.1',
          explains: 46,
          unit: 'packets',
          example: { file: 1, frame: 17_194 },
          candidates: [{ rule: 'address-duplicate', why: 'find both', look: 'ip -br link' }],
        }),
        captureFinding('forwarding-off', {
          title: 'and the next one does not forward',
          explains: 0,
          blocks: 'next',
          remedies: [{ why: 'let it', commands: ['sysctl -w net.ipv4.ip_forward=1'], verify: '' }],
        }),
        captureFinding('packet-repeated', {
          severity: 'note',
          title: '2 packets sighted twice',
          example: { file: 1, frame: 5 },
        }),
      ],
      gaps: ['interrupted: only what had been read is analyzed'],
    },
  );
}

/** More of everything than is shown. */
export function crowd(): CaptureAnalysis {
  const numbers = Array.from({ length: 30 }, (_, index) => index);
  return analysis(
    summary(
      numbers.map((n) =>
        pair(`echo 2001:db8:0:${n}::1 2001:db8:ffff:${n}:aaaa:bbbb:cccc:dddd`, 40 - n, 9, {
          failures: [
            failed('request-lost', 20, { next: spot('veth1') }),
            failed('reply-lost', 6 - (n % 3)),
            failed('unanswered', 3),
            failed('refused', 2),
          ],
        }),
      ),
      {
        pairCount: 75_919,
        hops: numbers.map((n) => ({
          from: spot(`veth${n}`),
          to: spot('br0'),
          packets: 100 - n,
          minNs: 1,
          avgNs: 2,
          maxNs: 3,
        })),
        places: numbers.map((n) => sighted(`veth${n}@container-${n}`, 1000 + n)),
        shape: {
          links: numbers.map((n) => ({ ends: [spot(`veth${n}`), spot(`eth${n}`)] as const, packets: 9 })),
          uppers: [],
        },
      },
    ),
    {
      findings: [
        ...numbers.map((n) =>
          captureFinding('loss-partial', { title: `loss number ${n}`, confidence: 'likely', explains: 40 - n }),
        ),
        ...numbers.map((n) => captureFinding('icmp-unreachable', { title: `note number ${n}`, severity: 'note' })),
      ],
    },
  );
}

/** A recorded machine names the cause and the cure. */
export function recordedMachine(): CaptureAnalysis {
  const start = { netns: 'c1', name: 'eth0' };
  const asked = pair('echo 10.9.0.2 10.9.0.3', 5, 0, { begins: start });
  return analysis(
    summary([{ ...asked, failures: [failed('unanswered', 5, { last: start })] }], {
      places: [{ ...sighted('eth0', 7), place: start }],
    }),
    {
      basis: 'topology',
      topology: topology([]),
      findings: [
        captureFinding('link-down', {
          title: 'eth0 is down',
          explains: 5,
          where: start,
          remedies: [{ why: 'set it up', commands: ['ip link set eth0 up'], verify: 'vdiag ping-trace eth0 10.9.0.3' }],
        }),
      ],
    },
  );
}

export function nothingAsked(): CaptureAnalysis {
  return analysis(summary([], { hops: HOPS }));
}

export function nothingAtAll(): CaptureAnalysis {
  const { fromNs: _, untilNs: __, ...empty } = summary([], { places: [sighted('eth0', 0)], frames: 0, packets: 0 });
  return analysis(empty);
}
