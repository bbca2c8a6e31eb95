/** Captures to findings: what is wrong is named, what only looks wrong is not, and what costs memory costs no more of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaptureAnalysis } from '../../src/diagnose/analysis.ts';
import { VdiagError } from '../../src/linux/error.ts';
import { type AnalyzeOptions, analyze } from '../../src/session/analyze.ts';
import { parseMoment } from '../../src/session/moment.ts';
import type { Frame } from '../../src/trace/frame.ts';
import { arpReply, arpRequest, echo, icmpError } from '../trace/frames.ts';
import { hostileCapture } from './hostile.ts';
import { ahead, pass, pcapng, pings, placesOf, SECOND, written } from './written.ts';

const PATH = ['veth1', 'veth0', 'br0'];
const OUT = ['veth1 out', 'veth0 in', 'br0 in'];
const MIB = 2 ** 20;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vdiag-analyze-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

/** From a stream. */
async function analyzed(frames: readonly Frame[], options: Partial<AnalyzeOptions> = {}): Promise<CaptureAnalysis> {
  return (await analyze({ captures: [{ path: '-' }], stdin: chunks(pcapng(frames)), ...options })).analysis;
}

/** Above a note, in few words. */
function faults({ findings }: CaptureAnalysis): string[] {
  return findings.flatMap(({ severity, rule, explains, where }) =>
    severity === 'note' ? [] : [`${rule} ${explains} ${where.name}`],
  );
}

function notes({ findings }: CaptureAnalysis): string[] {
  return findings.flatMap(({ severity, rule }) => (severity === 'note' ? [rule] : []));
}

describe('a healthy network', () => {
  it('has no findings', async () => {
    const analysis = await analyzed(pings(5, PATH));
    expect(analysis).toMatchObject({ outcome: 'healthy', findings: [], gaps: [], basis: 'sightings' });
    expect(analysis.captures).toMatchObject([
      { name: 'standard input', format: 'pcapng', frames: 30, problemCount: 0 },
    ]);
  });

  it('is healthy where a bystander hears others ask, and hears no replies', async () => {
    const asking = Array.from({ length: 12 }, (_, n) =>
      pass(['eth0'], n * 7 * SECOND, arpRequest(`10.0.0.${n + 1}`, `10.0.0.${n + 100}`)),
    ).flat();
    const analysis = await analyzed([...asking, ...pings(90, ['eth0'])]);
    expect(analysis.outcome).toBe('healthy');
    expect(faults(analysis)).toEqual([]);
    expect(analysis.findings).toMatchObject([{ rule: 'request-lost', severity: 'note', explains: 12 }]);
  });

  it('is healthy although others ask for somebody whose replies go elsewhere', async () => {
    const frames = [
      ...pass(['eth0 out'], 0, arpRequest('10.0.0.1', '10.0.0.254')),
      ...pass(['eth0 in'], 300, arpReply('10.0.0.254', '10.0.0.1')),
      ...pass(['eth0 in'], 5 * SECOND, arpRequest('10.0.0.7', '10.0.0.254')),
      ...pings(20, ['eth0']),
    ];
    expect(faults(await analyzed(frames))).toEqual([]);
  });

  it('is healthy where the capture ended between a request and its reply', async () => {
    const frames = [...pings(5, PATH), ...pass(OUT, 6 * SECOND, echo('request', 6))];
    expect(await analyzed(frames)).toMatchObject({ outcome: 'healthy', findings: [] });
    const alone = await analyzed(pass(OUT, 0, echo('request', 1)));
    expect(faults(alone)).toEqual([]);
    expect(notes(alone)).toEqual(['request-lost']);
  });

  it('is healthy where a scan finds nobody, but the scan is told', async () => {
    const scan = Array.from({ length: 60 }, (_, n) =>
      [0, 1].flatMap((again) =>
        pass(['eth0 out'], n * 1000 + again * SECOND, arpRequest('10.0.0.1', `10.0.1.${n + 1}`)),
      ),
    ).flat();
    const analysis = await analyzed(scan);
    expect(faults(analysis)).toEqual(['request-lost 120 eth0']);
    expect(analysis.findings[0]?.title).toContain('60 addresses');
  });
});

