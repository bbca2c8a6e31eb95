import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayWidth } from '../../src/report/printable.ts';
import type { Terminal } from '../../src/report/terminal.ts';
import { newPair } from '../../src/watch/pairs.ts';
import { itemsOf, screenLines } from '../../src/watch/screen.ts';
import { summaryText, type WatchFigures } from '../../src/watch/summary-text.ts';
import { EMPTY_VIEW, type View } from '../../src/watch/view.ts';

const PLAIN: Terminal = { width: 80, color: false, unicode: true };
const FINDING: WatchFigures['findings'][number] = {
  over: false,
  finding: {
    rule: 'link-down',
    severity: 'fault',
    confidence: 'proven',
    title: 'vb is down',
    summary: 'vb is down, so nothing passes.',
    where: { netns: 'home', name: 'vb' },
    evidence: [{ kind: 'state', text: 'vb is down', look: 'ip link show vb' }],
    remedies: [{ why: 'take it up', commands: ['ip link set vb up'], verify: 'vdiag ping-trace va 10.9.0.3' }],
    blocks: 'now',
    explains: 3,
    candidates: [],
  },
};

function figures(more: Partial<WatchFigures> = {}): WatchFigures {
  const answered = Object.assign(newPair('echo', '10.9.0.2', '10.9.0.3'), {
    requests: 4,
    answered: 4,
    rttSumNs: 400_000,
    rttMinNs: 90_000,
    rttMaxNs: 110_000,
    lastRttNs: 100_000,
  });
  const silent = Object.assign(newPair('arp', '10.9.0.2', '10.9.0.9'), { requests: 3, silent: 3 });
  const [va, vb] = [
    { netns: 'home', name: 'va' },
    { netns: 'home', name: 'vb' },
  ];
  return {
    seconds: 83,
    pairs: [answered, silent],
    hops: [{ from: va, to: vb, packets: 4, lost: 1, sumNs: 8000, minNs: 1000, maxNs: 3000 }],
    findings: [FINDING],
    places: [va, vb],
    frames: 50,
    lost: 0,
    givenUp: 0,
    gaps: [],
    placeName: ({ netns, name }) => (netns === 'home' ? name : `${name}@${netns}`),
    netnsName: (id) => id,
    ...more,
  };
}

const view = (more: Partial<View> = {}): View => ({ ...EMPTY_VIEW, ...more });

describe('the screen', () => {
  it('shows findings first, then who asks whom, the silent ones on top, then hops and events', () => {
    const events = [{ event: 'note', timeNs: 0n, text: 'watching 2 interfaces' } as const];
    const lines = screenLines(view({ events }), figures(), PLAIN, { columns: 80, rows: 24 });
    expect(lines).toHaveLength(24);
    expect(lines[0]).toBe('vdiag watch  2 interfaces  00:01:23  50 frames');
    expect(lines[1]).toBe('> ✗ fault: vb is down [link-down]');
    expect(lines[2]).toBe('  ip link set vb up');
    expect(lines[4]).toMatch(/^ !arp 10\.9\.0\.2 → 10\.9\.0\.9 +3 +100% +- +-$/);
    expect(lines[5]).toMatch(/^ {2}echo 10\.9\.0\.2 → 10\.9\.0\.3 +4 +0% +0\.100 +0\.100$/);
    expect(lines[7]).toMatch(/^ !va → vb +4 +1 +0\.002 +0\.003$/);
    expect(lines[9]).toContain('watching 2 interfaces');
    expect(lines.at(-1)).toContain('q quit');
  });

  it('shows what was chosen in full', () => {
    const finding = screenLines(view({ mode: 'details' }), figures(), PLAIN, { columns: 80, rows: 24 }).join('\n');
    for (const part of [
      'vb is down, so nothing passes',
      'ip link show vb',
      'ip link set vb up',
      'vdiag explain link-down',
    ])
      expect(finding).toContain(part);
    const pair = screenLines(view({ mode: 'details', selected: 2 }), figures(), PLAIN, { columns: 80, rows: 24 });
    expect(pair.join('\n')).toContain('rtt min/avg/max = 0.090/0.100/0.110 ms');
  });

  it('shows only what the filter names, in whatever case', () => {
    expect(itemsOf({ filter: 'ARP' }, figures())).toMatchObject([{ pair: { kind: 'arp' } }]);
    const lines = screenLines(view({ filter: 'nothing such' }), figures(), PLAIN, { columns: 80, rows: 24 });
    expect(lines.join('\n')).not.toContain('10.9.0');
    expect(lines[0]).toContain('only "nothing such"');
  });

  it('says what it is doing in the last line', () => {
    const last = (more: Partial<View>) => screenLines(view(more), figures(), PLAIN, { columns: 80, rows: 24 }).at(-1);
    expect(last({ mode: 'typing', typed: 'web' })).toMatch(/^\/web_/);
    expect(last({ message: 'wrote 5 frames' })).toBe('wrote 5 frames');
    expect(screenLines(view({ paused: true }), figures(), PLAIN, { columns: 80, rows: 24 })[0]).toContain('PAUSED');
  });

  it('fits every size, whatever the names are, and lets none of them speak to the terminal', () => {
    const name = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.constant('\x1b[2J\u202e測試'));
    const modes = fc.constantFrom<View['mode']>('live', 'typing', 'details', 'help');
    fc.assert(
      fc.property(
        name,
        modes,
        fc.integer({ min: 20, max: 200 }),
        fc.integer({ min: 1, max: 60 }),
        (text, mode, columns, rows) => {
          const hostile = figures({
            placeName: () => text,
            pairs: [newPair('echo', text, text)],
            findings: [{ ...FINDING, finding: { ...FINDING.finding, title: text, summary: text } }],
          });
          const events = [{ event: 'appeared', timeNs: 0n, netns: 'home', name: text } as const];
          const shown = view({ mode, events, filter: '', typed: text, message: text });
          const lines = screenLines(shown, hostile, { ...PLAIN, width: Math.max(40, columns) }, { columns, rows });
          expect(lines).toHaveLength(rows);
          for (const line of lines) {
            expect(displayWidth(line)).toBeLessThanOrEqual(columns);
            expect(line).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/);
          }
        },
      ),
    );
  });
});

describe('the summary', () => {
  it('has the figures, what is left, and its cure', () => {
    const text = summaryText(figures(), { ...PLAIN, unicode: false });
    expect(text).toContain('watched 2 interfaces for 83.0 s: 7 exchanges, 3 not answered; 50 frames, 0 lost\n');
    expect(text).toContain('fault: vb is down [link-down, proven]\n  ip link set vb up\n');
    expect(text).not.toContain('everything was answered');
  });

  it('says that all was well only where it was', () => {
    const [answered] = figures().pairs;
    const pairs = answered ? [answered] : [];
    expect(summaryText(figures({ pairs, findings: [] }), PLAIN)).toContain('everything was answered');
    expect(summaryText(figures({ pairs, findings: [FINDING] }), PLAIN)).not.toContain('everything was answered');
    const unheeded = pairs.map((pair) => ({ ...pair, silent: 2 }));
    expect(summaryText(figures({ pairs: unheeded, findings: [] }), PLAIN)).not.toContain('everything was answered');
    expect(summaryText(figures({ pairs: [], findings: [] }), PLAIN)).not.toContain('everything was answered');
  });
});
