/** What NAT statements say, in nft's JSON and in the words of iptables-save. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type NatHook, natStatement } from '../../src/path/nat-statement.ts';
import type { FilterPacket, Rule } from '../../src/path/ruleset.ts';
import { prefixContains } from '../../src/topology/prefix.ts';

const packet = (source: string, destination: string): FilterPacket => ({
  inputInterface: '',
  outputInterface: '',
  carries: { kind: 'echo-request', source, destination },
});
const ours = packet('10.9.0.2', '192.0.2.2');

function rule(parts: Pick<Rule, 'expressions' | 'words'>): Rule {
  return { specific: false, matches: () => true, act: () => ({ kind: 'continue' }), ...parts };
}

const json =
  (...expressions: unknown[]) =>
  (hook: NatHook, of = ours, maps: (name: string) => unknown = () => undefined) =>
    natStatement(rule({ expressions }), hook, of, maps);
const words = (text: string, hook: NatHook, of = ours) =>
  natStatement(rule({ words: text.split(' ') }), hook, of, () => undefined);

describe('nft', () => {
  it.each<[string, unknown, unknown]>([
    ['masquerade', { masquerade: null }, { by: 'masquerade' }],
    ['masquerade with flags', { masquerade: { flags: ['random', 'persistent'] } }, { by: 'masquerade' }],
    ['redirect', { redirect: null }, { by: 'redirect' }],
    ['an address', { snat: { addr: '192.0.2.1' } }, { by: 'snat', target: { kind: 'address', address: '192.0.2.1' } }],
    [
      'a range',
      { dnat: { family: 'ip', addr: { range: ['10.0.0.1', '10.0.0.9'] } } },
      { by: 'dnat', target: { kind: 'range', from: '10.0.0.1', to: '10.0.0.9' } },
    ],
    ['the other family', { snat: { family: 'ip6', addr: 'fd00::1' } }, undefined],
    ['a port alone', { dnat: { port: 80 } }, { by: 'dnat', target: { kind: 'unknown' } }],
    [
      'a choice by chance',
      { dnat: { addr: { map: { key: { numgen: {} }, data: { set: [] } } } } },
      { by: 'dnat', target: { kind: 'unknown' } },
    ],
    ['nothing of the kind', { accept: null }, undefined],
  ])('%s', (_, expression, expected) => {
    expect(json({ counter: {} }, expression)('postrouting')).toEqual(expected);
  });

  it('reads maps of its own and named ones, by address, prefix and range; without the key there is no statement', () => {
    const key = { payload: { protocol: 'ip', field: 'daddr' } };
    const set = [
      ['192.0.2.9', '10.0.0.9'],
      [{ prefix: { addr: '192.0.2.0', len: 30 } }, '10.0.0.1'],
      [{ range: ['192.0.2.16', '192.0.2.20'] }, '10.0.0.2'],
      [{ elem: { val: '192.0.2.40', comment: 'forty' } }, '10.0.0.3'],
    ];
    const to = (data: unknown, destination: string, maps?: (name: string) => unknown) =>
      json({ dnat: { addr: { map: { key, data } } } })('prerouting', packet('10.9.0.2', destination), maps);
    const address = (text: string) => ({ by: 'dnat', target: { kind: 'address', address: text } });
    expect(to({ set }, '192.0.2.9')).toEqual(address('10.0.0.9'));
    expect(to({ set }, '192.0.2.3')).toEqual(address('10.0.0.1'));
    expect(to({ set }, '192.0.2.17')).toEqual(address('10.0.0.2'));
    expect(to({ set }, '192.0.2.40')).toEqual(address('10.0.0.3'));
    expect(to({ set }, '192.0.2.41')).toBeUndefined();
    expect(to('@m', '192.0.2.9', (name) => (name === 'm' ? set : undefined))).toEqual(address('10.0.0.9'));
    expect(to('@gone', '192.0.2.9')).toEqual({ by: 'dnat', target: { kind: 'unknown' } });
  });
});

describe('iptables', () => {
  it.each<[string, NatHook, unknown]>([
    ['-s 10.9.0.0/24 -o up0 -j MASQUERADE --random', 'postrouting', { by: 'masquerade' }],
    ['-j SNAT --to-source 192.0.2.1', 'postrouting', { by: 'snat', target: { kind: 'address', address: '192.0.2.1' } }],
    [
      '-j SNAT --to-source 192.0.2.1-192.0.2.4',
      'postrouting',
      { by: 'snat', target: { kind: 'range', from: '192.0.2.1', to: '192.0.2.4' } },
    ],
    [
      '-p tcp -j DNAT --to-destination 10.0.0.2:80',
      'prerouting',
      { by: 'dnat', target: { kind: 'address', address: '10.0.0.2' } },
    ],
    [
      '-j DNAT --to-destination [fd00::2]:80',
      'prerouting',
      { by: 'dnat', target: { kind: 'address', address: 'fd00::2' } },
    ],
    ['-j REDIRECT --to-ports 8080', 'prerouting', { by: 'redirect' }],
    ['-j NETMAP --to 10.5.0.0/24', 'postrouting', { by: 'snat', target: { kind: 'address', address: '10.5.0.2' } }],
    ['-j NETMAP --to 10.5.0.0/24', 'prerouting', { by: 'dnat', target: { kind: 'address', address: '10.5.0.2' } }],
    ['-j DOCKER', 'prerouting', undefined],
    ['-m comment --comment MASQUERADE', 'postrouting', undefined],
    ['-j DNAT --to-destination nonsense', 'prerouting', { by: 'dnat', target: { kind: 'unknown' } }],
  ])('%s at %s', (text, hook, expected) => {
    expect(words(text, hook)).toEqual(expected);
  });
});

it('one network in place of another keeps what is behind the prefix', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.integer({ min: 1, max: 31 }), fc.nat(0xffffffff), (old, length, network) => {
      const dotted = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
      const to = `${dotted(network)}/${length}`;
      const found = words(`-j NETMAP --to ${to}`, 'postrouting', packet(dotted(old), '192.0.2.2'));
      if (found?.by !== 'snat' || found.target.kind !== 'address') throw new Error(JSON.stringify(found));
      expect(prefixContains(to, found.target.address)).toBe(true);
      const value = found.target.address.split('.').reduce((all, byte) => all * 256 + Number(byte), 0);
      const host = 2 ** (32 - length);
      expect(value % host).toBe(old % host);
    }),
  );
});
