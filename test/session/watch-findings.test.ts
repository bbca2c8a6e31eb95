import { describe, expect, it } from 'vitest';
import type { CaptureFinding } from '../../src/diagnose/analysis.ts';
import { LiveFindings } from '../../src/session/watch-findings.ts';

function finding(more: Partial<CaptureFinding> = {}): CaptureFinding {
  return {
    rule: 'link-down',
    severity: 'fault',
    confidence: 'proven',
    title: 'vb is down',
    summary: '',
    where: { netns: 'home', name: 'vb' },
    evidence: [],
    remedies: [],
    blocks: 'now',
    explains: 1,
    pair: { source: '10.9.0.2', target: '10.9.0.3' },
    candidates: [],
    ...more,
  };
}
const rules = (found: readonly CaptureFinding[]) => found.map(({ rule }) => rule);

describe('when findings are told', () => {
  it('what is proven at once, and once', () => {
    const findings = new LiveFindings();
    expect(rules(findings.found([finding()], 1n))).toEqual(['link-down']);
    expect(findings.found([finding()], 2n)).toEqual([]);
    expect(findings.all()).toMatchObject([{ sinceNs: 1n, lastNs: 2n, over: false }]);
    expect(findings.counts).toEqual(new Map([['link-down', 1]]));
  });

  it('what is likely when it is found twice in a row', () => {
    const findings = new LiveFindings();
    const likely = finding({ confidence: 'likely' });
    expect(findings.found([likely], 1n)).toEqual([]);
    expect(findings.found([], 2n)).toEqual([]);
    expect(findings.found([likely], 3n)).toEqual([]);
    expect(findings.all()).toEqual([]);
    expect(rules(findings.found([likely], 4n))).toEqual(['link-down']);
  });

  it('never what is possible, a note, or would come next', () => {
    const findings = new LiveFindings();
    const { blocks: _, ...note } = finding({ severity: 'note' });
    for (const each of [finding({ confidence: 'possible' }), note, finding({ blocks: 'next' })])
      for (const at of [1n, 2n, 3n]) expect(findings.found([each], at)).toEqual([]);
  });

  it('faults before warnings', () => {
    const found = new LiveFindings().found([finding({ rule: 'reply-slow', severity: 'warning' }), finding()], 1n);
    expect(rules(found)).toEqual(['link-down', 'reply-slow']);
  });

  it('over when its pair is answered again, and anew when it comes back', () => {
    const findings = new LiveFindings();
    findings.found([finding()], 1n);
    expect(findings.ended(() => false)).toEqual([]);
    expect(rules(findings.ended(({ target }, sinceNs) => target === '10.9.0.3' && sinceNs === 1n))).toEqual([
      'link-down',
    ]);
    expect(findings.ended(() => true)).toEqual([]);
    expect(findings.all()).toMatchObject([{ over: true }]);
    expect(rules(findings.found([finding()], 9n))).toEqual(['link-down']);
    expect(findings.counts.get('link-down')).toBe(2);
  });

  it('holds a bounded number', () => {
    const findings = new LiveFindings();
    for (let at = 0; at < 3000; at++)
      findings.found([finding({ where: { netns: 'home', name: `v${at}` } })], BigInt(at));
    expect(findings.all().length).toBeLessThanOrEqual(512);
  });
});
