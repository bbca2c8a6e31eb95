import { describe, expect, it } from 'vitest';
import { chooseSource, findRoute, isLocal, type RouteQuery, routeText } from '../../src/path/fib.ts';
import type { Namespace } from '../../src/topology/model.ts';
import { type NamespaceSketch, topology } from './topology.ts';

//   eth0 10.9.0.2/24      eth1 192.0.2.1/24
const LINKS = { eth0: { addresses: ['10.9.0.2/24'] }, eth1: { addresses: ['192.0.2.1/24'] } };

function namespace(sketch: NamespaceSketch = {}): Namespace {
  const [built] = topology({ home: { links: LINKS, ...sketch } }).namespaces;
  if (!built) throw new Error('no namespace');
  return built;
}

/** The route in words, or why there is none. */
function routed(sketch: NamespaceSketch, query: string | RouteQuery): string {
  const found = findRoute(namespace(sketch), typeof query === 'string' ? { destination: query } : query);
  return found ? `${routeText(found)}${found.uncertain ? ` (${found.uncertain})` : ''}` : 'none';
}

const MAIN = { priority: 32766, table: 'main' };
const LOCAL = { priority: 0, table: 'local' };

describe('the route', () => {
  const routes = [
    'default via 10.9.0.1 dev eth0 metric 100',
    'default via 192.0.2.254 dev eth1 metric 50',
    '172.16.0.0/12 via 10.9.0.1 dev eth0',
    '172.16.5.0/24 via 192.0.2.9 dev eth1 metric 900',
  ];

  it.each([
    ['10.9.0.2', 'local 10.9.0.2/32 dev eth0'],
    ['10.9.0.77', '10.9.0.0/24 dev eth0'],
    ['172.16.4.1', '172.16.0.0/12 via 10.9.0.1 dev eth0'],
    ['172.16.5.1', '172.16.5.0/24 via 192.0.2.9 dev eth1'],
    ['198.51.100.1', 'default via 192.0.2.254 dev eth1'],
  ])('to %s is the longest prefix, then the smallest metric: %s', (destination, expected) => {
    expect(routed({ routes }, destination)).toBe(expected);
  });

  it('is none where nothing covers the destination', () => {
    expect(routed({}, '198.51.100.1')).toBe('none');
    expect(routed({ routes: ['default via 10.9.0.1 dev eth0 table 100'] }, '198.51.100.1')).toBe('none');
  });

  it('is the forbidding one where that is narrower, also for a socket bound to a device', () => {
    const forbidding = [...routes, 'blackhole 172.16.5.5', 'unreachable 172.16.5.6', 'prohibit 172.16.5.7'];
    expect(routed({ routes: forbidding }, '172.16.5.5')).toBe('blackhole 172.16.5.5/32');
    expect(routed({ routes: forbidding }, '172.16.5.6')).toBe('unreachable 172.16.5.6/32');
    expect(routed({ routes: forbidding }, { destination: '172.16.5.7', outputInterface: 'eth0' })).toBe(
      'prohibit 172.16.5.7/32',
    );
  });

  it('of a bound socket goes by its device, though another is narrower', () => {
    const bound = (destination: string, outputInterface: string) =>
      routed({ routes }, { destination, outputInterface });
    expect(bound('172.16.5.1', 'eth0')).toBe('172.16.0.0/12 via 10.9.0.1 dev eth0');
    expect(bound('198.51.100.1', 'eth0')).toBe('default via 10.9.0.1 dev eth0');
    expect(bound('10.9.0.77', 'eth1')).toBe('default via 192.0.2.254 dev eth1');
    expect(bound('10.9.0.2', 'eth1')).toBe('default via 192.0.2.254 dev eth1');
    expect(bound('10.9.0.2', 'eth2')).toBe('none');
  });

  it('has several next hops, and then it is not certain which', () => {
    const multipath = { routes: ['default nexthop via 10.9.0.1 dev eth0 nexthop via 192.0.2.254 dev eth1'] };
    expect(routed(multipath, '198.51.100.1')).toBe('default via 10.9.0.1 dev eth0 (0.0.0.0/0 has 2 next hops)');
    expect(routed(multipath, { destination: '198.51.100.1', outputInterface: 'eth1' })).toBe(
      'default via 192.0.2.254 dev eth1',
    );
  });

  it('does not use a dead next hop', () => {
    const half = { routes: ['default nexthop via 10.9.0.1 dev eth0 dead nexthop via 192.0.2.254 dev eth1'] };
    expect(routed(half, '198.51.100.1')).toBe('default via 192.0.2.254 dev eth1');
    const none = { routes: ['10.0.0.0/8 via 10.9.0.1 dev eth0', '10.1.0.0/16 via 192.0.2.254 dev eth1 dead'] };
    expect(routed(none, '10.1.2.3')).toBe('10.0.0.0/8 via 10.9.0.1 dev eth0');
  });
});

