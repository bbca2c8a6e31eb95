import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { momentNs, parseMoment } from '../../src/session/moment.ts';

const zone = process.env.TZ;
beforeAll(() => {
  process.env.TZ = 'Europe/Berlin';
});
afterAll(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

const ns = (iso: string): bigint => BigInt(Date.parse(iso)) * 1_000_000n;
const START = ns('2026-01-31T12:00:01Z');

describe('a moment', () => {
  it.each([
    ['2026-01-31T12:00:00.5Z', ns('2026-01-31T12:00:00.500Z')],
    ['2026-01-31t12:00:00,5z', ns('2026-01-31T12:00:00.500Z')],
    ['2026-01-31T12:00:00.123456789Z', ns('2026-01-31T12:00:00Z') + 123_456_789n],
    ['2026-01-31T12:00:00+02:00', ns('2026-01-31T10:00:00Z')],
    ['2026-01-31 12:00', ns('2026-01-31T11:00:00Z')],
    ['2026-07-31T12:00:00', ns('2026-07-31T10:00:00Z')],
    ['2026-01-31', ns('2026-01-30T23:00:00Z')],
    ['13:00:00.5', ns('2026-01-31T12:00:00.500Z')],
    ['9:30', ns('2026-01-31T08:30:00Z')],
    ['+0', START],
    ['+1.5', START + 1_500_000_000n],
    ['+90s', START + 90_000_000_000n],
  ])('%s', (text, expected) => expect(momentNs(parseMoment(text), START)).toBe(expected));

  it('of the day is on the next one where the capture begins in the evening', () => {
    const evening = ns('2026-01-31T22:50:00Z');
    expect(momentNs(parseMoment('00:10'), evening)).toBe(ns('2026-01-31T23:10:00Z'));
    expect(momentNs(parseMoment('23:49'), evening)).toBe(ns('2026-01-31T22:49:00Z'));
  });

  it('of the day is as the text has it, where the text has no date', () => {
    expect(momentNs(parseMoment('09:10:28.5'), 33_000_000_000_000n)).toBe(33_028_500_000_000n);
  });

  it('of the day is what the clock on the wall shows when it changes to summer time', () => {
    const early = ns('2026-03-29T00:30:00Z');
    expect(momentNs(parseMoment('04:00'), early)).toBe(ns('2026-03-29T02:00:00Z'));
  });

  it.each([
    '',
    'noon',
    '25:00',
    '12:60',
    '+',
    '-5',
    '+1e3',
    '2026-02-31',
    '2026-13-01',
    '2026-01-31T12',
    '12:00:00.1234567890',
  ])('%j is none', (text) => expect(() => parseMoment(text)).toThrow(expect.objectContaining({ code: 'usage' })));

  it('is an error or a time, whatever is written', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[+T:.\d-]{1,25}$/)), (text) => {
        try {
          expect(typeof momentNs(parseMoment(text), START)).toBe('bigint');
        } catch (error) {
          expect(error).toMatchObject({ code: 'usage', message: `not a time: ${text}` });
        }
      }),
    );
  });
});