describe('a fault', () => {
  it('between two places is found there, with an example', async () => {
    const lostAt = (n: number) => pass(OUT.slice(0, 2), n * SECOND, echo('request', n));
    const frames = [...pings(40, PATH), ...lostAt(50), ...lostAt(51), ...pings(3, PATH, 60)];
    const analysis = await analyzed(frames);
    expect(faults(analysis)).toEqual(['loss-partial 2 veth0']);
    expect(analysis.findings[0]).toMatchObject({ unit: 'packets', example: { file: 0, frame: 241 } });
    expect(analysis.findings[0]?.title).toContain('between veth0 and br0');
  });

  it('to a hardware address that nobody has is one when it is flooded, and else only a candidate', async () => {
    const lost = (visits: readonly string[]) => [1, 2, 3].flatMap((n) => pass(visits, n * SECOND, echo('request', n)));
    const flooded = await analyzed(lost(['eth0 out', 'vA in', 'vB out', 'vC out', 'vD out']));
    expect(faults(flooded)).toEqual(['neighbor-wrong-mac 3 eth0']);
    // The way of every ping over a bridge, to a target that does not answer.
    const along = await analyzed(lost(['eth0 out', 'vA in', 'br0 in', 'vB out', 'eth1 in']));
    expect(faults(along)).toEqual(['request-lost 3 eth1']);
    expect(along.findings[0]?.candidates.map(({ rule }) => rule)).toContain('neighbor-wrong-mac');
  });

  it('of an address that nobody has is found by those who ask again', async () => {
    const asks = [0, 1, 2].flatMap((n) => pass(['eth0'], n * SECOND, arpRequest('10.0.0.1', '10.0.0.99')));
    const analysis = await analyzed(asks);
    expect(faults(analysis)).toEqual(['request-lost 3 eth0']);
    expect(analysis.findings[0]?.candidates.map(({ rule }) => rule)).toContain('address-missing');
    expect(analysis.findings[0]?.trail).toHaveLength(3);
  });

  it('that a router tells of is one, with the ARP that found nobody', async () => {
    const asked = echo('request', 1, { destination: '10.0.0.99' });
    const frames = [
      ...pass(['br0 in'], 0, asked),
      ...[0, 1, 2].flatMap((n) => pass(['veth2 out'], 10 + n * SECOND, arpRequest('10.0.0.1', '10.0.0.99'))),
      ...pass(['br0 out'], 3 * SECOND, icmpError(3, 1, '10.9.0.1', asked)),
    ];
    const analysis = await analyzed(frames);
    expect(faults(analysis)).toEqual(['request-lost 4 veth2']);
    expect(analysis.findings[0]?.evidence.map(({ text }) => text).join()).toContain('10.9.0.1 reports it to 10.9.0.2');
  });

  it('seen by two recorders whose clocks differ is placed between them', async () => {
    const lost = pass(['eth0 out'], 60 * SECOND, echo('request', 60));
    const frames = [...pings(40, ['eth0', 'eth1']), ...lost, ...pings(3, ['eth0', 'eth1'], 70)];
    const here = written(folder, 'here.pcapng', placesOf(frames, 'eth0'));
    const there = written(folder, 'there.pcapng', ahead(placesOf(frames, 'eth1'), 3700));
    const { analysis } = await analyze({ captures: [{ path: here }, { path: there }] });
    expect(faults(analysis)).toEqual(['loss-partial 1 eth0']);
    expect(analysis.captures.map(({ clock }) => clock && Math.round(clock.offsetNs / 1e6))).toEqual([undefined, 3700]);
    expect(analysis.summary).toMatchObject({ requests: 44, answered: 43 });
  });

  it.each(['port-owns-ip-any', 'port-owns-ip-one-ping', 'port-owns-ip-three-captures', 'port-owns-ip-three-pings'])(
    'pasted as text is found: %s',
    async (name) => {
      const path = fileURLToPath(new URL(`../../fixtures/transcripts/${name}.txt`, import.meta.url));
      const { analysis } = await analyze({ captures: [{ path }] });
      expect(analysis.outcome).toBe('fault');
      expect(analysis.findings.filter(({ severity }) => severity !== 'note').map(({ rule }) => rule)).toEqual([
        'bridge-port-owns-ip',
      ]);
    },
  );
});

