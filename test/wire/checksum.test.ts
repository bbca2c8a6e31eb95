import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { finishChecksum, internetChecksum, pseudoHeaderSum, sumWords } from '../../src/wire/checksum.ts';
import { concat, hex } from './vectors.ts';

describe('the Internet checksum', () => {
  it('of the example in RFC 1071 section 3', () => {
    expect(sumWords(hex('00 01 f2 03 f4 f5 f6 f7'))).toBe(0x2ddf0);
    expect(finishChecksum(0x2ddf0)).toBe(0xffff - 0xddf2);
  });

  it('pads an odd byte with zero', () => {
    expect(internetChecksum(hex('01 02 03'))).toBe(internetChecksum(hex('01 02 03 00')));
  });

  it('is zero over data with its checksum in place', () => {
    const even = fc.uint8Array({ maxLength: 200 }).map((bytes) => bytes.subarray(0, bytes.length & ~1));
    fc.assert(
      fc.property(even, (bytes) => {
        const checksum = internetChecksum(bytes);
        expect(internetChecksum(concat(bytes, Uint8Array.of(checksum >>> 8, checksum & 0xff)))).toBe(0);
      }),
    );
  });

  it('is exact over a frame larger than any card sends', () => {
    const bytes = new Uint8Array(1 << 20).fill(0xff);
    expect(internetChecksum(bytes)).toBe(0);
    bytes[0] = 0xfe;
    expect(internetChecksum(bytes)).toBe(0x0100);
  });

  it('folds a pseudo-header length beyond 16 bits as RFC 8200 has it', () => {
    const addresses = new Uint8Array(32);
    const asWords = sumWords(hex('00 01 23 45 00 00 00 06'));
    expect(finishChecksum(pseudoHeaderSum(addresses, 6, 0x12345))).toBe(finishChecksum(asWords));
  });
});
