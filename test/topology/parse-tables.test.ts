/** Routes, rules, neighbours and forwarding entries, as iproute2 6.1 prints them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFdb } from '../../src/topology/parse-fdb.ts';
import { parseNeighbours } from '../../src/topology/parse-neighbours.ts';
import { parseRoutes } from '../../src/topology/parse-routes.ts';
import { parseRules } from '../../src/topology/parse-rules.ts';

describe('routes', () => {
  it.each([
    [
      { type: 'unicast', dst: 'default', gateway: '10.9.0.2', dev: 'br0', table: '100', protocol: 'boot', flags: [] },
      {
        ...{ family: 4, table: '100', type: 'unicast', destination: '0.0.0.0/0', metric: 0, scope: 'global' },
        ...{ protocol: 'boot', nextHops: [{ gateway: '10.9.0.2', device: 'br0', flags: [] }] },
      },
    ],
    [
      { dst: '10.9.0.0/24', dev: 'br0', protocol: 'kernel', scope: 'link', prefsrc: '10.9.0.1', flags: ['linkdown'] },
      {
        ...{ family: 4, table: 'main', type: 'unicast', destination: '10.9.0.0/24', metric: 0, scope: 'link' },
        ...{ protocol: 'kernel', source: '10.9.0.1', nextHops: [{ device: 'br0', flags: ['linkdown'] }] },
      },
    ],
    [
      { type: 'blackhole', dst: '10.66.0.0/16', metric: 7, flags: [] },
      {
        ...{ family: 4, table: 'main', type: 'blackhole', destination: '10.66.0.0/16', metric: 7, scope: 'global' },
        ...{ protocol: 'boot', nextHops: [] },
      },
    ],
    [
      {
        dst: '10.67.0.1',
        nexthops: [
          { gateway: '10.9.0.2', dev: 'a' },
          { via: { family: 'inet6', host: 'fe80::1' }, dev: 'b' },
        ],
      },
      {
        ...{ family: 4, table: 'main', type: 'unicast', destination: '10.67.0.1/32', metric: 0, scope: 'global' },
        protocol: 'boot',
        nextHops: [
          { gateway: '10.9.0.2', device: 'a', flags: [] },
          { gateway: 'fe80::1', device: 'b', flags: [] },
        ],
      },
    ],
  ])('%j', (entry, route) => {
    expect(parseRoutes([entry], 4)).toEqual({ routes: [route], skipped: 0 });
  });

  it('have the default of their family', () => {
    expect(parseRoutes([{ dst: 'default', dev: 'a' }], 6).routes[0]?.destination).toBe('::/0');
    expect(parseRoutes([{ dst: 'fd00::/64', dev: 'a' }], 4).routes).toEqual([]);
  });

  it('with a selector the model has not are counted, not misread', () => {
    const entries = [
      { dst: '10.99.0.0/16', tos: '0x10', dev: 'a' },
      { dst: '10.98.0.0/16', dev: 'a' },
    ];
    expect(parseRoutes(entries, 4)).toMatchObject({ routes: [{ destination: '10.98.0.0/16' }], skipped: 1 });
  });
});

describe('rules', () => {
  it('are read in the order the kernel tries them', () => {
    const rules = parseRules(
      [
        { priority: 32766, src: 'all', table: 'main', protocol: 'kernel' },
        { priority: 32765, src: '10.1.7.0', srclen: 16, fwmark: '0x10', fwmask: '0xff', iif: 'p0', table: '100' },
        { priority: 32763, src: 'all', dst: '10.3.0.1', action: 'unreachable' },
        { priority: 0, src: 'all', table: 'local' },
      ],
      4,
    );
    expect(rules).toEqual([
      { family: 4, priority: 0, action: 'lookup', table: 'local', undecidable: [] },
      { family: 4, priority: 32763, to: '10.3.0.1/32', action: 'unreachable', undecidable: [] },
      {
        ...{ family: 4, priority: 32765, from: '10.1.0.0/16', inputInterface: 'p0', mark: 16, markMask: 255 },
        ...{ action: 'lookup', table: '100', undecidable: [] },
      },
      { family: 4, priority: 32766, action: 'lookup', table: 'main', undecidable: [] },
    ]);
  });

  it.each([
    [{ priority: 1, src: '10.4.0.0', srclen: 16, table: '101', suppress_ifgroup: 'eth' }, ['suppress_ifgroup eth']],
    [{ priority: 1, src: 'all', ipproto: 'tcp', dport: 80, table: '1' }, ['dport 80']],
    [{ priority: 1, src: 'somewhere', table: '1' }, ['src somewhere']],
    [{ priority: 1, src: 'fd00::', srclen: 8, table: '1' }, ['src fd00::']],
    [{ priority: 1, future: { a: 1 }, table: '1' }, ['future {"a":1}']],
  ])('%j cannot be decided: %j', (entry, undecidable) => {
    expect(parseRules([entry], 4)[0]?.undecidable).toEqual(undecidable);
  });
});

describe('neighbours', () => {
  it('are read without multicast groups', () => {
    const neighbours = parseNeighbours([
      { dst: '10.9.0.77', dev: 'br0', lladdr: '02:00:00:00:00:4D', state: ['PERMANENT'] },
      { dst: '10.9.0.78', dev: 'br0', state: ['FAILED'] },
      { dst: '10.9.0.99', dev: 'br0', proxy: null },
      { dst: '224.0.0.22', dev: 'br0', lladdr: '01:00:5e:00:00:16', state: ['NOARP'] },
      { dst: 'ff02::16', dev: 'br0', state: ['NOARP'] },
      { dst: 'nowhere', dev: 'br0' },
    ]);
    expect(neighbours).toEqual([
      { family: 4, address: '10.9.0.77', device: 'br0', mac: '02:00:00:00:00:4d', state: 'PERMANENT', proxy: false },
      { family: 4, address: '10.9.0.78', device: 'br0', state: 'FAILED', proxy: false },
      { family: 4, address: '10.9.0.99', device: 'br0', state: 'NONE', proxy: true },
    ]);
  });
});

describe('forwarding entries', () => {
  it('are read without the addresses a device merely listens to', () => {
    const entries = parseFdb([
      { mac: 'E6:b0:70:72:aa:c3', ifname: 'v1', flags: [], master: 'br0', state: '' },
      { mac: '6a:cb:27:a2:59:4c', ifname: 'v1', flags: [], master: 'br0', vlan: 10, state: 'permanent' },
      { mac: '33:33:00:00:00:01', ifname: 'v1', flags: ['self'], state: 'permanent' },
      { mac: '01:00:5e:00:00:6a', ifname: 'br0', flags: ['self'], state: 'permanent' },
      { mac: '00:00:00:00:00:00', ifname: 'vx0', dst: '10.9.0.3', flags: ['self'], state: 'permanent' },
      { mac: '33:33:00:00:00:01', ifname: 'vx0', dst: '10.9.0.3', flags: ['self'], state: '' },
      { ifname: 'v1' },
    ]);
    expect(entries).toEqual([
      { mac: 'e6:b0:70:72:aa:c3', device: 'v1', master: 'br0', state: '', flags: [] },
      { mac: '6a:cb:27:a2:59:4c', device: 'v1', master: 'br0', vlan: 10, state: 'permanent', flags: [] },
      { mac: '00:00:00:00:00:00', device: 'vx0', state: 'permanent', flags: ['self'], remote: '10.9.0.3' },
      { mac: '33:33:00:00:00:01', device: 'vx0', state: '', flags: ['self'], remote: '10.9.0.3' },
    ]);
  });
});

describe('any JSON', () => {
  it('is read without throwing', () => {
    const keys = fc.constantFrom(
      ...'dst dev src srclen gateway via nexthops priority table mac ifname state lladdr'.split(' '),
    );
    const values = fc.oneof(fc.jsonValue(), fc.constantFrom('default', '10.0.0.1', 'fe80::1/64', 33, -1, null));
    fc.assert(
      fc.property(fc.oneof(fc.array(fc.dictionary(keys, values)), fc.jsonValue()), (json) => {
        parseRoutes(json, 4);
        parseRoutes(json, 6);
        parseRules(json, 4);
        parseNeighbours(json);
        parseFdb(json);
      }),
    );
  });
});
