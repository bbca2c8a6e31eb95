import { describe, expect, test } from 'vitest';
import { type HostMap, linkFinder, type MapNamespace } from '../../src/containers/host-map.ts';
import { odditiesOf } from '../../src/containers/oddities.ts';
import type { Link } from '../../src/topology/model.ts';
import { address, container, link, mapOf, namespace, peer } from './built.ts';

const bridge = (index: number, name: string, rest: Partial<Link> = {}): Link =>
  link(index, name, {
    kind: 'bridge',
    bridge: {
      stp: false,
      forwardDelay: 0,
      ageingTime: 0,
      vlanFiltering: false,
      mcastSnooping: false,
      nfCallIptables: false,
      nfCallArptables: false,
    },
    ...rest,
  });
const port = (index: number, name: string, master: number, rest: Partial<Link>): Link =>
  link(index, name, {
    master,
    port: {
      state: 'forwarding',
      hairpin: false,
      isolated: false,
      locked: false,
      learning: true,
      flood: true,
      mcastFlood: true,
      bcastFlood: true,
      neighSuppress: false,
      proxyArp: false,
      vlans: [],
    },
    ...rest,
  });
const lo = link(1, 'lo', { kind: 'loopback', addresses: [address('127.0.0.1/8')] });
const mac = (last: number): string => `02:00:00:00:00:0${last}`;
const down = { flags: [], operstate: 'down' };
const via = (device: number, gateway: string, family: 4 | 6 = 4): MapNamespace['routes'][number] => ({
  family,
  main: true,
  isDefault: true,
  isAutomatic: false,
  metric: 0,
  nextHops: [{ device, gateway }],
});

/*  here: br0 10.9.0.1 ── v1 ── eth0 10.9.0.11 of web
 *                     └─ v2 ── eth0 10.9.0.12 of db      */
function healthy(change: { here?: Partial<Link>[]; web?: Partial<Link>; db?: Partial<Link> } = {}): HostMap {
  const [br0 = {}, v1 = {}, v2 = {}] = change.here ?? [];
  return mapOf([
    namespace(1, [
      lo,
      bridge(2, 'br0', { mac: mac(2), addresses: [address('10.9.0.1/24')], ...br0 }),
      port(3, 'v1', 2, { mac: mac(2), ...peer(10, 3), ...v1 }),
      port(4, 'v2', 2, { mac: mac(4), ...peer(11, 3), ...v2 }),
    ]),
    namespace(
      10,
      [lo, link(3, 'eth0', { mac: mac(5), addresses: [address('10.9.0.11/24')], ...peer(1, 3), ...change.web })],
      {
        label: 'web',
        tenants: [container('web', { netns: 10 })],
        routes: [via(3, '10.9.0.1')],
      },
    ),
    namespace(
      11,
      [lo, link(3, 'eth0', { mac: mac(6), addresses: [address('10.9.0.12/24')], ...peer(1, 4), ...change.db })],
      {
        label: 'db',
        tenants: [container('db', { netns: 11 })],
        routes: [via(3, '10.9.0.1')],
      },
    ),
  ]);
}

function odd(map: HostMap): string[] {
  return odditiesOf(map, linkFinder(map)).map(({ kind, interface: name, netns }) => `${kind} ${name ?? ''}@${netns}`);
}

function without(object: Partial<Link>, ...keys: (keyof Link)[]): Link {
  const entries = Object.entries(object).filter(([key]) => !keys.some((one) => one === key));
  return { ...link(0, ''), ...Object.fromEntries(entries) };
}

