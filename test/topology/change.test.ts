/**
 * Changes: what a change makes of the model is what its command makes of the kernel, for everything that the path reads.
 * A route of type broadcast is not: no probe is sent to one.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { applyChanges } from '../../src/topology/apply-changes.ts';
import { type Change, changeCommand } from '../../src/topology/change.ts';
import { takeTopology } from '../../src/topology/collect.ts';
import type { Namespace, Topology } from '../../src/topology/model.ts';
import { shellWord } from '../../src/topology/naming.ts';
import { classifiersOf, queueOf } from '../../src/topology/traffic-control.ts';
import { mayMakeNamespaces, type PrivateNetwork, privateNetwork, untilUp } from '../capture/private-network.ts';
import { topology } from '../path/topology.ts';

interface Case {
  readonly name: string;
  /** What is different before, in the first namespace and in the second. */
  readonly home?: string;
  readonly far?: string;
  readonly changes: (home: string, far: string) => readonly Change[];
}

const veth = (netns: string, name = 'v0') => ({ netns, name });
const CASES: readonly Case[] = [
  {
    name: 'an interface comes up, and its routes with it',
    home: 'ip link set v0 down; ip addr add 10.7.0.1/24 dev v0',
    changes: (home) => [{ kind: 'link-up', at: veth(home) }],
  },
  {
    name: 'the far end comes up',
    far: 'ip link set w0 down',
    changes: (_, far) => [{ kind: 'link-up', at: veth(far, 'w0') }],
  },
  {
    name: 'the far end comes up, and routes count again that were passed over',
    home: 'sysctl -qw net.ipv4.conf.all.ignore_routes_with_linkdown=1; ip addr add 10.7.0.1/24 dev v0',
    far: 'ip link set w0 down',
    changes: (_, far) => [{ kind: 'link-up', at: veth(far, 'w0') }],
  },
  {
    name: 'lo comes up',
    far: 'ip link set lo down',
    changes: (_, far) => [{ kind: 'link-up', at: veth(far, 'lo') }],
  },
  {
    name: 'a bridge comes up, and its ports with it',
    home: 'ip link set br0 down; ip link set v1 master br0; ip addr add 10.7.0.1/24 dev br0',
    changes: (home) => [{ kind: 'link-up', at: veth(home, 'br0') }],
  },
  { name: 'a device is made a port', changes: (home) => [{ kind: 'enslave', at: veth(home, 'v1'), bridge: 'br0' }] },
  {
    name: 'a port changes its bridge, its address stays',
    home: 'ip link add br1 type bridge; ip link set br1 up; ip link set v0 master br1',
    changes: (home) => [{ kind: 'enslave', at: veth(home), bridge: 'br0' }],
  },
  {
    name: 'a port of a bridge that is down',
    home: 'ip link set br0 down',
    changes: (home) => [{ kind: 'enslave', at: veth(home, 'v1'), bridge: 'br0' }],
  },
  ...([24, 32, 31] as const).map((prefixLength) => ({
    name: `an address /${prefixLength}`,
    changes: (home: string): Change[] => [
      { kind: 'address-add', at: veth(home, 'v1'), address: '10.7.0.1', prefixLength },
    ],
  })),
  {
    name: 'a second address of the same subnet',
    changes: (home) => [{ kind: 'address-add', at: veth(home), address: '10.9.0.77', prefixLength: 24 }],
  },
  {
    name: 'an address of a device that is down',
    home: 'ip link set v1 down',
    changes: (home) => [{ kind: 'address-add', at: veth(home, 'v1'), address: '10.7.0.1', prefixLength: 24 }],
  },
  {
    name: 'the last address goes, and all routes of the device with it',
    home: 'ip route add default via 10.9.0.1; ip route add 10.5.0.0/16 dev v0; ip route add 10.4.0.0/16 dev v1',
    changes: (home) => [{ kind: 'address-del', at: veth(home), address: '10.9.0.2', prefixLength: 24 }],
  },
  {
    name: 'one of two addresses goes, and the routes that prefer it',
    home: 'ip addr add 10.7.0.1/24 dev v0; ip route add 10.5.0.0/16 dev v0 src 10.7.0.1; ip route add 10.4.0.0/16 dev v0',
    changes: (home) => [{ kind: 'address-del', at: veth(home), address: '10.7.0.1', prefixLength: 24 }],
  },
  {
    name: 'a secondary address goes',
    home: 'ip addr add 10.9.0.77/24 dev v0',
    changes: (home) => [{ kind: 'address-del', at: veth(home), address: '10.9.0.77', prefixLength: 24 }],
  },
  {
    name: 'a primary address goes, and its secondary with it or after it',
    home: 'ip addr add 10.9.0.77/24 dev v0',
    changes: (home) => [{ kind: 'address-del', at: veth(home), address: '10.9.0.2', prefixLength: 24 }],
  },
  {
    name: 'an address moves from the port to its bridge',
    home: 'ip link set v0 master br0; ip route add default via 10.9.0.1',
    changes: (home) => [
      { kind: 'address-del', at: veth(home), address: '10.9.0.2', prefixLength: 24 },
      { kind: 'address-add', at: veth(home, 'br0'), address: '10.9.0.2', prefixLength: 24 },
      { kind: 'route-replace', netns: home, destination: '0.0.0.0/0', gateway: '10.9.0.1', device: 'br0' },
    ],
  },
  ...['rp_filter', 'accept_local', 'forwarding', 'proxy_arp', 'arp_ignore'].map((setting) => ({
    name: `${setting} of one interface`,
    changes: (_: string, far: string): Change[] => [
      { kind: 'interface-sysctl', at: veth(far, 'w0'), setting, value: 1 },
    ],
  })),
  ...['ipv4.ip_forward', 'ipv4.icmp_echo_ignore_all', 'ipv4.conf.all.rp_filter', 'ipv4.conf.all.accept_local'].map(
    (setting) => ({
      name: `${setting} of a namespace`,
      changes: (home: string): Change[] => [{ kind: 'namespace-sysctl', netns: home, setting, value: 1 }],
    }),
  ),
  {
    name: 'a neighbour entry goes',
    home: 'ip neigh add 10.9.0.3 lladdr 02:00:00:00:99:99 dev v0; ip neigh add 10.9.0.4 lladdr 02:00:00:00:99:99 dev v0',
    changes: (home) => [{ kind: 'neighbour-del', at: veth(home), address: '10.9.0.3' }],
  },
  {
    name: 'what a neighbour said is forgotten, and not what was set by hand',
    home: 'ip neigh add 10.9.0.3 lladdr 02:00:00:00:99:99 dev v0 nud stale; ip neigh add 10.9.0.4 lladdr 02:00:00:00:99:99 dev v0',
    changes: (home) =>
      ['10.9.0.3', '10.9.0.4'].map((address) => ({ kind: 'neighbour-flush', at: veth(home), address })),
  },
  ...[
    { from: 32, to: 24 },
    { from: 16, to: 24 },
  ].map(({ from, to }) => ({
    name: `an address /${from} becomes one /${to}`,
    home: `ip addr add 10.7.0.1/${from} dev v1; ip route add 10.5.0.0/16 dev v1`,
    changes: (home: string): Change[] => [
      { kind: 'address-add', at: veth(home, 'v1'), address: '10.7.0.1', prefixLength: to },
      { kind: 'address-del', at: veth(home, 'v1'), address: '10.7.0.1', prefixLength: from },
    ],
  })),
  {
    name: 'a queue goes',
    home: 'tc qdisc replace dev v0 root pfifo limit 0',
    changes: (home) => [{ kind: 'queue-del', at: veth(home) }],
  },
  {
    name: 'one of two filters goes',
    far: `tc qdisc add dev w0 clsact; for p in 10 20; do tc filter add dev w0 ingress protocol ip pref $p bpf bytecode '1,6 0 0 2' da; done`,
    changes: (_, far) => [
      {
        kind: 'classifier-del',
        at: veth(far, 'w0'),
        hook: 'ingress',
        protocol: 'ip',
        preference: 10,
        handle: '0x1',
        classifier: 'bpf',
      },
    ],
  },
  { name: 'another MTU', changes: (home) => [{ kind: 'link-mtu', at: veth(home), mtu: 1400 }] },
  {
    name: 'ARP on again, which forgets all neighbours',
    home: 'ip link set v0 arp off; ip neigh add 10.9.0.4 lladdr 02:00:00:00:99:99 dev v0',
    changes: (home) => [{ kind: 'link-arp', at: veth(home) }],
  },
  {
    name: 'a default route',
    changes: (home) => [{ kind: 'route-add', netns: home, destination: '0.0.0.0/0', gateway: '10.9.0.1' }],
  },
  {
    name: 'a route on the link',
    changes: (_, far) => [{ kind: 'route-add', netns: far, destination: '172.16.0.0/12', device: 'w0' }],
  },
  {
    name: 'another gateway in place of the old one',
    home: 'ip route add default via 10.9.0.1',
    changes: (home) => [
      { kind: 'route-replace', netns: home, destination: '0.0.0.0/0', gateway: '10.9.0.254', device: 'v0' },
    ],
  },
  {
    name: 'a route beside the one with a metric',
    home: 'ip route add default via 10.9.0.1 metric 100',
    changes: (home) => [
      { kind: 'route-replace', netns: home, destination: '0.0.0.0/0', gateway: '10.9.0.254', device: 'v0' },
    ],
  },
];