describe('a rule', () => {
  const routes = ['default via 10.9.0.1 dev eth0', 'default via 192.0.2.254 dev eth1 table 100'];
  const table100 = 'default via 192.0.2.254 dev eth1 table 100';
  const main = 'default via 10.9.0.1 dev eth0';
  const withRule = (rule: NonNullable<NamespaceSketch['rules']>[number], query: Partial<RouteQuery> = {}) =>
    routed(
      { routes, rules: [LOCAL, { priority: 100, table: '100', ...rule }, MAIN] },
      { destination: '198.51.100.1', ...query },
    );

  it('by source matches only what has one', () => {
    expect(withRule({ from: '192.0.2.0/24' }, { source: '192.0.2.1' })).toBe(table100);
    expect(withRule({ from: '192.0.2.0/24' }, { source: '10.9.0.2' })).toBe(main);
    expect(withRule({ from: '192.0.2.0/24' })).toBe(main);
  });

  it('by destination', () => {
    expect(withRule({ to: '198.51.100.0/24' })).toBe(table100);
    expect(withRule({ to: '198.51.101.0/24' })).toBe(main);
  });

  it('by input device, where lo stands for the namespace itself', () => {
    expect(withRule({ inputInterface: 'eth0' }, { inputInterface: 'eth0' })).toBe(table100);
    expect(withRule({ inputInterface: 'eth0' }, { inputInterface: 'eth1' })).toBe(main);
    expect(withRule({ inputInterface: 'eth0' })).toBe(main);
    expect(withRule({ inputInterface: 'lo' })).toBe(table100);
    expect(withRule({ inputInterface: 'lo' }, { inputInterface: 'eth0' })).toBe(main);
  });

  it('by output device', () => {
    expect(withRule({ outputInterface: 'eth1' }, { outputInterface: 'eth1' })).toBe(table100);
    expect(withRule({ outputInterface: 'eth1' })).toBe(main);
  });

  it.each([
    [1, undefined, 1, true],
    [1, undefined, 3, false],
    [0x10, 0x10, 0x13, true],
    [0x11, 0x10, 0x10, true],
    [0x80000000, undefined, 0x80000000, true],
    [1, undefined, undefined, false],
  ])('by mark %i/%s on a packet marked %s', (mark, markMask, packet, matches) => {
    const rule = { mark, ...(markMask === undefined ? {} : { markMask }) };
    expect(withRule(rule, packet === undefined ? {} : { mark: packet })).toBe(matches ? table100 : main);
  });

  it('of smaller priority comes first, whatever the order they are listed in', () => {
    const rules = [MAIN, { priority: 200, table: '100' }, LOCAL, { priority: 300, action: 'blackhole' }];
    expect(routed({ routes, rules }, '198.51.100.1')).toBe(table100);
    expect(routed({ routes, rules }, '10.9.0.2')).toBe('local 10.9.0.2/32 dev eth0');
  });

  it('forbids by itself', () => {
    expect(withRule({ action: 'prohibit', to: '198.51.100.0/24' })).toBe('prohibit 198.51.100.0/24 table rule 100');
  });

  it('whose table has no route, or throws, leaves it to the next', () => {
    expect(withRule({ table: '200' })).toBe(main);
    const thrown = [...routes, 'throw 198.51.100.0/24 table 100'];
    expect(routed({ routes: thrown, rules: [LOCAL, { priority: 100, table: '100' }, MAIN] }, '198.51.100.1')).toBe(
      main,
    );
  });

  it('that cannot be decided makes every later answer uncertain, also that there is none', () => {
    const rule = { table: '100', undecidable: ['tos 0x10'] };
    expect(withRule(rule)).toBe(`${main} (rule 100 (tos 0x10) is not decided)`);
    const rules = [LOCAL, { priority: 100, ...rule }, MAIN];
    expect(routed({ rules }, '198.51.100.1')).toMatch(/^unreachable .* \(rule 100 \(tos 0x10\) is not decided\)$/);
    expect(routed({ rules }, '10.9.0.2')).toBe('local 10.9.0.2/32 dev eth0');
  });
});

it('a wide local route with a narrower one beside it is uncertain: the kernel may keep both in one table', () => {
  const sketch = { routes: ['local 172.16.0.0/12 dev lo table local', '172.16.5.0/24 via 10.9.0.1 dev eth0'] };
  expect(routed(sketch, '172.16.5.1')).toContain('table main has the narrower 172.16.5.0/24');
  expect(routed(sketch, '172.16.6.1')).toBe('local 172.16.0.0/12 dev lo');
  const rules = [LOCAL, { priority: 100, table: '100' }, MAIN];
  expect(routed({ ...sketch, rules }, '172.16.5.1')).toBe('local 172.16.0.0/12 dev lo');
});

it('an address is local by table local alone', () => {
  expect(isLocal(namespace(), '10.9.0.2')).toBe(true);
  expect(isLocal(namespace(), '10.9.0.3')).toBe(false);
});

describe('the source address', () => {
  const source = (addresses: readonly string[], nextHop: string, device = 'eth0') =>
    chooseSource(namespace({ links: { eth0: { addresses }, eth1: LINKS.eth1 } }), device, nextHop);

  it('is the one whose prefix covers the next hop, else the first of the device', () => {
    expect(source(['10.9.0.2/24', '172.16.0.1/16'], '172.16.9.9')).toBe('172.16.0.1');
    expect(source(['10.9.0.2/24', '172.16.0.1/16'], '198.51.100.1')).toBe('10.9.0.2');
  });

  it("is another device's where the device has none, but none of narrower scope", () => {
    expect(source([], '10.9.0.1')).toBe('192.0.2.1');
    expect(
      chooseSource(
        namespace({ links: { eth0: {}, eth1: { addresses: ['169.254.1.1/16 scope link'] } } }),
        'eth0',
        '10.9.0.1',
      ),
    ).toBe(undefined);
  });

  it('of a point-to-point address is its own end, chosen by the other', () => {
    expect(source(['172.16.0.1/16', '10.9.0.2/32 peer 10.8.0.1'], '10.8.0.1')).toBe('10.9.0.2');
  });
});