describe('what is asked for', () => {
  const frames = [
    ...pings(3, PATH),
    ...[5, 6, 7].flatMap((n) => pass(OUT, n * SECOND, echo('request', n, { destination: '10.9.0.9' }))),
    ...pings(3, PATH, 20),
  ];

  it('is everything, by itself', async () => {
    const analysis = await analyzed(frames);
    expect(faults(analysis)).toEqual(['request-lost 3 br0']);
    expect(analysis.summary.pairs).toHaveLength(2);
  });

  it('is two addresses', async () => {
    const healthy = await analyzed(frames, { between: ['10.9.0.2', '10.9.0.3'] });
    expect(healthy).toMatchObject({ outcome: 'healthy', summary: { requests: 6, answered: 6 } });
    const broken = await analyzed(frames, { between: ['10.9.0.9', '10.9.0.2'] });
    expect(broken).toMatchObject({ outcome: 'fault', summary: { requests: 3, answered: 0 } });
  });

  it('is a span of time', async () => {
    const early = await analyzed(frames, { until: parseMoment('+3') });
    expect(early).toMatchObject({ outcome: 'healthy', summary: { requests: 3 } });
    const late = await analyzed(frames, { since: parseMoment('+10') });
    expect(late).toMatchObject({ outcome: 'healthy', summary: { requests: 3 } });
    const none = await analyzed(frames, { since: parseMoment('+100') });
    expect(none).toMatchObject({ outcome: 'inconclusive', summary: { frames: 0, requests: 0 } });
  });

  it('is a topology that can be read, or an error that names it', async () => {
    const path = join(folder, 'no-topology.json');
    writeFileSync(path, '{"schema": "something"}');
    await expect(analyzed(frames, { topology: path })).rejects.toThrow(VdiagError);
    await expect(analyzed(frames, { topology: `${path}.gone` })).rejects.toThrow('no-topology.json.gone');
  });

  it('may be given up: what was read is analyzed, and said to be not all', async () => {
    const controller = new AbortController();
    const { analysis } = await analyze({
      captures: [{ path: '-' }],
      stdin: hostileCapture(600_000, 2),
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    expect(analysis.summary.frames).toBeLessThan(600_000);
    expect(analysis.gaps.join()).toContain('interrupted');
  });
});

describe('a hostile capture', () => {
  it('whose every frame is another address, flow and way stays under 200 MiB', { timeout: 90_000 }, async () => {
    const before = process.memoryUsage().rss;
    let most = before;
    const watch = () => {
      most = Math.max(most, process.memoryUsage().rss);
    };
    const timer = setInterval(watch, 10);
    const { analysis } = await analyze({
      captures: [{ path: '-' }],
      stdin: hostileCapture(300_000, 2000),
      onProgress: watch,
    });
    clearInterval(timer);
    watch();
    expect(analysis.summary.frames).toBe(300_000);
    expect((most - before) / MIB).toBeLessThan(200);
  });

  // Looked for one by one they take minutes: then the limit ends it.
  it('that describes very many interfaces ends', { timeout: 60_000 }, async () => {
    const section = Buffer.from('0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000', 'hex');
    const description = Buffer.from('010000001400000001000000000000001400' + '0000', 'hex');
    const stdin = chunks(section, ...Array<Uint8Array>(100).fill(Buffer.concat(Array<Buffer>(1000).fill(description))));
    const { analysis } = await analyze({ captures: [{ path: '-' }], stdin });
    expect(analysis.summary.frames).toBe(0);
  });

  it('of any bytes in its frames is analyzed without a throw', { timeout: 60_000 }, async () => {
    const template = pings(2, PATH).map((each) => each.bytes);
    const anyFrames = fc.array(
      fc.record({
        frame: fc.nat(template.length - 1),
        changes: fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 3 }),
        length: fc.nat(120),
        place: fc.constantFrom(...PATH),
        later: fc.nat(3_000_000),
      }),
      { maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(anyFrames, async (list) => {
        let at = 0;
        const frames = list.map(({ frame: index, changes, length, place, later }) => {
          at += later;
          const bytes = Uint8Array.from((template[index] ?? new Uint8Array(0)).subarray(0, length));
          for (const [offset, value] of changes) if (offset < bytes.length) bytes[offset] = value;
          return pass([place], at, echo('request', 1)).map((each): Frame => ({ ...each, bytes }));
        });
        const analysis = await analyzed(frames.flat());
        expect(analysis.summary.frames).toBe(list.length);
      }),
      { numRuns: 60 },
    );
  });
});
