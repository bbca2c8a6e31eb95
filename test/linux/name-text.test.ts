import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meantName, nameBytes, nameText } from '../../src/linux/name-text.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);

describe('a name of the kernel', () => {
  it('has its bytes back, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (name) => {
        expect(nameBytes(nameText(name))).toEqual(name);
      }),
    );
  });

  it('that is UTF-8 is that text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(nameText(new TextEncoder().encode(text))).toBe(text);
      }),
    );
  });

  it('is one string and no other’s', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 6 }), (one, other) => {
        expect(nameText(one) === nameText(other)).toBe(Buffer.compare(one, other) === 0);
      }),
    );
  });

  it('keeps a byte order mark, and what only looks like a character', () => {
    expect(nameText(bytes(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa');
    // A surrogate in UTF-8, an overlong slash, a character that is cut off.
    expect(nameText(bytes(0xed, 0xb3, 0xbf))).toBe('\udced\udcb3\udcbf');
    expect(nameText(bytes(0xc0, 0xaf))).toBe('\udcc0\udcaf');
    expect(nameText(bytes(0x61, 0xe2, 0x98))).toBe('a\udce2\udc98');
  });
});

describe('the name that an argument means', () => {
  const names = ['v\udcff', 'eth0', 'w\udc80', 'w\udc81'];

  it('is the name itself', () => {
    expect(meantName('eth0', names)).toBe('eth0');
    expect(meantName('v\udcff', names)).toBe('v\udcff');
    expect(meantName('eth1', names)).toBeUndefined();
  });

  it('is the only one that Node may have meant', () => {
    expect(meantName('v\ufffd', names)).toBe('v\udcff');
    expect(meantName('w\ufffd', names)).toBeUndefined();
    expect(meantName('\ufffdth0', names)).toBeUndefined();
  });
});
