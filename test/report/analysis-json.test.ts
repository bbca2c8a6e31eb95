import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CaptureAnalysis } from '../../src/diagnose/analysis.ts';
import { analysisJson } from '../../src/report/analysis-json.ts';
import { analysisText } from '../../src/report/analysis-text.ts';
import { reportJson } from '../../src/report/json.ts';
import type { Report } from '../../src/report/report.ts';
import { schemaOf } from '../schema.ts';
import {
  analysis,
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

const validate = schemaOf('report');

/** As a reader gets it: what JSON cannot hold is gone or has thrown. */
function published(from: CaptureAnalysis, run?: Report) {
  return JSON.parse(JSON.stringify(analysisJson(from, '0.1.0', run)));
}

describe('an analysis as JSON', () => {
  it.each([
    ['quiet day', quietDay()],
    ['two hosts', twoHosts()],
    ['crowd', crowd()],
    ['recorded machine', recordedMachine()],
    ['nothing asked', nothingAsked()],
    ['nothing at all', nothingAtAll()],
  ])('%s is of the schema', (_, from) => {
    expect(validate(published(from)), JSON.stringify(validate.errors)).toBe(true);
  });

  it('names places as everywhere, and times as decimal strings', () => {
    const { summary: survey, findings, captures } = published(twoHosts());
    expect(survey.fromNs).toBe('1700000000000000000');
    expect(survey.lost[0]).toEqual({
      last: { netns: 'web', interface: 'eth0' },
      next: { netns: 'db', interface: 'eth0' },
      packets: 13,
      kinds: { 'echo-request': 11, other: 2 },
    });
    expect(findings[0]).toMatchObject({
      rule: 'request-lost',
      explains: 11,
      unit: 'exchanges',
      example: { file: 0, frame: 14, timeNs: '1700000001200000000' },
      candidates: [{ rule: 'filter-forward-drop' }, {}, {}, {}],
    });
    expect(findings[0].trail[1]).toMatchObject({ place: { netns: 'db', interface: 'eth0' }, direction: 'in' });
    expect(findings[2]).toMatchObject({ explains: 46, unit: 'packets' });
    // A capture has a name, and is no place.
    expect(captures[1]).toMatchObject({ name: 'captures/db.pcapng.gz', clock: { offsetNs: 1_203_000_000 } });
  });

  it('says what was listened to, and what the recorders lost', () => {
    expect(published(twoHosts()).coverage).toMatchObject({ engine: 'file', framesCaptured: 988_888, framesLost: 2 });
  });

  it('has the topology only where there was one', () => {
    expect(published(twoHosts())).not.toHaveProperty('topology');
    expect(published(recordedMachine()).topology).toMatchObject({ schema: 'vdiag.topology/1' });
  });

  it('has the fields of ping-trace where a run was recorded', () => {
    const own = portOwnsIp();
    const document = published(twoHosts(), own);
    expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
    const { findings: told, ...run } = JSON.parse(JSON.stringify(reportJson(own)));
    expect(document).toMatchObject({ ...run, command: 'analyze' });
    expect(document.findings.slice(0, told.length)).toEqual(told);
    expect(document.findings.slice(told.length).map(({ explains }: { explains: number }) => explains)).toEqual([
      11, 2, 46, 0, 3,
    ]);
  });

  it('is a fault where a run went well and other exchanges did not', () => {
    expect(published(twoHosts(), healthy()).outcome).toBe('fault');
    expect(published(quietDay(), healthy()).outcome).toBe('healthy');
  });

  it('is no document of the schema without what was read', () => {
    for (const field of ['captures', 'summary', 'basis', 'gaps', 'outcome']) {
      const { [field]: _, ...rest } = published(quietDay());
      expect(validate(rest), field).toBe(false);
    }
    const { summary: survey, ...rest } = published(quietDay());
    expect(validate({ ...rest, summary: { ...survey, more: 1 } })).toBe(false);
  });
});

/** What moves the cursor, reorders or hides: none of it may be left, newlines between lines apart. */
const ACTIVE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{M}]/u;

/** An analysis in which everything that comes from outside is one name. */
function called(name: string): CaptureAnalysis {
  const place = { netns: name, name };
  const step = { place, timeNs: 0n, direction: 'unknown' as const, text: name };
  return analysis(
    summary([pair('echo a b', 3, 1, { source: name, target: name, begins: place })], {
      hops: [{ from: place, to: place, packets: 1, minNs: 0, avgNs: 0, maxNs: 0 }],
      lost: [{ last: place, next: place, packets: 1, kinds: {} }],
      shape: { links: [{ ends: [place, spot('b')], packets: 1 }], uppers: [{ upper: place, lowers: [place] }] },
    }),
    {
      captures: [capture(name, 1, { skipped: { [name]: 1 }, lost: 1 }), capture(name, 1)],
      gaps: [name],
      findings: [
        captureFinding(name, {
          title: name,
          summary: name,
          where: place,
          trail: [step],
          example: { file: 1, frame: 1 },
          candidates: [
            { rule: name, why: name, look: name },
            { rule: name, why: name, look: name },
          ],
        }),
        captureFinding(name, { title: name, candidates: [{ rule: name, why: name, look: name }] }),
        captureFinding(name, { title: name, severity: 'note' }),
      ],
    },
  );
}

describe('hostile names', () => {
  it('are inert in text and kept in JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), fc.boolean(), (name, verbose) => {
        const of = called(name);
        expect(analysisText(of, terminal(60), { verbose }).replaceAll('\n', '')).not.toMatch(ACTIVE);
        expect(analysisText(of, terminal(80, false), { verbose })).toMatch(/^[\x20-\x7e\n]+$/);
        expect(analysisJson(of, '0.1.0')).toMatchObject({ captures: [{ name }, { name }], gaps: [name] });
      }),
      { numRuns: 60 },
    );
  });
});
