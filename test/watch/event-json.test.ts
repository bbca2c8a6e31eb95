import { describe, expect, it } from 'vitest';
import type { WatchEvent } from '../../src/watch/event.ts';
import { eventJson, summaryJson } from '../../src/watch/event-json.ts';
import { eventLines } from '../../src/watch/event-line.ts';
import { newPair } from '../../src/watch/pairs.ts';
import { schemaOf } from '../schema.ts';

const VA = { netns: 'home', name: 'va' };
const FINDING = {
  rule: 'link-down',
  severity: 'fault',
  confidence: 'proven',
  title: 'vb is down',
  summary: 'vb is down, so nothing passes.',
  where: VA,
  evidence: [],
  remedies: [{ why: 'take it up', commands: ['ip link set vb up'], verify: '' }],
  blocks: 'now',
  explains: 3,
  pair: { source: '10.9.0.2', target: '10.9.0.3' },
  candidates: [],
} as const;
const ENDS = { source: '10.9.0.2', target: '10.9.0.3' };
const timeNs = 1_700_000_000_123_456_789n;
const EVENTS: readonly (readonly [WatchEvent, string])[] = [
  [
    {
      event: 'exchange',
      timeNs,
      kind: 'echo',
      ...ENDS,
      identifier: 7,
      sequence: 2,
      outcome: 'answered',
      rttNs: 51_000,
      request: [{ place: VA, afterNs: 0 }],
      reply: [],
    },
    'echo 10.9.0.2 -> 10.9.0.3 seq 2 answered 0.051 ms  va',
  ],
  [
    {
      event: 'exchange',
      timeNs,
      kind: 'arp',
      ...ENDS,
      outcome: 'unanswered',
      request: [{ place: VA, afterNs: 0 }],
      reply: [],
      missing: VA,
    },
    'arp  10.9.0.2 -> 10.9.0.3 no answer  va -> not at va',
  ],
  [
    {
      event: 'exchange',
      timeNs,
      kind: 'echo',
      ...ENDS,
      outcome: 'refused',
      refusal: { from: '10.9.0.1', words: 'host unreachable' },
      request: [],
      reply: [],
    },
    'echo 10.9.0.2 -> 10.9.0.3 refused by 10.9.0.1: host unreachable',
  ],
  [
    {
      event: 'burst',
      timeNs,
      kind: 'echo',
      ...ENDS,
      exchanges: 9,
      answered: 7,
      rtt: { count: 7, minNs: 1000, sumNs: 14_000, maxNs: 3000 },
    },
    'echo 10.9.0.2 -> 10.9.0.3 9 more, 2 not answered, rtt min/avg/max = 0.001/0.002/0.003 ms',
  ],
  [
    {
      event: 'icmp-error',
      timeNs,
      from: '10.9.0.1',
      words: 'host unreachable',
      ...ENDS,
      count: 3,
      places: [{ place: VA, afterNs: 0 }],
    },
    'icmp 10.9.0.1 says host unreachable 3 times, of 10.9.0.2 -> 10.9.0.3  va',
  ],
  [{ event: 'finding', timeNs, finding: FINDING }, 'fault: vb is down [link-down, proven]'],
  [{ event: 'finding-over', timeNs, finding: FINDING }, 'over: vb is down [link-down]'],
  [
    { event: 'drop', timeNs, reason: 'NETFILTER_DROP', function: 'nf_hook_slow', device: 'va', count: 2 },
    'kernel dropped 2 at va: NETFILTER_DROP in nf_hook_slow',
  ],
  [{ event: 'appeared', timeNs, netns: 'web' }, 'namespace web is there'],
  [{ event: 'vanished', timeNs, netns: 'web', name: 'eth0\x1b[2J' }, 'eth0\\x1b[2J@web is gone'],
  [{ event: 'skipped', timeNs, lost: 5, untold: 0 }, '5 frames were lost: the kernel had no room for them'],
  [{ event: 'note', timeNs, text: 'watching 2 interfaces' }, 'watching 2 interfaces'],
];
const NAMES = {
  placeName: ({ netns, name }: { netns: string; name: string }) => (netns === 'home' ? name : `${name}@${netns}`),
  netnsName: (id: string) => id,
};

describe.each(EVENTS)('%#', (event, line) => {
  it(`is a document of the schema: ${event.event}`, () => {
    const document: unknown = JSON.parse(eventJson(event));
    const valid = schemaOf('watch');
    valid(document);
    expect(valid.errors ?? []).toEqual([]);
    expect(document).toMatchObject({ event: event.event, time: '2023-11-14T22:13:20.123456789Z' });
  });

  it(`is a line: ${line}`, () => {
    const [first = ''] = eventLines(event, NAMES, { width: 80, color: false, unicode: false });
    expect(first.slice('00:00:00.000000 '.length)).toMatch(line.endsWith('slow') ? new RegExp(`^${line}`) : /./);
    if (!line.endsWith('slow')) expect(first.slice('00:00:00.000000 '.length).trimEnd()).toBe(line);
  });
});

it('ends with a summary of the schema', () => {
  const pair = Object.assign(newPair('echo', '10.9.0.2', '10.9.0.3'), {
    requests: 3,
    answered: 2,
    rttSumNs: 2e6,
    rttMinNs: 9e5,
    rttMaxNs: 1.1e6,
  });
  const text = summaryJson(
    timeNs,
    {
      seconds: 1.5,
      frames: 9,
      lost: 0,
      untold: 0,
      pairs: [pair, newPair('arp', '10.9.0.2', '10.9.0.9')],
      hops: [{ from: VA, to: VA, packets: 0, lost: 1, sumNs: 0, minNs: Number.POSITIVE_INFINITY, maxNs: 0 }],
      findings: [{ finding: FINDING, over: true }],
      gaps: [],
    },
    '0.1.0',
  );
  const valid = schemaOf('watch');
  valid(JSON.parse(text));
  expect(valid.errors ?? []).toEqual([]);
  expect(JSON.parse(text)).toMatchObject({ pairs: [{ lossPercent: 33.333, rttMs: { avg: 1 } }, { requests: 0 }] });
});
