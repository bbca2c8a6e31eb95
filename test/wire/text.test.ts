import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatIpv4,
  formatIpv6,
  formatMac,
  ipv4Bytes,
  ipv6Bytes,
  macBytes,
  parseIpv4,
  parseIpv6,
  parseMac,
} from '../../src/wire/text.ts';
import { anyIpv6Bytes, hex } from './vectors.ts';

describe('link-layer addresses', () => {
  it('have one form', () => {
    expect(formatMac(hex('02 00 5e 0a ff 01'))).toBe('02:00:5e:0a:ff:01');
    expect(formatMac(hex('ff ff 02 00 5e 0a ff 01'), 2)).toBe('02:00:5e:0a:ff:01');
    expect(parseMac('02:00:5E:0a:ff:01')).toEqual(hex('02 00 5e 0a ff 01'));
  });

  it.each(['', '02:00:5e:0a:ff', '02:00:5e:0a:ff:1', '02-00-5e-0a-ff-01', '02:00:5e:0a:ff:0g', '02:00:5e:0a:ff:01:'])(
    'refuse %j',
    (text) => expect(parseMac(text)).toBeUndefined(),
  );

  it('come back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
        expect(parseMac(formatMac(bytes))).toEqual(bytes);
      }),
    );
  });
});

describe('IPv4 addresses', () => {
  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '1.2.3.04',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1..3.4',
    '1.2.3.-4',
    '0x1.2.3.4',
    '1.2.3.0004',
  ])('refuse %j', (text) => expect(parseIpv4(text)).toBeUndefined());

  it('come back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
        expect(parseIpv4(formatIpv4(bytes))).toEqual(bytes);
      }),
    );
  });

  it('are what Node takes for one', () => {
    const near = fc.string({ unit: fc.constantFrom(...'0125.'), maxLength: 16 });
    fc.assert(
      fc.property(near, (text) => {
        expect(parseIpv4(text) !== undefined).toBe(isIPv4(text));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('IPv6 addresses', () => {
  // RFC 5952 section 4 and 5.
  it.each([
    ['2001:0db8:0000:0000:0000:0000:0002:0001', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['FE80::ABCD', 'fe80::abcd'],
    ['0:0:0:0:0:ffff:c000:0201', '::ffff:192.0.2.1'],
    ['::192.0.2.1', '::c000:201'],
    ['1::2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
  ])('%s is %s', (given, canonical) => {
    const bytes = parseIpv6(given);
    expect(bytes && formatIpv6(bytes)).toBe(canonical);
  });

  it.each([
    '',
    ':',
    ':::',
    '1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '1:2:3:4:5:6:7::8',
    '12345::',
    '::g',
    ':1::',
    '1:',
    '::1:',
    'fe80::1%eth0',
    '::1.2.3',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::1.2.3.4:5',
    '1.2.3.4',
    '::1.2.3.04',
  ])('refuse %j', (text) => expect(parseIpv6(text)).toBeUndefined());

  it('come back, in the form that URL (WHATWG) has too', () => {
    fc.assert(
      fc.property(anyIpv6Bytes, (bytes) => {
        const text = formatIpv6(bytes);
        expect(parseIpv6(text)).toEqual(bytes);
        if (!text.startsWith('::ffff:')) expect(new URL(`http://[${text}]`).hostname).toBe(`[${text}]`);
      }),
      { numRuns: 1000 },
    );
  });

  it('are what Node takes for one', () => {
    const near = fc.string({ unit: fc.constantFrom('0', 'f', '12ab', ':', ':', '::', '.'), maxLength: 17 });
    fc.assert(
      fc.property(near, (text) => {
        expect(parseIpv6(text) !== undefined).toBe(isIPv6(text));
      }),
      { numRuns: 5000 },
    );
  });
});

describe('for encoders', () => {
  it('a wrong address throws', () => {
    expect(() => macBytes('x')).toThrow(new RangeError('not an link-layer address: "x"'));
    expect(() => ipv4Bytes('::')).toThrow(new RangeError('not an ipv4 address: "::"'));
    expect(() => ipv6Bytes('1.2.3.4\n')).toThrow(new RangeError('not an ipv6 address: "1.2.3.4\\n"'));
  });
});