//   home: v0 10.9.0.2/24 ─── w0 10.9.0.3/24 (far)      v1 ─── w1      br0 without ports
describe.skipIf(!mayMakeNamespaces)('the model changes as the kernel does when', () => {
  const open: PrivateNetwork[] = [];
  afterEach(() => {
    for (const network of open.splice(0)) network.close();
  });

  const build = async (more: Case): Promise<[PrivateNetwork, PrivateNetwork]> => {
    const defaults = 'sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.ip_forward=0';
    const far = await privateNetwork(defaults);
    open.push(far);
    const home = await privateNetwork(`${defaults}
      for i in 0 1; do ip link add v$i type veth peer name w$i netns ${far.pid}; ip link set v$i up; done
      ip link add br0 type bridge; ip link set br0 up
      ip addr add 10.9.0.2/24 dev v0`);
    open.push(home);
    far.run(`ip link set w0 up; ip link set w1 up; ip addr add 10.9.0.3/24 dev w0; ${untilUp('w0', 'w1')}`);
    home.run(`${untilUp('v0', 'v1')}; ${more.home ?? ''}`);
    far.run(more.far ?? '');
    return [home, far];
  };

  for (const one of CASES)
    it(one.name, async () => {
      const [home, far] = await build(one);
      const options = { start: home.netns, home: home.netns };
      const before = await takeTopology(options);
      const changes = one.changes(home.netns.id, far.netns.id);
      const commands = changes.map((change) => changeCommand(before, change));
      const expected = applyChanges(before, changes);
      expect(readable(expected), 'the change changes something').not.toEqual(readable(before));
      home.run(commands.join('\n'));
      // Ports and carriers settle a moment after the command has returned.
      await expect
        .poll(async () => readable(await takeTopology(options)), { message: commands.join('; '), timeout: 2000 })
        .toEqual(readable(expected));
    });

  const renamed = async (name: string): Promise<void> => {
    const [home] = await build({ name, changes: () => [] });
    home.run(`ip link set v1 down; ip link set v1 name ${shellWord(name)}`);
    const at = { netns: home.netns.id, name };
    const changes: Change[] = [
      { kind: 'link-up', at },
      { kind: 'address-add', at, address: '10.7.0.1', prefixLength: 24 },
      { kind: 'interface-sysctl', at, setting: 'rp_filter', value: 2 },
      { kind: 'route-add', netns: home.netns.id, destination: '10.5.0.0/16', device: name },
      { kind: 'enslave', at, bridge: 'br0' },
    ];
    const before = await takeTopology({ start: home.netns, home: home.netns });
    home.run(changes.map((change) => changeCommand(before, change)).join('\n'));
    const after = await takeTopology({ start: home.netns, home: home.netns });
    expect(after.namespaces[0]?.links.find((link) => link.name === name)).toMatchObject({
      addresses: expect.arrayContaining([expect.objectContaining({ address: '10.7.0.1' })]),
      ipv4: { rp_filter: 2 },
      port: { learning: true },
    });
  };
  for (const name of ['up', 'dev', 'eth0.100', '-x', "a'b", 'x;id', '$(id)', '*', 'v-1', 'é'])
    it(`the interface is called ${name}`, () => renamed(name));
  // sysctl(8) ends a variable's name at the first =, and has no way to quote it.
  for (const name of ['a=b']) it.fails(`the interface is called ${name}`, () => renamed(name));
});

