/** Drops in the report, and the table of `vdiag drops`. */
import { describe, expect, it } from 'vitest';
import { type DropsSummary, dropsJson, dropsText } from '../../src/report/drops-text.ts';
import { reportJson } from '../../src/report/json.ts';
import type { Report } from '../../src/report/report.ts';
import { reportText } from '../../src/report/text.ts';
import type { Drop } from '../../src/trace/drop.ts';
import { schemaOf } from '../schema.ts';
import { place, terminal, ZERO_NS } from './fixture.ts';
import { lostOnBridge } from './scenes.ts';

function withDrops(...drops: readonly Partial<Drop>[]): Report {
  const base = lostOnBridge();
  const after = base.diagnosis.example?.request?.sightings[0];
  return {
    ...base,
    diagnosis: {
      ...base.diagnosis,
      drops: drops.map((more) => ({
        timeNs: ZERO_NS + 41_000n,
        reason: 'IP_RPFILTER',
        function: 'ip_rcv_finish_core',
        packet: 'echo-request' as const,
        journey: 1,
        sequence: 1,
        place: place('eth0'),
        sure: true,
        ...(after === undefined ? {} : { after }),
        ...more,
      })),
    },
  };
}

describe('the drops of a report', () => {
  it('are a table of the details, the doubtful ones marked', () => {
    const text = reportText(withDrops({}, { sure: false, packet: 'arp-request', target: '10.9.0.3' }), terminal(160), {
      verbose: true,
    });
    const lines = text.split('\n');
    const start = lines.findIndex((line) => line.startsWith('kernel drops'));
    expect(lines[start + 2]).toMatch(
      /^ {2}0\.041 +echo request seq 1 +eth0 +IP_RPFILTER +ip_rcv_finish_core +reverse path filtering/,
    );
    expect(lines.slice(start).join('\n')).toContain('not sure that it was this packet: ');
    expect(reportText(withDrops(), terminal(160), { verbose: true })).not.toContain('kernel drops');
  });

  it('follow the schema, with and without what is not always known', () => {
    const validate = schemaOf('report');
    const bare = { journey: undefined, sequence: undefined, after: undefined } as const;
    const { journey: _, sequence: __, after: ___, ...sent } = withDrops({}).diagnosis.drops?.[0] ?? { ...bare };
    const document = JSON.parse(JSON.stringify(reportJson(withDrops({}, { target: '10.9.0.3' }))));
    expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
    expect(document.drops[0]).toMatchObject({ reason: 'IP_RPFILTER', meaning: expect.any(String), sure: true });
    const base = withDrops({});
    const unsent = JSON.parse(
      JSON.stringify(reportJson({ ...base, diagnosis: { ...base.diagnosis, drops: [sent as Drop] } })),
    );
    expect(validate(unsent), JSON.stringify(validate.errors)).toBe(true);
    expect(Object.keys(unsent.drops[0])).not.toContain('journey');
    expect(reportJson(lostOnBridge())).not.toHaveProperty('drops');
  });
});

function withWays(): Report {
  const base = lostOnBridge();
  const { example } = base.diagnosis;
  const hop = { way: 'out' as const, device: 'eth0', timeNs: ZERO_NS + 2000n, place: place('eth0') };
  const there = { way: 'in' as const, device: 'far0', timeNs: ZERO_NS + 5400n, sinceNs: 3400 };
  const kernel = [{ journey: example?.request?.id ?? 1, packet: 'echo-request' as const, hops: [hop, there] }];
  return { ...base, diagnosis: { ...base.diagnosis, kernel } };
}

describe("the kernel's report of a packet's way", () => {
  it('is a table of the details, with the time since the hop before', () => {
    const lines = reportText(withWays(), terminal(160), { verbose: true }).split('\n');
    const start = lines.findIndex((line) => line.startsWith("the kernel's own report of echo"));
    expect(lines[start + 2]).toMatch(/^ {2}0\.002 +echo request \(\d+\) +sent by +eth0$/);
    expect(lines[start + 3]).toMatch(/^ {2}0\.005 +echo request \(\d+\) +received by +far0, not sighted there +3\.4$/);
    expect(reportText(withWays(), terminal(160))).not.toContain("the kernel's own report");
  });

  it('is part of the exchange that the findings speak of', () => {
    const validate = schemaOf('report');
    const document = JSON.parse(JSON.stringify(reportJson(withWays())));
    expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
    const ways = document.exchanges.flatMap((exchange: { kernel?: unknown }) => exchange.kernel ?? []);
    expect(ways[0].hops[1]).toEqual({ way: 'in', device: 'far0', timeNs: String(ZERO_NS + 5400n), sinceNs: 3400 });
  });
});

const COUNTED: DropsSummary = {
  seconds: 2.04,
  others: 0,
  lost: 0,
  counts: [
    { reason: 'NO_SOCKET', function: 'ping_rcv', device: 'lo', count: 40, benign: true },
    { reason: 'IP_RPFILTER', function: 'ip_rcv_finish_core', device: 'v0', count: 5, benign: false },
    { reason: 'NO_SOCKET', function: 'ping_rcv', device: 'eth0', count: 2, benign: true },
    { reason: 'reason 0x30001', function: '0xffffffffc0001000', count: 1, benign: false },
  ],
};

describe('the table of drops', () => {
  it('has one line a kind, and folds what every machine has', () => {
    expect(dropsText(COUNTED, terminal(170, false))).toBe(`48 packets dropped in 2.0 s
dropped:
  count  at  reason          function            meaning
  5      v0  IP_RPFILTER     ip_rcv_finish_core  reverse path filtering: the way back to its source does not lead out of the interface it came in by
  1      -   reason 0x30001  0xffffffffc0001000  the kernel has no more to say than this name
ordinary, as on every machine: 42 NO_SOCKET in ping_rcv
`);
  });

  it('shows the ordinary ones when asked', () => {
    const text = dropsText(COUNTED, terminal(140, false), { all: true });
    expect(text).toContain('ordinary: no socket waits for it');
    expect(text).not.toContain('as on every machine');
  });

  it('sums up what has no room, and says what was lost', () => {
    const text = dropsText({ ...COUNTED, others: 7, lost: 9 }, terminal(140, false), { rows: 1 });
    expect(text).toContain('and 8 of further kinds');
    expect(text).toContain('9 events were lost: the counts are too low');
  });

  it('is one line where nothing was dropped', () => {
    expect(dropsText({ seconds: 1, counts: [], others: 0, lost: 0 }, terminal(80, false))).toBe(
      '0 packets dropped in 1.0 s\n',
    );
  });

  it('lets no name from outside reach the terminal as it is', () => {
    const [first] = COUNTED.counts;
    const hostile = { ...COUNTED, counts: first ? [{ ...first, benign: false, device: 'a\x1b[31m' }] : [] };
    expect(dropsText(hostile, terminal(140))).not.toContain('\x1b');
  });

  it('has its head in colour where there is colour', () => {
    expect(dropsText(COUNTED, terminal(140, true, true))).toContain('\x1b[1mdropped:\x1b[22m');
  });

  it('follows its schema', () => {
    const validate = schemaOf('drops');
    expect(validate(JSON.parse(JSON.stringify(dropsJson(COUNTED, '1.2.3')))), JSON.stringify(validate.errors)).toBe(
      true,
    );
  });
});