describe('what is odd about a map', () => {
  test('nothing about a bridge with two containers, though the bridge has the address of a port', () => {
    expect(odd(healthy())).toEqual([]);
  });

  test('an end that is down', () => {
    expect(odd(healthy({ web: down }))).toEqual(['peer-down v1@net:[1]']);
    expect(odd(healthy({ here: [{}, down] }))).toEqual(['peer-down eth0@net:[10]']);
  });

  test('a bridge that is down', () => {
    expect(odd(healthy({ here: [down] }))).toEqual(['bridge-down br0@net:[1]']);
  });

  test('no address; a link-local one is none', () => {
    expect(odd(healthy({ web: { addresses: [address('fe80::1/64')] } }))).toEqual(['no-address eth0@net:[10]']);
  });

  test('one hardware address twice, one address twice: told at both ends', () => {
    expect(odd(healthy({ db: { mac: mac(5) } }))).toEqual([
      'duplicate-mac eth0@net:[10]',
      'duplicate-mac eth0@net:[11]',
    ]);
    expect(odd(healthy({ db: { addresses: [address('10.9.0.11/24')] } }))).toEqual([
      'duplicate-address eth0@net:[10]',
      'duplicate-address eth0@net:[11]',
    ]);
    expect(odd(healthy({ db: { addresses: [address('10.9.0.1/24')] } }))).toEqual([
      'duplicate-address br0@net:[1]',
      'duplicate-address eth0@net:[11]',
    ]);
  });

  test('a bridge that filters by VLAN may carry one address twice', () => {
    const filtering = { bridge: { ...bridge(2, 'br0').bridge, vlanFiltering: true } };
    const settings = bridge(2, 'br0').bridge;
    if (!settings) throw new Error('a bridge has settings');
    const map = healthy({
      here: [{ bridge: { ...settings, ...filtering.bridge, vlanFiltering: true } }],
      db: { addresses: [address('10.9.0.11/24')] },
    });
    expect(odd(map)).toEqual([]);
  });

  test('two networks may use one address', () => {
    const map = healthy();
    const [here, web, db] = map.namespaces;
    if (!here || !web || !db) throw new Error('three namespaces');
    const apart = { ...here, links: [...here.links.slice(0, 3), bridge(5, 'br1'), port(4, 'v2', 5, peer(11, 3))] };
    const same = {
      ...db,
      routes: [],
      links: [lo, link(3, 'eth0', { addresses: [address('10.9.0.11/24')], ...peer(1, 4) })],
    };
    expect(odd(mapOf([apart, web, same]))).toEqual([]);
  });

  test('a gateway that nobody has, on a network that can be seen whole', () => {
    const map = healthy({ here: [{ addresses: [address('10.9.0.254/24')] }] });
    expect(odd(map)).toEqual(['gateway-unowned eth0@net:[10]', 'gateway-unowned eth0@net:[11]']);
  });

  test('the gateway may be beyond a device of the machine, or a tap', () => {
    for (const kind of ['physical', 'tun', 'vxlan']) {
      const map = healthy({ here: [{ addresses: [] }] });
      const [here, ...others] = map.namespaces;
      if (!here) throw new Error('a namespace');
      const uplink = { ...here, links: [...here.links, port(9, 'up0', 2, { kind })] };
      expect(odd(mapOf([uplink, ...others]))).toEqual([]);
    }
  });

  test('a port taken out of its bridge', () => {
    const map = healthy();
    const [here, ...others] = map.namespaces;
    if (!here) throw new Error('a namespace');
    const links = here.links.map((each) =>
      each.name === 'v1' ? { ...without(each, 'master', 'port'), index: 3, name: 'v1' } : each,
    );
    expect(odd(mapOf([{ ...here, links }, ...others]))).toEqual([
      'port-detached v1@net:[1]',
      // Its own network is now the pair alone.
      'gateway-unowned eth0@net:[10]',
    ]);
    // A routed container: the route to it is its way.
    const routed = {
      ...here,
      links,
      routes: [{ ...via(3, '10.9.0.11'), isDefault: false, nextHops: [{ device: 3 }] }],
    };
    expect(odd(mapOf([routed, ...others])).filter((each) => each.startsWith('port'))).toEqual([]);
    // fe80::/64 is on every link.
    const automatic = { ...routed, routes: routed.routes.map((route) => ({ ...route, isAutomatic: true })) };
    expect(odd(mapOf([automatic, ...others]))).toContain('port-detached v1@net:[1]');
    // Cilium forwards from programs on its devices.
    const cilium = { ...here, links: [...links, link(20, 'cilium_host', { kind: 'veth' })] };
    expect(odd(mapOf([cilium, ...others])).filter((each) => each.startsWith('port'))).toEqual([]);
  });

  test('an end in a namespace that cannot be seen', () => {
    expect(odd(healthy({ here: [{}, { peer: { index: 3 } }] }))).toContain('peer-unseen v1@net:[1]');
  });

  test('a container with nothing but lo; a namespace without anybody is not worth a word', () => {
    const bare = namespace(12, [lo], { label: 'lonely', tenants: [container('lonely', { netns: 12 })] });
    expect(odd(mapOf([namespace(1, [lo]), bare, namespace(13, [lo])]))).toEqual(['no-network @net:[12]']);
  });

  test('both ends of one pair may have one hardware address, a passthru macvlan that of its device', () => {
    const here = namespace(1, [
      lo,
      link(3, 'a', { mac: mac(3), ...peer(10, 3), addresses: [address('10.1.0.1/24')] }),
      link(4, 'up', { kind: 'dummy', mac: mac(4) }),
      link(5, 'mv', {
        kind: 'macvlan',
        mac: mac(4),
        data: { mode: 'passthru' },
        ...peer(1, 4),
        addresses: [address('10.2.0.1/24')],
      }),
    ]);
    const there = namespace(10, [
      lo,
      link(3, 'b', { mac: mac(3), ...peer(1, 3), addresses: [address('10.1.0.2/24')] }),
    ]);
    expect(odd(mapOf([here, there]))).toEqual([]);
  });
});