/** What the path reads, in an order that does not depend on when it was made. */
function readable({ namespaces }: Topology): unknown {
  return namespaces.map((namespace) => ({
    id: namespace.id,
    links: Object.fromEntries(namespace.links.map((link) => [link.name, readableLink(namespace, link)])),
    routes: namespace.routes
      .filter(({ family, type }) => family === 4 && type !== 'broadcast')
      .map(({ table, type, destination, metric, source, nextHops }) => {
        const hops = nextHops.map(({ gateway = '', device = '' }) => `${gateway} ${device}`);
        // The kernel prefers the subnet's first address for all of its local routes: what is local is not sent anywhere.
        const preferred = type === 'local' ? '' : ` from ${source ?? 'any'}`;
        return `${type} ${destination} table ${table} metric ${metric}${preferred}: ${hops.join(', ')}`;
      })
      .sort(),
    neighbours: namespace.neighbours
      .filter(({ family, state }) => family === 4 && (state === 'PERMANENT' || state === 'STALE'))
      .map(({ address, device, mac }) => `${address} ${device} ${mac}`)
      .sort(),
    sysctls: Object.fromEntries(Object.entries(namespace.sysctls).filter(([name]) => READ.test(name))),
  }));
}

const SETTINGS = 'rp_filter|accept_local|arp_ignore|arp_filter|arp_announce|proxy_arp|forwarding';
const READ = new RegExp(`^ipv4\\.(ip_forward|icmp_echo_ignore_all|conf\\.all\\.(${SETTINGS}))$`);

function readableLink({ links }: Namespace, link: Namespace['links'][number]): unknown {
  return {
    up: link.flags.includes('UP'),
    arp: !link.flags.includes('NOARP'),
    queue: queueOf(link)?.kind,
    classifiers: classifiersOf(link, 'ingress'),
    // A bridge without a value of its own takes the smallest of its ports'.
    mtu: link.kind === 'bridge' ? undefined : link.mtu,
    master: links.find(({ index }) => index === link.master)?.name,
    port: link.port,
    addresses: link.addresses
      .filter(({ family }) => family === 4)
      .map(({ address, prefixLength }) => `${address}/${prefixLength}`)
      .sort(),
    ipv4: SETTINGS.split('|').map((setting) => `${setting}=${link.ipv4[setting]}`),
  };
}

it('an unknown place is left alone', () => {
  const built = topology({ home: { links: { eth0: {} } } });
  const at = { netns: 'home', name: 'eth9' };
  expect(applyChanges(built, [{ kind: 'link-up', at }])).toEqual(built);
  expect(applyChanges(built, [{ kind: 'link-up', at: { netns: 'gone', name: 'eth0' } }])).toEqual(built);
});
