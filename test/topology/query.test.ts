import { describe, expect, it } from 'vitest';
import {
  addressesOf,
  hasCarrier,
  ipv4Setting,
  ipv6Setting,
  isUp,
  linkByIndex,
  linkOf,
  lowerOf,
  masterOf,
  ownersOf,
  peerOf,
  portsOf,
} from '../../src/topology/query.ts';
import { link, namespace, topologyOf } from './built.ts';

/*
 *   host: br0 (2) ── v1 (3) ═══ eth0 (3) :c1        The numbers repeat on purpose: 3 is a link in every namespace,
 *                 └─ v2 (4) ═══ eth0 (3) :c2        and c2's macvlan 4 sits on the host's card 5.
 *         card (5) ─────────────mv (4)   :c2
 */
const own = (address: string) => ({ family: 4 as const, address, prefixLength: 24, scope: 'global', flags: [] });
const c1 = namespace('c1', [link(3, 'eth0', { peer: { netns: 'host', index: 3 }, addresses: [own('10.9.0.2')] })]);
const c2 = namespace('c2', [
  link(3, 'eth0', { peer: { netns: 'host', index: 4 }, addresses: [own('10.9.0.3'), own('10.9.0.1')] }),
  link(4, 'mv', { kind: 'macvlan', peer: { netns: 'host', index: 5 } }),
]);
const host = namespace('host', [
  link(2, 'br0', { kind: 'bridge', addresses: [own('10.9.0.1')] }),
  link(3, 'v1', { master: 2, peer: { netns: 'c1', index: 3 } }),
  link(4, 'v2', { master: 2, peer: { netns: 'c2', index: 3 } }),
  link(5, 'card', { kind: 'physical' }),
  link(6, 'v6', { peer: { netns: 'elsewhere', index: 3 } }),
  link(7, 'v7', { peer: { index: 3 } }),
  link(8, 'v8', { peer: { netns: 'c1', index: 3 } }),
]);
const topology = topologyOf(host, c1, c2);
const at = (netns: string, name: string) => {
  const found = linkOf(topology, { netns, name });
  if (!found) throw new Error(`no ${name} in ${netns}`);
  return found;
};
const ends = (netns: string, name: string) => {
  const other = peerOf(topology, netns, at(netns, name));
  return other && `${other.link.name}@${other.namespace.id}`;
};

describe('the other end of a pair', () => {
  it.each([
    ['host', 'v1', 'eth0@c1'],
    ['host', 'v2', 'eth0@c2'],
    ['c1', 'eth0', 'v1@host'],
    ['c2', 'eth0', 'v2@host'],
  ])('of %s %s is %s, by namespace and number', (netns, name, expected) => {
    expect(ends(netns, name)).toBe(expected);
  });

  it.each([
    ['host', 'v6', 'is in a namespace that is not here'],
    ['host', 'v7', 'is in an unknown namespace'],
    ['host', 'v8', 'does not name it back'],
    ['host', 'br0', 'does not exist for a bridge'],
    ['c2', 'mv', 'does not exist for a macvlan'],
  ])('of %s %s %s', (netns, name) => {
    expect(ends(netns, name)).toBeUndefined();
  });

  it('is not the device below a macvlan', () => {
    expect(lowerOf(topology, at('c2', 'mv'))?.link.name).toBe('card');
    expect(lowerOf(topology, at('c2', 'eth0'))).toBeUndefined();
  });
});

