import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalAddress,
  compareAddresses,
  formatAddress,
  formatPrefix,
  type IpAddress,
  isIpAddress,
  isMulticast,
  parseAddress,
  parsePrefix,
  prefixOf,
  textPrefixContains,
} from '../../src/topology/address.ts';

const v6 = fc.bigInt(0n, (1n << 128n) - 1n);
/** Addresses with runs of zeros, where the short forms are decided. */
const sparseV6 = fc
  .array(fc.constantFrom<bigint[]>(0n, 0n, 1n, 0xffffn, 0xabcn), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.reduce((value, group) => (value << 16n) | group, 0n));
const address: fc.Arbitrary<IpAddress> = fc.oneof(
  fc.record({ family: fc.constant<4>(4), value: fc.bigInt(0n, (1n << 32n) - 1n) }),
  fc.record({ family: fc.constant<6>(6), value: fc.oneof(v6, sparseV6) }),
);

describe('addresses', () => {
  it.each([
    ['10.9.0.1', '10.9.0.1'],
    ['FD00:0:0::1', 'fd00::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::1', '::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:10.9.0.1', '::ffff:10.9.0.1'],
    ['::ffff:a09:1', '::ffff:10.9.0.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('%s is written %s (RFC 5952)', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
  });

  it.each(['', 'lo', '10.9.0', '10.9.0.256', '010.0.0.1', '1.2.3.4/24', ':::', '1::2::3', 'g::', '10.9.0.1 '])(
    '%j is none',
    (text) => {
      expect(isIpAddress(text)).toBeUndefined();
      expect(parseAddress(text)).toBeUndefined();
      expect(canonicalAddress(text)).toBeUndefined();
    },
  );

  it('come back from their text', () => {
    fc.assert(
      fc.property(address, (own) => {
        expect(parseAddress(formatAddress(own))).toEqual(own);
      }),
    );
  });

  it('are written as a URL writes them', () => {
    fc.assert(
      fc.property(fc.oneof(v6, sparseV6), (value) => {
        fc.pre(value >> 32n !== 0xffffn);
        const text = formatAddress({ family: 6, value });
        expect(`[${text}]`).toBe(new URL(`http://[${text}]/`).hostname);
      }),
    );
  });

  it('are read from any text without throwing', () => {
    fc.assert(fc.property(fc.string(), (text) => void [parseAddress(text), parsePrefix(text)]));
  });

  it('have an order: IPv4 first, then by number', () => {
    const sorted = ['::1', '10.0.0.2', '9.9.9.9', '::']
      .flatMap((text) => parseAddress(text) ?? [])
      .sort(compareAddresses)
      .map(formatAddress);
    expect(sorted).toEqual(['9.9.9.9', '10.0.0.2', '::', '::1']);
  });

  it.each([
    ['223.255.255.255', false],
    ['224.0.0.1', true],
    ['239.1.1.1', true],
    ['240.0.0.1', false],
    ['ff02::1', true],
    ['fe80::1', false],
  ])('%s is multicast: %s', (text, expected) => {
    expect(parseAddress(text)).toSatisfy((own: Parameters<typeof isMulticast>[0]) => isMulticast(own) === expected);
  });
});

describe('prefixes', () => {
  it.each([
    ['10.9.0.7/24', '10.9.0.0/24'],
    ['10.9.0.7', '10.9.0.7/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['fd00::5/64', 'fd00::/64'],
    ['::/0', '::/0'],
  ])('%s is %s', (text, canonical) => {
    const prefix = parsePrefix(text);
    expect(prefix && formatPrefix(prefix)).toBe(canonical);
  });

  it.each(['10.9.0.0/33', 'fd00::/129', '10.9.0.0/', '10.9.0.0/-1', '10.9.0.0/24x', '/24', 'default'])(
    '%j is none',
    (text) => {
      expect(parsePrefix(text)).toBeUndefined();
      expect(textPrefixContains(text, '10.9.0.1')).toBe(false);
    },
  );

  it('hold what the platform says they hold', () => {
    fc.assert(
      fc.property(address, fc.nat(128), fc.bigInt(0n, (1n << 128n) - 1n), (base, wanted, noise) => {
        const bits = base.family === 4 ? 32 : 128;
        const length = wanted % (bits + 1);
        const prefix = prefixOf(base, length);
        expect(prefix).toBeDefined();
        if (!prefix) return;
        // An address that differs from the base in a few of its lowest bits: on either side of the border.
        const near = { family: base.family, value: base.value ^ (noise & ((1n << BigInt((wanted * 7) % bits)) - 1n)) };
        const list = new BlockList();
        const kind = base.family === 4 ? 'ipv4' : 'ipv6';
        list.addSubnet(formatAddress(base), length, kind);
        expect(textPrefixContains(formatPrefix(prefix), formatAddress(near))).toBe(
          list.check(formatAddress(near), kind),
        );
      }),
    );
  });

  it('hold nothing of the other family', () => {
    expect(textPrefixContains('::/0', '10.9.0.1')).toBe(false);
    expect(textPrefixContains('0.0.0.0/0', '::ffff:10.9.0.1')).toBe(false);
  });
});
