import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { displayWidth } from '../../src/report/printable.ts';
import type { Report } from '../../src/report/report.ts';
import { reportText } from '../../src/report/text.ts';
import { coverage, finding, place, report, START, terminal } from './fixture.ts';
import { healthy, longWay, lostOnBridge, portOwnsIp, routed } from './scenes.ts';

const WIDTHS = [60, 80, 120, 200];

const SCENES: readonly (readonly [string, Report])[] = [
  ['port-owns-ip', portOwnsIp()],
  ['healthy', healthy()],
  ['lost-on-bridge', lostOnBridge()],
  ['routed', routed()],
  ['two-places', longWay(2)],
  ['twelve-places', longWay(12)],
];

/** The same report at every width, one below the other. */
function gallery(from: Report, unicode: boolean, verbose: boolean): string {
  return WIDTHS.map(
    (width) => `===== ${width} columns =====\n${reportText(from, terminal(width, unicode), { verbose })}`,
  ).join('\n');
}

describe.each(SCENES)('%s', (name, from) => {
  it.each([
    ['utf-8', true, false],
    ['ascii', false, false],
    ['verbose', true, true],
  ])('%s, to the letter', async (form, unicode, verbose) => {
    await expect(gallery(from, unicode, verbose)).toMatchFileSnapshot(`golden/${name}.${form}.txt`);
  });

  it.each(WIDTHS)('keeps within %i columns', (width) => {
    for (const verbose of [false, true])
      for (const unicode of [false, true])
        for (const line of reportText(from, terminal(width, unicode), { verbose }).split('\n'))
          expect(displayWidth(line), line).toBeLessThanOrEqual(width);
  });

  it('is plain ASCII where it must be', () => {
    for (const verbose of [false, true])
      expect(reportText(from, terminal(80, false), { verbose })).toMatch(/^[\x20-\x7e\n]+$/);
  });

  it('says the same with colour and without', () => {
    for (const verbose of [false, true]) {
      const plain = reportText(from, terminal(80), { verbose });
      const coloured = reportText(from, terminal(80, true, true), { verbose });
      expect(plain).not.toContain('\u001b');
      expect(coloured).toContain('\u001b[');
      expect(stripVTControlCharacters(coloured)).toBe(plain);
    }
  });

  it('ends in one newline and has no trailing blanks', () => {
    const text = reportText(from, terminal(80), { verbose: true });
    expect(text).toMatch(/[^\n]\n$/);
    expect(text).not.toMatch(/ +$/m);
  });
});

describe('headline', () => {
  it('is all there is with -q', () => {
    expect(reportText(portOwnsIp(), terminal(120), { quiet: true })).toBe(
      '✗ 1.2.3.101/24 is on veth0, a port of br0: what comes in on veth0 goes to br0 [bridge-port-owns-ip, proven]\n',
    );
    expect(reportText(healthy(), terminal(120, false), { quiet: true })).toBe(
      'OK 10.9.0.3 answers eth0: 3 of 3, rtt 0.041/0.055/0.080 ms, by eth0 -> vA@host -> br0@host -> vB@host -> eth0@c2\n',
    );
  });

  it('of a healthy network is one line, and one for every note', () => {
    const base = healthy();
    const note = finding('reply-via-loopback', { severity: 'note', title: 'the reply came over lo' });
    const text = reportText({ ...base, diagnosis: { ...base.diagnosis, findings: [note] } }, terminal(120));
    expect(text.split('\n').slice(1)).toEqual(['note: the reply came over lo [reply-via-loopback]', '']);
  });

  it('leaves the path to a second line where the first is full', () => {
    expect(reportText(healthy(), terminal(80))).toBe(
      '✓ 10.9.0.3 answers eth0: 3 of 3, rtt 0.041/0.055/0.080 ms\n  by eth0 → vA@host → br0@host → vB@host → eth0@c2\n',
    );
  });

  it('never takes a note for the cause', () => {
    const note = finding('checksum-offloaded', { severity: 'note', title: 'unfinished checksums' });
    const text = reportText(report({ findings: [note] }), terminal(80), { quiet: true });
    expect(text).toBe('✗ 10.9.0.3 does not answer eth0\n');
  });

  it('of a check sends nothing and claims no answer', () => {
    const base = healthy();
    const { example: _, ...diagnosis } = base.diagnosis;
    const checked: Report = {
      ...base,
      command: 'check',
      probes: { sent: 0, received: 0, duplicates: 0, sizeBytes: 56 },
      diagnosis: { ...diagnosis, exchanges: [] },
    };
    expect(reportText(checked, terminal(120))).toBe(
      '✓ nothing stops eth0 → 10.9.0.3, by eth0 → vA@host → br0@host → vB@host → eth0@c2\n',
    );
  });
});

