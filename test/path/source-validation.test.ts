import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SourceVerdict, validateSource } from '../../src/path/source-validation.ts';
import { takeTopology } from '../../src/topology/collect.ts';
import type { Topology } from '../../src/topology/model.ts';
import { linkOf, namespaceOf } from '../../src/topology/query.ts';
import { mayMakeNamespaces, type PrivateNetwork, privateNetwork, untilUp } from '../capture/private-network.ts';
import { type NamespaceSketch, topology } from './topology.ts';

function verdict(built: Topology, source: string, destination = '10.9.0.3'): SourceVerdict {
  const namespace = namespaceOf(built, built.start);
  const link = linkOf(built, { netns: built.start, name: 'eth0' });
  if (!namespace || !link) throw new Error('no eth0');
  return validateSource(namespace, link, source, destination);
}

describe('source validation', () => {
  //   eth0 10.9.0.3/24      eth1 172.16.0.1/24
  const on = (rp: number, sketch: NamespaceSketch = {}) =>
    topology({
      home: {
        links: {
          eth0: { addresses: ['10.9.0.3/24'], ipv4: { rp_filter: rp } },
          eth1: { addresses: ['172.16.0.1/24'] },
        },
        ...sketch,
      },
    });

  it('lets an address probe pass, which has no source', () => {
    expect(verdict(on(1), '0.0.0.0').verdict).toBe('pass');
  });

  it('takes any next hop of a multipath route for the way back', () => {
    const hops = 'default nexthop via 172.16.0.9 dev eth1 nexthop via 10.9.0.9 dev eth0';
    expect(verdict(on(1, { routes: [hops] }), '198.51.100.1').verdict).toBe('pass');
    expect(verdict(on(1, { routes: ['default via 172.16.0.9 dev eth1'] }), '198.51.100.1')).toMatchObject({
      verdict: 'stop',
      reason: 'reverse-path',
    });
  });

  it('is not decided where its settings or the way back are not', () => {
    const built = on(1);
    const blind = { ...built, namespaces: built.namespaces.map((namespace) => ({ ...namespace, sysctls: {} })) };
    expect(verdict(blind, '10.9.0.2')).toMatchObject({ verdict: 'unknown', rpFilter: undefined });
    const rules = [
      { priority: 0, table: 'local' },
      { priority: 9, table: '100', undecidable: ['tos 0x10'] },
      { priority: 32766, table: 'main' },
    ];
    expect(verdict(on(1, { rules }), '172.16.0.9').verdict).toBe('unknown');
    expect(verdict(on(1, { rules }), '198.51.100.1').verdict).toBe('unknown');
    expect(verdict(on(0, { rules }), '172.16.0.9').verdict).toBe('pass');
  });
});

interface Case {
  /** rp_filter of `all` and of the device. */
  readonly rp: readonly [all: number, own: number];
  readonly accept?: readonly [all: number, own: number];
  /** Commands that make the way back. */
  readonly back?: string;
  readonly source?: string;
}

const RP = [
  [0, 0],
  [1, 0],
  [0, 1],
  [2, 1],
  [1, 2],
  [0, 2],
] as const;
const BACK = {
  'by the same device': '',
  'by another device': 'ip route add 10.9.0.2/32 dev eth1',
  missing: 'ip route del 10.9.0.0/24',
  blackhole: 'ip route add blackhole 10.9.0.2/32',
  'another by a rule for what comes in there': 'ip rule add pref 9 iif eth0 lookup 100',
  'another by a rule for what is sent': 'ip rule add pref 9 iif lo to 10.9.0.2 lookup 100',
  'by a device, and the one it came in by has no address':
    'ip addr del 10.9.0.3/24 dev eth0; ip route add 10.9.0.2/32 dev eth1',
  'by the same device, which has no address': 'ip addr del 10.9.0.3/24 dev eth0; ip route add 10.9.0.0/24 dev eth0',
};
const CASES: (Case & { name: string })[] = [
  ...Object.entries(BACK).flatMap(([name, back]) =>
    RP.map((rp) => ({ name: `rp_filter ${rp}, the way back ${name}`, rp, back })),
  ),
  ...(
    [
      [0, 0],
      [1, 0],
      [0, 1],
    ] as const
  ).flatMap((accept) =>
    (
      [
        [0, 0],
        [1, 0],
        [0, 2],
      ] as const
    ).map((rp) => ({
      name: `rp_filter ${rp}, accept_local ${accept}, the source its own`,
      rp,
      accept,
      source: '10.9.0.99',
    })),
  ),
];

//   near: eth0 10.9.0.2/24, lo 10.9.0.99 ─── far: eth0 10.9.0.3/24, lo 10.9.0.3, 10.9.0.99, beside eth1 172.16.0.1/24
describe.skipIf(!mayMakeNamespaces)('source validation is the kernel’s', () => {
  let near: PrivateNetwork;
  let far: PrivateNetwork;
  beforeAll(async () => {
    far = await privateNetwork(`
      ip link add eth1 type veth peer name x1
      ip link set eth1 up; ip link set x1 up
      ip addr add 172.16.0.1/24 dev eth1; ip addr add 10.9.0.99/32 dev lo`);
    near = await privateNetwork(`
      ip link add eth0 type veth peer name eth0 netns ${far.pid}
      ip addr add 10.9.0.2/24 dev eth0; ip addr add 10.9.0.99/32 dev lo
      ip link set eth0 up`);
    far.run(`ip link set eth0 up; ip addr add 10.9.0.3/32 dev lo; ${untilUp('eth0', 'eth1')}`);
    near.run(untilUp('eth0'));
  });
  afterAll(() => {
    near.close();
    far.close();
  });

  const echoesIn = () => Number(/^Icmp: (?:\S+ ){8}(\d+)/m.exec(far.run('grep ^Icmp: /proc/net/snmp | tail -1'))?.[1]);

  /** Whether ARP was answered, and whether an echo request came in. */
  const tried = (source: string): { answered: boolean; accepted: boolean } => {
    const ping = `ping -c 1 -W 0.1 -I ${source} 10.9.0.3 >/dev/null || true`;
    const entry = near.run(`ip neigh flush dev eth0 nud all; ${ping}; ip -j neigh show 10.9.0.3 dev eth0`);
    const before = echoesIn();
    const mac = /([0-9a-f]{2}:){5}[0-9a-f]{2}/.exec(far.run('ip -br link show dev eth0'))?.[0];
    near.run(`ip neigh replace 10.9.0.3 lladdr ${mac} dev eth0 nud permanent; ${ping}`);
    return { answered: entry.includes('lladdr'), accepted: echoesIn() > before };
  };

  for (const { name, rp, accept = [0, 0], back = '', source = '10.9.0.2' } of CASES)
    it(name, async () => {
      far.run(`
        sysctl -qw net.ipv4.conf.all.rp_filter=${rp[0]} net.ipv4.conf.eth0.rp_filter=${rp[1]}
        sysctl -qw net.ipv4.conf.all.accept_local=${accept[0]} net.ipv4.conf.eth0.accept_local=${accept[1]}
        ip rule del pref 9 2>/dev/null || true; ip route replace 10.9.0.2/32 dev eth1 table 100
        ip route flush table main proto boot
        ip addr flush dev eth0; ip addr add 10.9.0.3/24 dev eth0
        ${back}`);
      const built = await takeTopology({ start: far.netns, home: far.netns });
      const model = verdict(built, source);
      expect(model.verdict).not.toBe('unknown');
      const passes = model.verdict === 'pass';
      expect(tried(source), JSON.stringify(model)).toEqual({ answered: passes, accepted: passes });
    });
});
