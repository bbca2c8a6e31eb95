/** Captures of healthy networks that were once taken for broken ones, and of a broken one whose cause was not among the candidates. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { CaptureAnalysis } from '../../src/diagnose/analysis.ts';
import { analyze } from '../../src/session/analyze.ts';

const fixtures = fileURLToPath(new URL('../../fixtures/analyze/', import.meta.url));

async function analysisOf(...names: readonly string[]): Promise<CaptureAnalysis> {
  const { analysis } = await analyze({ captures: names.map((name) => ({ path: `${fixtures}${name}` })) });
  return analysis;
}

const rulesAbove = ({ findings }: CaptureAnalysis) =>
  findings.flatMap(({ rule, severity }) => (severity === 'note' ? [] : [rule]));

describe('a healthy network', () => {
  // c1, c2 and c3 on one bridge; captured on c3's port alone, which gets the others' ARP requests and none of their replies.
  it('is not broken where a bystander hears questions and no answers', async () => {
    const analysis = await analysisOf('bystander.pcap');
    expect(rulesAbove(analysis)).toEqual([]);
    expect(analysis.outcome).toBe('healthy');
    expect(analysis.summary.requests).toBeGreaterThan(analysis.summary.answered);
  });

  // a has two uplinks to b, each over a router of its own: requests leave by one, replies come back by the other.
  it('is not broken where replies come in by another interface of the asker', async () => {
    const analysis = await analysisOf('two-uplinks-eth1@a.pcap', 'two-uplinks-eth2@a.pcap');
    expect(rulesAbove(analysis)).toEqual([]);
    expect(analysis.outcome).toBe('inconclusive');
    expect(analysis.findings.flatMap(({ candidates }) => candidates.map(({ rule }) => rule))).toContain(
      'reverse-path-filter',
    );
  });

  // A container's own packets, and the VXLAN packets they ride in on the host's uplink: cut at 96 bytes, on clocks 7.25 s apart.
  it('is not broken where short captures of two clocks are joined through a tunnel', async () => {
    const analysis = await analysisOf('tunnel-inside.pcap', 'tunnel-outside.pcap');
    expect(rulesAbove(analysis)).toEqual([]);
    expect(analysis.outcome).toBe('healthy');
    const { requests, answered, lost } = analysis.summary;
    expect({ requests, answered, lost }).toEqual({ requests: 10, answered: 10, lost: [] });
    expect(Number(analysis.captures[1]?.clock?.offsetNs) / 1e9).toBeCloseTo(7.25, 3);
  });
});

describe('a broken network', () => {
  // web and db on one bridge, both behind isolated ports: the request of web comes into its port, and out of no other.
  it('has its cause among the candidates, before those of the far end', async () => {
    const analysis = await analysisOf('isolated-port.pcapng');
    const [finding] = analysis.findings;
    expect(finding).toMatchObject({ rule: 'request-lost', severity: 'fault', confidence: 'possible' });
    const candidates = finding?.candidates.map(({ rule }) => rule) ?? [];
    expect(candidates).toContain('bridge-port-isolated');
    expect(candidates.indexOf('bridge-port-isolated')).toBeLessThan(candidates.indexOf('source-is-local'));
  });
});
