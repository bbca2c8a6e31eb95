import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exposition, type Figures, labelValue, MOST_HOP_SERIES, MOST_PAIR_SERIES } from '../../src/watch/exposition.ts';
import { newPair } from '../../src/watch/pairs.ts';

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*")*)\})? -?\d+(\.\d+)?(e[+-]\d+)?$/;

function figures(more: Partial<Figures> = {}): Figures {
  return {
    seconds: 12,
    pairs: [],
    hops: [],
    drops: [],
    findingCounts: new Map(),
    findings: [],
    places: [1, 2],
    frames: 5,
    lost: 1,
    givenUp: 2,
    placeName: ({ netns, name }) => `${name}@${netns}`,
    netnsName: (id) => id,
    ...more,
  };
}

/** Each line by the format's grammar; no series twice, and each below its family's type. */
function samplesOf(page: string): string[] {
  expect(page.endsWith('\n')).toBe(true);
  const families = new Set<string>();
  const series: string[] = [];
  for (const line of page.trimEnd().split('\n')) {
    const type = /^# TYPE (\S+) (counter|gauge|summary)$/.exec(line);
    if (type) {
      expect(type[1]).toMatch(NAME);
      expect(families.has(type[1] ?? '')).toBe(false);
      families.add(type[1] ?? '');
    }
    if (line.startsWith('#')) continue;
    expect(line).toMatch(SAMPLE);
    const name = SAMPLE.exec(line)?.[1] ?? '';
    expect(families.has(name) || families.has(name.replace(/_(sum|count)$/, ''))).toBe(true);
    series.push(line.slice(0, line.lastIndexOf(' ')));
  }
  expect(new Set(series).size).toBe(series.length);
  return series;
}

describe('the exposition format', () => {
  it('has a sample for what was counted', () => {
    const pair = Object.assign(newPair('echo', '10.9.0.2', '10.9.0.3'), { requests: 4, answered: 3, rttSumNs: 3e6 });
    const [from, to] = [
      { netns: 'a', name: 'eth0' },
      { netns: 'home', name: 'va' },
    ];
    const hop = { from, to, packets: 7, lost: 1, sumNs: 14_000, minNs: 1, maxNs: 9 };
    const page = exposition(
      figures({
        pairs: [pair],
        hops: [hop],
        findingCounts: new Map([['link-down', 2]]),
        findings: [{ finding: { rule: 'link-down' }, over: false }],
      }),
    );
    samplesOf(page);
    for (const line of [
      'vdiag_requests_total{kind="echo",source="10.9.0.2",target="10.9.0.3"} 4',
      'vdiag_round_trip_seconds_sum{kind="echo",source="10.9.0.2",target="10.9.0.3"} 0.003',
      'vdiag_round_trip_seconds_count{kind="echo",source="10.9.0.2",target="10.9.0.3"} 3',
      'vdiag_hop_lost_total{from="eth0@a",to="va@home"} 1',
      'vdiag_hop_latency_seconds_count{from="eth0@a",to="va@home"} 7',
      'vdiag_findings_total{rule="link-down"} 2',
      'vdiag_findings_active{rule="link-down"} 1',
      'vdiag_frames_lost_total 1',
    ])
      expect(page.split('\n')).toContain(line);
  });

  it('escapes what names may hold', () => {
    expect(labelValue('a"b\\c\nd')).toBe('a\\"b\\\\c\\\\nd');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        samplesOf(exposition(figures({ placeName: () => name, pairs: [newPair('arp', name, name)], hops: [] })));
      }),
    );
  });

  it('has a bounded number of series, and loses no request', () => {
    const pairs = Array.from({ length: 3000 }, (_, index) =>
      Object.assign(newPair('echo', '10.9.0.2', `10.9.${index}`), { requests: 1 }),
    );
    const hops = Array.from({ length: 3000 }, (_, index) => ({
      from: { netns: 'a', name: `v${index}` },
      to: { netns: 'b', name: 'eth0' },
      packets: 1,
      lost: 0,
      sumNs: 0,
      minNs: 0,
      maxNs: 0,
    }));
    const page = exposition(figures({ pairs, hops }));
    const series = samplesOf(page);
    expect(series.length).toBeLessThan(5 * (MOST_PAIR_SERIES + 1) + 3 * MOST_HOP_SERIES + 20);
    const total = page
      .split('\n')
      .filter((line) => line.startsWith('vdiag_requests_total{'))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    expect(total).toBe(3000);
  });

  it('names a series once where two places are called the same', () => {
    const hop = {
      from: { netns: 'a', name: 'x' },
      to: { netns: 'b', name: 'y' },
      packets: 1,
      lost: 0,
      sumNs: 0,
      minNs: 0,
      maxNs: 0,
    };
    samplesOf(
      exposition(figures({ hops: [hop, { ...hop, from: { netns: 'c', name: 'x' } }], placeName: ({ name }) => name })),
    );
  });
});
