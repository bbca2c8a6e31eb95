import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaptureAnalysis } from '../../src/diagnose/analysis.ts';
import { analysisText } from '../../src/report/analysis-text.ts';
import { displayWidth } from '../../src/report/printable.ts';
import { reportText } from '../../src/report/text.ts';
import {
  analysis,
  at,
  capture,
  captureFinding,
  crowd,
  nothingAsked,
  nothingAtAll,
  pair,
  quietDay,
  recordedMachine,
  spot,
  summary,
  twoHosts,
} from './analysis-scenes.ts';
import { terminal } from './fixture.ts';
import { healthy, portOwnsIp } from './scenes.ts';

const WIDTHS = [60, 80, 120, 200];

const SCENES: readonly (readonly [string, CaptureAnalysis])[] = [
  ['quiet-day', quietDay()],
  ['two-hosts', twoHosts()],
  ['crowd', crowd()],
  ['recorded-machine', recordedMachine()],
  ['nothing-asked', nothingAsked()],
  ['nothing-at-all', nothingAtAll()],
];

/** Times of the day are local. */
const zone = process.env.TZ;
beforeAll(() => {
  process.env.TZ = 'UTC';
});
afterAll(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

function gallery(from: CaptureAnalysis, unicode: boolean, verbose: boolean): string {
  return WIDTHS.map(
    (width) => `===== ${width} columns =====\n${analysisText(from, terminal(width, unicode), { verbose })}`,
  ).join('\n');
}

describe.each(SCENES)('%s', (name, from) => {
  it.each([
    ['utf-8', true, false],
    ['ascii', false, false],
    ['verbose', true, true],
  ])('%s, to the letter', async (form, unicode, verbose) => {
    await expect(gallery(from, unicode, verbose)).toMatchFileSnapshot(`golden/analysis-${name}.${form}.txt`);
  });

  it.each(WIDTHS)('keeps within %i columns', (width) => {
    for (const verbose of [false, true])
      for (const unicode of [false, true])
        for (const line of analysisText(from, terminal(width, unicode), { verbose }).split('\n'))
          expect(displayWidth(line), line).toBeLessThanOrEqual(width);
  });

  it('is plain ASCII where it must be', () => {
    expect(analysisText(from, terminal(80, false), { verbose: true })).toMatch(/^[\x20-\x7e\n]+$/);
  });

  it('says the same with colour and without', () => {
    const plain = analysisText(from, terminal(80), { verbose: true });
    const coloured = analysisText(from, terminal(80, true, true), { verbose: true });
    expect(plain).not.toContain('\u001b');
    expect(coloured).toContain('\u001b[');
    expect(stripVTControlCharacters(coloured)).toBe(plain);
  });

  it('ends in one newline and has no trailing blanks', () => {
    const text = analysisText(from, terminal(80), { verbose: true });
    expect(text).toMatch(/[^\n]\n$/);
    expect(text).not.toMatch(/ +$/m);
  });
});

describe('headline', () => {
  const quiet = (of: CaptureAnalysis) => analysisText(of, terminal(200), { quiet: true });

  it('is all there is with -q', () => {
    expect(quiet(quietDay())).toBe('✓ 4 of 4 requests answered, 2 pairs, over 2 places\n');
    expect(quiet(recordedMachine())).toBe('✗ eth0 is down [link-down, proven]\n');
    expect(quiet(nothingAtAll())).toBe('? no frame to analyze\n');
    expect(quiet(nothingAsked())).toBe(
      '? nobody asked anything that vdiag follows (ARP, echo, neighbour discovery): 44 frames at 2 places\n',
    );
  });

  it('never takes a note for the cause', () => {
    const note = captureFinding('packet-repeated', { severity: 'note', title: 'twice' });
    const of = analysis(summary([pair('echo 10.0.0.1 10.0.0.2', 1, 1)]), { findings: [note] });
    expect(quiet(of)).toBe('✓ 1 of 1 request answered, 1 pair, over 2 places\n');
  });

  it('of a small healthy capture heads a dozen lines', () => {
    expect(analysisText(quietDay(), terminal(120)).split('\n').length).toBeLessThanOrEqual(17);
  });
});

describe('what was read', () => {
  const text = (of: Partial<CaptureAnalysis>) =>
    analysisText(analysis(summary([pair('echo 10.0.0.1 10.0.0.2', 1, 1)]), of), terminal(200));

  it('says when a clock is behind, and when it could not be compared', () => {
    const clock = { offsetNs: -2_000_000, uncertaintyNs: 1500, packets: 3 };
    const said = text({ captures: [capture('a', 20), capture('b', 20, { clock }), capture('c', 4)] });
    expect(said).toContain('clock: b is 2.0 ms behind, within 2 µs, told by 3 packets: taken out\n');
    expect(said).toContain('clock: c was taken as it is: it has too few packets in common with the other captures\n');
  });

  it('is silent on clocks that agree, and where one recorder wrote all files', () => {
    const clock = { offsetNs: 0, uncertaintyNs: 1500, packets: 3 };
    expect(text({ captures: [capture('a', 20), capture('b', 24, { clock })] })).not.toContain('clock:');
    expect(text({ captures: [capture('a', 20), capture('b', 24)], basis: 'topology' })).not.toContain('clock:');
  });

  it('tells a selection from the whole', () => {
    expect(text({ captures: [capture('a', 1000)] })).toContain('read: a (1 000 frames); 44 of them analyzed;');
  });

  it('has no date where the text of tcpdump had none', () => {
    const pasted = summary([pair('arp 10.0.0.1 10.0.0.2', 1, 1)], {
      fromNs: 33_028_718_562_000n,
      untilNs: 33_030_000_000_000n,
    });
    process.env.TZ = 'Europe/Berlin';
    const said = analysisText(analysis(pasted), terminal(200));
    process.env.TZ = 'UTC';
    expect(said).toContain('(44 frames); 09:10:28.718562 to 09:10:30.000000 (1.3 s)\n');
  });

  it('gives both days of a night', () => {
    const night = summary([pair('echo 10.0.0.1 10.0.0.2', 1, 1)], { untilNs: at(7_200_000) });
    expect(analysisText(analysis(night), terminal(200))).toContain(
      '2023-11-14 22:13:20.000000 to 2023-11-15 00:13:20.000000 (2.0 h)',
    );
  });
});

describe('findings', () => {
  it('that explain more exchanges than failed do not say of how many', () => {
    const of = analysis(summary([pair('arp 10.0.0.1 10.0.0.2', 4, 4, { unheeded: 3 })]), {
      findings: [captureFinding('bridge-port-owns-ip', { explains: 4 })],
    });
    expect(analysisText(of, terminal(80))).toContain('\nexplains 4 exchanges\n');
  });

  it('of a plain capture and of several name their frames', () => {
    const findings = [captureFinding('link-down', { example: { file: 1, frame: 9, timeNs: at(1) }, explains: 0 })];
    const one = summary([pair('echo 10.0.0.1 10.0.0.2', 1, 0)]);
    expect(analysisText(analysis(one, { findings }), terminal(80))).toContain(
      'for example frame 9 at 22:13:20.001000\n',
    );
    expect(
      analysisText(analysis(one, { findings, captures: [capture('a', 1), capture('b', 2)] }), terminal(80)),
    ).toContain('for example frame 9 of b at');
  });

  it('without a place are about no place', () => {
    const evidence = [{ kind: 'sighting', text: 'round and round', place: spot('') }] as const;
    const of = analysis(summary([]), { findings: [captureFinding('bridge-loop', { where: spot(''), evidence })] });
    expect(analysisText(of, terminal(80))).toContain('  sighting  round and round\n');
  });
});

describe('a recorded run', () => {
  const own = portOwnsIp();
  const exchange = own.diagnosis.exchanges.find(({ kind }) => kind === 'echo');
  const words = exchange?.kind === 'echo' ? `echo ${exchange.source} ${exchange.destination}` : '';
  const alone = analysis(summary([pair(words, 3, 0)]), {
    findings: [
      captureFinding('reply-lost', { pair: { source: words.split(' ')[1] ?? '', target: words.split(' ')[2] ?? '' } }),
    ],
  });

  it('comes first, and is all there is where the capture holds nothing else', () => {
    expect(analysisText(alone, terminal(120), {}, own)).toBe(reportText(own, terminal(120)));
  });

  it('is followed by what else the capture holds', () => {
    const more = { ...twoHosts() };
    const text = analysisText(more, terminal(120), {}, own);
    expect(text.startsWith(`${reportText(own, terminal(120))}\nread: `)).toBe(true);
    expect(text).toContain('also: the echo request from 10.1.0.2 to 10.2.0.7 ends at eth0@web');
    expect(text).toContain('\nexchanges:\n');
  });

  it('that went well leaves a headline to another fault', () => {
    const text = analysisText(twoHosts(), terminal(200), { quiet: true }, healthy());
    expect(text.split('\n')).toEqual(
      [
        reportText(healthy(), terminal(200), { quiet: true }).trimEnd(),
        '',
        '✗ the echo request from 10.1.0.2 to 10.2.0.7 ends at eth0@web: it never comes to eth0@db [request-lost, possible]',
        '',
      ].filter((line, index) => !(line === '' && index === 1)),
    );
  });
});
