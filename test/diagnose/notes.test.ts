/** Notes: what a lab cannot bring about at will. */
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose/engine.ts';
import { inputOf, recorded } from './recordings.ts';

describe('capture-lossy', () => {
  const input = inputOf(recorded('echo-ignored'));
  const target = diagnose(input).findings[0]?.where.netns ?? '';
  const lossy = { ...input, coverage: { ...input.coverage, lost: [{ netns: target, frames: 17 }] } };

  it('says how many frames were lost, as a note', () => {
    const { findings } = diagnose(lossy);
    const note = findings.find(({ rule }) => rule === 'capture-lossy');
    expect(note).toMatchObject({ severity: 'note', title: 'the capture lost 17 frames' });
    expect(note?.blocks).toBeUndefined();
  });

  it('makes a proven cause a likely one where the loss was', () => {
    expect(diagnose(input).findings[0]).toMatchObject({ rule: 'echo-ignored', confidence: 'proven' });
    expect(diagnose(lossy).findings[0]).toMatchObject({ rule: 'echo-ignored', confidence: 'likely' });
  });

  it('is silent when nothing was lost', () => {
    expect(diagnose(input).findings.map(({ rule }) => rule)).not.toContain('capture-lossy');
  });
});

describe('a place that was not listened to', () => {
  it('turns a loss that nothing explains into not-captured', () => {
    const input = inputOf(recorded('request-lost'));
    const vault = input.before.namespaces.find(({ id }) => id !== input.query.start.netns)?.id;
    const places = input.coverage.places.filter(({ netns }) => netns !== vault);
    const { outcome, findings } = diagnose({ ...input, coverage: { ...input.coverage, places } });
    expect(findings[0]?.rule).toBe('not-captured');
    expect(outcome).toBe('inconclusive');
  });
});
