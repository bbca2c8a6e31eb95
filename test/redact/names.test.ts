import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRedactor } from '../../src/redact/redactor.ts';
import { canonicalAddress } from '../../src/topology/address.ts';
import { topology } from '../path/topology.ts';

const SECRET = new Uint8Array(32).fill(3);

describe('what has a name', () => {
  const made = topology({
    clientele: { links: { uplink9z: { peer: 'eth0@payroll', addresses: ['10.4.0.1/16'] } } },
    payroll: { links: { eth0: { peer: 'uplink9z@clientele', addresses: ['10.4.255.254/16', 'fd00:12::7/64'] } } },
  });
  const redactor = createRedactor({ topologies: [made], secret: SECRET });
  const shown = redactor.topology(made);

  it('is called by its kind and a number; what everybody has keeps its name', () => {
    expect(shown.namespaces.map(({ id }) => id)).toEqual(['ns1', 'ns2']);
    expect(shown.namespaces.map(({ links }) => links.map(({ name }) => name))).toEqual([
      ['lo', 'veth1'],
      ['lo', 'eth0'],
    ]);
    expect(JSON.stringify(shown)).not.toMatch(/clientele|payroll|uplink9z|10\.4\.|fd00:12/);
  });

  it('is replaced in sentences as it is in tables', () => {
    expect(redactor.text('uplink9z of clientele lost 10.4.0.1, not uplink9zz')).toBe(
      `veth1 of ns1 lost ${redactor.address('10.4.0.1')}, not uplink9zz`,
    );
    expect(redactor.text('nft: no rules of payroll')).toBe('nft: no rules of ns2');
  });

  it('keeps comments, chains and sets of filter rules from being read', () => {
    const iptables = [
      '*filter',
      ':FORWARD DROP [0:0]',
      ':ACME-BILLING - [0:0]',
      '-A FORWARD -i uplink9z -s 10.4.0.0/16 -m comment --comment "acme billing hosts" -j ACME-BILLING',
      '-A ACME-BILLING -m set --match-set acmehosts src -j ACCEPT',
      'COMMIT',
    ].join('\n');
    const [first, ...rest] = made.namespaces;
    const filtered = {
      ...made,
      namespaces: [...(first ? [{ ...first, filters: { iptablesNft: iptables } }] : []), ...rest],
    };
    const text =
      createRedactor({ topologies: [filtered], secret: SECRET }).topology(filtered).namespaces[0]?.filters
        .iptablesNft ?? '';
    expect(text).not.toMatch(/acme|billing|uplink/i);
    expect(text.split('\n')[3]).toMatch(
      /^-A FORWARD -i veth1 -s 10\.\d+\.0\.0\/16 -m comment --comment "comment1" -j chain1$/,
    );
  });
});

describe('an address', () => {
  const octet = fc.nat(255);
  const ipv4 = fc.tuple(octet, octet, octet, octet).map((bytes) => bytes.join('.'));
  const group = fc.nat(0xffff).map((value) => value.toString(16));
  const ipv6 = fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.join(':'));
  const redactor = createRedactor({ secret: SECRET });
  const common = (a: string, b: string, radix: number, separator: string, bits: number): number => {
    const digits = (text: string): string =>
      text
        .split(separator)
        .map((part) => Number.parseInt(part, radix).toString(2).padStart(bits, '0'))
        .join('');
    const [one, other] = [digits(a), digits(b)];
    let same = 0;
    while (same < one.length && one[same] === other[same]) same++;
    return same;
  };

  it('keeps the networks of IPv4: what is of one /8, /16 or /24 stays so, and nothing else becomes so', () => {
    fc.assert(
      fc.property(ipv4, ipv4, (a, b) => {
        const before = Math.min(24, common(a, b, 10, '.', 8));
        const after = Math.min(24, common(redactor.address(a), redactor.address(b), 10, '.', 8));
        expect(after).toBe(before);
      }),
    );
  });

  it('never becomes that of another', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), fc.oneof(ipv4, ipv6), (a, b) => {
        expect(redactor.address(a) === redactor.address(b)).toBe(canonicalAddress(a) === canonicalAddress(b));
      }),
    );
    const network = Array.from({ length: 256 }, (_, host) => redactor.address(`192.168.7.${host}`));
    expect(new Set(network).size).toBe(256);
    expect(network[0]).toMatch(/\.0$/);
    expect(network[255]).toMatch(/\.255$/);
  });

  it('stays private where it is, and stays where everybody has it', () => {
    expect(redactor.address('10.1.2.3')).toMatch(/^10\./);
    expect(redactor.address('192.168.1.1')).toMatch(/^192\.168\./);
    expect(redactor.address('172.17.0.2')).toMatch(/^172\.(1[6-9]|2\d|3[01])\./);
    expect(redactor.address('fd00:1::2')).toMatch(/^fd/);
    expect(redactor.address('fe80::1')).toMatch(/^fe80::/);
    for (const same of [
      '127.0.0.1',
      '0.0.0.0',
      '255.255.255.255',
      '224.0.0.251',
      '169.254.1.1',
      '::1',
      '::',
      'ff02::1',
      'ff:ff:ff:ff:ff:ff',
      '01:00:5e:00:00:fb',
      '33:33:00:00:00:01',
    ])
      expect(redactor.address(same)).toBe(same);
  });

  it('has the solicited-node group and its hardware address follow it', () => {
    const last = (text: string): string => text.replace(/[^0-9a-f]/g, '').slice(-6);
    const target = redactor.address('2001:db8::12:3456');
    expect(last(redactor.address('ff02::1:ff12:3456'))).toBe(last(target));
    expect(last(redactor.address('33:33:ff:12:34:56'))).toBe(last(target));
  });

  it('that is a hardware address stays local or a group', () => {
    const mac = fc
      .array(octet, { minLength: 6, maxLength: 6 })
      .map((bytes) => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':'));
    fc.assert(
      fc.property(mac, mac, (a, b) => {
        const first = (text: string): number => Number.parseInt(text.slice(0, 2), 16) & 3;
        expect(first(redactor.address(a))).toBe(first(a));
        expect(redactor.address(a) === redactor.address(b)).toBe(a === b);
      }),
    );
  });
});
