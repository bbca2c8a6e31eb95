import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { probeSequence, TOKEN_LENGTH } from '../../src/trace/run.ts';
import { probeData, RUN } from './frames.ts';

const OTHER_TOKEN = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 9]);

describe('the number of a probe', () => {
  it('is read from the data, whatever the ICMP header says', () => {
    expect(probeSequence(RUN, probeData(70_000), 999, 4464)).toBe(70_000);
    expect(probeSequence(RUN, probeData(3, 0), 999, 9)).toBe(3);
  });

  it('is that of no other run', () => {
    expect(probeSequence(RUN, probeData(3, 44, OTHER_TOKEN), RUN.identifier, 3)).toBeUndefined();
    expect(probeSequence(RUN, new Uint8Array(56), RUN.identifier, 3)).toBeUndefined();
  });

  it.each([0, 1, 4, 7, 8, 11])('is the ICMP sequence number where only %i bytes of data are there', (length) => {
    const data = probeData(42).subarray(0, length);
    expect(probeSequence(RUN, data, RUN.identifier, 5)).toBe(5);
    expect(probeSequence(RUN, data, RUN.identifier + 1, 5)).toBeUndefined();
    if (length > 0) expect(probeSequence(RUN, Uint8Array.from([...data]).fill(9), RUN.identifier, 5)).toBeUndefined();
  });

  it('is read where the data begins in the middle of a larger buffer', () => {
    const buffer = new Uint8Array(200).fill(0xff);
    buffer.set(probeData(0xdeadbeef), 37);
    expect(probeSequence(RUN, buffer.subarray(37, 37 + 56), 0, 0)).toBe(0xdeadbeef);
  });

  it('is found again for every number, and never with one byte of the token changed', () => {
    fc.assert(
      fc.property(
        fc.nat(0xffffffff),
        fc.nat(TOKEN_LENGTH - 1),
        fc.integer({ min: 1, max: 255 }),
        (number, at, flip) => {
          const data = probeData(number);
          expect(probeSequence(RUN, data, 0, 0)).toBe(number);
          data[at] = (data[at] ?? 0) ^ flip;
          expect(probeSequence(RUN, data, RUN.identifier, number)).toBeUndefined();
        },
      ),
    );
  });
});