describe('links', () => {
  it('are found by name and by number, within a namespace', () => {
    expect(linkByIndex(c2, 4)?.name).toBe('mv');
    expect(linkByIndex(c2, 2)).toBeUndefined();
    expect(linkOf(topology, { netns: 'c1', name: 'v1' })).toBeUndefined();
    expect(linkOf(topology, { netns: 'none', name: 'eth0' })).toBeUndefined();
  });

  it('have a bridge, and a bridge its ports', () => {
    expect(masterOf(host, at('host', 'v1'))?.name).toBe('br0');
    expect(masterOf(host, at('host', 'card'))).toBeUndefined();
    expect(portsOf(host, at('host', 'br0')).map(({ name }) => name)).toEqual(['v1', 'v2']);
  });

  it.each([
    [['UP', 'LOWER_UP'], true, true],
    [['UP', 'NO-CARRIER'], true, false],
    [['BROADCAST'], false, false],
  ])('with %j are up: %s, with carrier: %s', (flags, up, carrier) => {
    expect([isUp(link(1, 'x', { flags })), hasCarrier(link(1, 'x', { flags }))]).toEqual([up, carrier]);
  });

  it('own addresses, which any spelling finds', () => {
    const names = (address: string) => ownersOf(topology, address).map((o) => `${o.link.name}@${o.namespace.id}`);
    expect(names('10.9.0.1')).toEqual(['br0@host', 'eth0@c2']);
    expect(names('10.9.0.9')).toEqual([]);
    expect(names('lo')).toEqual([]);
    const six = { family: 6 as const, address: 'fd00::1', prefixLength: 64, scope: 'global', flags: [] };
    const other = topologyOf(namespace('a', [link(1, 'x', { addresses: [own('10.0.0.1'), six] })]));
    expect(ownersOf(other, 'FD00:0::1')).toHaveLength(1);
    expect(addressesOf(link(1, 'x', { addresses: [own('10.0.0.1'), six] }), 6)).toEqual([six]);
  });
});

describe('a setting', () => {
  const value = (name: string, all: number | undefined, ownValue: number | undefined, forwarding?: number) =>
    ipv4Setting(
      namespace('n', [], { sysctls: all === undefined ? {} : { [`ipv4.conf.all.${name}`]: all } }),
      link(1, 'x', {
        ipv4: {
          ...(ownValue === undefined ? {} : { [name]: ownValue }),
          ...(forwarding === undefined ? {} : { forwarding }),
        },
      }),
      name,
    );

  it.each(['rp_filter', 'arp_ignore', 'arp_announce', 'arp_accept'])('%s is the greater of the two', (name) => {
    expect([value(name, 0, 0), value(name, 1, 0), value(name, 1, 2), value(name, 2, 1)]).toEqual([0, 1, 2, 2]);
    expect([value(name, undefined, 2), value(name, 2, undefined)]).toEqual([undefined, undefined]);
  });

  it.each(['accept_local', 'arp_filter', 'proxy_arp', 'route_localnet', 'src_valid_mark', 'shared_media'])(
    '%s is set when either is',
    (name) => {
      expect([value(name, 0, 0), value(name, 1, 0), value(name, 0, 1)]).toEqual([0, 1, 1]);
      expect([value(name, 1, undefined), value(name, undefined, 1), value(name, undefined, 0)]).toEqual([
        1,
        1,
        undefined,
      ]);
    },
  );

  it('forwarding is the interface’s own', () => {
    expect([value('forwarding', 1, 0), value('forwarding', 0, 1), value('forwarding', 1, undefined)]).toEqual([
      0,
      1,
      undefined,
    ]);
  });

  it('accept_redirects needs both on a router, either on a host', () => {
    const pairs = [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ] as const;
    const decided = (forwarding: number) => pairs.map(([all, one]) => value('accept_redirects', all, one, forwarding));
    expect(decided(1)).toEqual([0, 0, 0, 1]);
    expect(decided(0)).toEqual([0, 1, 1, 1]);
  });

  it('that is not known is undefined', () => {
    expect([value('constructor', 1, 1), value('toString', undefined, undefined)]).toEqual([undefined, undefined]);
  });

  it('of IPv6 is combined likewise', () => {
    const n = namespace('n', [], { sysctls: { 'ipv6.conf.all.proxy_ndp': 1, 'ipv6.conf.all.disable_ipv6': 1 } });
    const x = link(1, 'x', { ipv6: { proxy_ndp: 0, disable_ipv6: 0 } });
    expect([ipv6Setting(n, x, 'proxy_ndp'), ipv6Setting(n, x, 'disable_ipv6'), ipv6Setting(n, x, 'no')]).toEqual([
      1,
      0,
      undefined,
    ]);
  });
});