describe('sections', () => {
  it('name what else would stop it, what warns, and what was not seen', () => {
    const text = reportText(
      report({
        findings: [
          finding('link-down', { blocks: 'now' }),
          finding('loopback-down', { blocks: 'now' }),
          finding('forwarding-off', {
            blocks: 'next',
            remedies: [{ why: 'let it', commands: ['sysctl -w net.ipv4.ip_forward=1'], verify: 'x' }],
          }),
          finding('reply-duplicated', { severity: 'warning', title: 'two replies' }),
        ],
        coverage: coverage([], {
          lost: [
            { netns: START, frames: 0 },
            { netns: 'c2', frames: 5 },
          ],
          gaps: ['up0: gone'],
        }),
      }),
      terminal(80),
    );
    expect(text).toBe(`vdiag ping-trace: eth0 → 10.9.0.3, 56 data bytes

✗ link-down happened [link-down, proven]

link-down explained.

also: loopback-down happened [loopback-down, proven]

and then: forwarding-off happened [forwarding-off, proven]
  sysctl -w net.ipv4.ip_forward=1

warning: two replies [reply-duplicated]

not captured: up0: gone
capture lost 5 frames in c2: an absence there proves less

3 packets transmitted, 0 received, 100% packet loss
`);
  });

  it('offer the second remedy as another way', () => {
    const text = reportText(
      report({
        findings: [
          finding('link-down', {
            remedies: [
              { why: 'set it up', commands: ['ip link set eth0 up'], verify: 'vdiag ping-trace eth0 10.9.0.3' },
              { why: 'use another', commands: ['ip link set eth1 up'], verify: '' },
            ],
          }),
        ],
      }),
      terminal(80),
    );
    expect(text).toContain(`cure: set it up
  ip link set eth0 up
then: vdiag ping-trace eth0 10.9.0.3
or: use another
  ip link set eth1 up
`);
  });

  it('end with the round trips where there were any', () => {
    const text = reportText(
      report(
        { findings: [finding('loss-partial')] },
        {
          probes: {
            sent: 3,
            received: 2,
            duplicates: 1,
            sizeBytes: 56,
            rttMs: { min: 0.5, avg: 1, max: 1.5 },
          },
        },
      ),
      terminal(80),
    );
    expect(text).toMatch(
      /\n3 packets transmitted, 2 received, \+1 duplicates, 33\.3333% packet loss\nrtt min\/avg\/max = 0\.500\/1\.000\/1\.500 ms\n$/,
    );
  });

  it('name the place of a sighting unless its text does', () => {
    const evidence = [
      { kind: 'sighting', text: 'the reply came in', place: place('vA@host') },
      { kind: 'sighting', text: 'the reply came in on vA@host', place: place('vA@host') },
    ] as const;
    const text = reportText(report({ findings: [finding('reply-lost', { evidence })] }), terminal(80));
    expect(text).toContain('  sighting  vA@host: the reply came in\n  sighting  the reply came in on vA@host\n');
  });
});
