import { describe, expect, it } from 'vitest';
import { applyChanges } from '../../src/topology/apply-changes.ts';
import { routingWords } from '../../src/topology/change-routing.ts';
import type { PolicyRule, Route } from '../../src/topology/model.ts';
import { routeOf, topology } from '../path/topology.ts';

const rule = (more: Partial<PolicyRule>): PolicyRule => ({
  family: 4,
  priority: 100,
  action: 'lookup',
  undecidable: [],
  ...more,
});
const deleted = (route: Route) => routingWords({ kind: 'route-del', netns: 'home', route }).join(' ');

describe('a route is taken away', () => {
  it.each([
    [
      '10.2.0.0/16 via 10.1.0.9 dev eth0 metric 5 table 7',
      'ip route del 10.2.0.0/16 via 10.1.0.9 dev eth0 metric 5 table 7',
    ],
    ['default dev tun0', 'ip route del default dev tun0'],
    ['blackhole 10.0.0.0/8', 'ip route del blackhole 10.0.0.0/8'],
    ['10.3.0.0/16 nexthop via 10.1.0.1 dev a nexthop via 10.1.0.2 dev b', 'ip route del 10.3.0.0/16'],
  ])('%s', (text, command) => {
    expect(deleted(routeOf(text))).toBe(command);
  });

  it('by the number of its nexthop object, and in its own family', () => {
    const route = { ...routeOf('10.2.0.0/16 via 10.1.0.9 dev eth0'), nexthopId: 12 };
    expect(deleted(route)).toBe('ip route del 10.2.0.0/16 nhid 12');
    const wide = { ...routeOf('blackhole 10.0.0.0/8'), family: 6 as const, destination: '::/0', metric: 1024 };
    expect(deleted(wide)).toBe('ip -6 route del blackhole default metric 1024');
  });

  it('and no other one of the same network', () => {
    const routes = ['10.2.0.0/16 via 10.1.0.9 dev eth0', '10.2.0.0/16 via 10.1.0.8 dev eth0 metric 5'];
    const before = topology({ home: { links: { eth0: {} }, routes } });
    const [first] = before.namespaces[0]?.routes ?? [];
    if (!first) throw new Error('no route');
    const after = applyChanges(before, [{ kind: 'route-del', netns: 'home', route: first }]);
    expect(after.namespaces[0]?.routes.map(({ metric }) => metric)).toEqual([5]);
  });
});

describe('a policy rule is taken away', () => {
  it.each([
    [rule({ from: '10.1.0.0/24', table: '220' }), 'ip rule del pref 100 from 10.1.0.0/24 lookup 220'],
    [rule({ to: 'fd00::/8', family: 6, action: 'prohibit' }), 'ip -6 rule del pref 100 to fd00::/8 prohibit'],
    [
      rule({ inputInterface: 'a', outputInterface: 'b', mark: 16, markMask: 255, table: 'main' }),
      'ip rule del pref 100 iif a oif b fwmark 0x10/0xff lookup main',
    ],
    [rule({ inverted: true, from: '10.1.0.0/24', table: '9' }), 'ip rule del pref 100 not from 10.1.0.0/24 lookup 9'],
  ])('%#', (one, command) => {
    expect(routingWords({ kind: 'rule-del', netns: 'home', rule: one }).join(' ')).toBe(command);
  });

  it('and the others stay', () => {
    const rules = [rule({ priority: 5, table: '1' }), rule({ priority: 5, table: '2' })];
    const before = topology({ home: { rules } });
    const after = applyChanges(before, [{ kind: 'rule-del', netns: 'home', rule: rule({ priority: 5, table: '2' }) }]);
    expect(after.namespaces[0]?.rules.map(({ table }) => table)).toEqual(['1']);
  });
});
