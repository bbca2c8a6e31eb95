/** Changes to bridges and filters: what a change makes of the model is what its command makes of the kernel. */
import { afterEach, describe, expect, it } from 'vitest';
import { chainsOf, type FilterPacket, rule } from '../../src/path/ruleset.ts';
import { applyChanges } from '../../src/topology/apply-changes.ts';
import { type Change, changeCommand } from '../../src/topology/change.ts';
import { takeTopology } from '../../src/topology/collect.ts';
import type { Topology } from '../../src/topology/model.ts';
import { mayMakeNamespaces, type PrivateNetwork, privateNetwork, untilUp } from '../capture/private-network.ts';
import { topology } from '../path/topology.ts';

interface Case {
  readonly name: string;
  readonly before?: string;
  readonly changes: (netns: string) => readonly Change[];
}

const MAC = '02:00:00:00:99:01';
const nft = (policy: string, rules: string) =>
  `nft 'table bridge f { chain c { type filter hook forward priority 0; policy ${policy}; ${rules} }; }'`;
const chain = { family: 'bridge', table: 'f', chain: 'c', legacy: false };

const CASES: readonly Case[] = [
  ...(['isolated', 'locked', 'hairpin'] as const).map((flag) => ({
    name: `${flag} off`,
    before: `bridge link set dev v0 ${flag} on; bridge link set dev v1 ${flag} on`,
    changes: (netns: string): Change[] => [{ kind: 'port-flag', at: { netns, name: 'v0' }, flag, on: false }],
  })),
  ...(['flood', 'bcast_flood', 'learning'] as const).map((flag) => ({
    name: `${flag} on`,
    before: `bridge link set dev v0 ${flag} off; bridge link set dev v1 ${flag} off`,
    changes: (netns: string): Change[] => [{ kind: 'port-flag', at: { netns, name: 'v0' }, flag, on: true }],
  })),
  {
    name: 'a port forwards that was disabled',
    before: 'bridge link set dev v0 state disabled',
    changes: (netns) => [{ kind: 'port-forwarding', at: { netns, name: 'v0' } }],
  },
  {
    name: 'STP off, and a port that waited forwards',
    before: 'ip link set br0 type bridge stp_state 1; ip link set v0 down; ip link set v0 up; sleep 0.3',
    changes: (netns) => [
      { kind: 'bridge-stp-off', at: { netns, name: 'br0' } },
      ...['v0', 'v1'].map((name): Change => ({ kind: 'port-forwarding', at: { netns, name } })),
    ],
  },
  ...['static sticky', 'static', ''].map((state) => ({
    name: `a forwarding entry goes: ${state || 'permanent'}`,
    before: `bridge fdb add ${MAC} dev v0 master ${state}; bridge fdb add 02:00:00:00:99:02 dev v0 master ${state}`,
    changes: (netns: string): Change[] => [{ kind: 'fdb-del', at: { netns, name: 'v0' }, mac: MAC }],
  })),
  {
    name: 'all that was learnt goes, and what was set stays',
    before: `bridge fdb add ${MAC} dev v0 master dynamic; bridge fdb add 02:00:00:00:99:02 dev v0 master static`,
    changes: (netns) => [{ kind: 'fdb-flush', at: { netns, name: 'br0' } }],
  },
  {
    name: 'a bridge gets an address of its own',
    changes: (netns) => [{ kind: 'link-mac', at: { netns, name: 'br0' }, mac: MAC }],
  },
  { name: 'a port goes down', changes: (netns) => [{ kind: 'link-down', at: { netns, name: 'v0' } }] },
  {
    name: 'a rule goes by its handle',
    before: nft('accept', 'iifname "v0" drop; ether type arp accept;'),
    changes: (netns) => [{ kind: 'filter-delete', netns, ...chain, rule: 2 }],
  },
  {
    name: 'ports are accepted before the policy',
    before: nft('drop', 'iifname "vx" accept;'),
    changes: (netns) => [{ kind: 'filter-accept', netns, ...chain, input: ['v0', 'v1'], output: ['v0', 'v1'] }],
  },
  {
    name: 'a port is accepted in a chain without rules',
    before: nft('drop', ''),
    changes: (netns) => [{ kind: 'filter-accept', netns, ...chain, input: ['v0'], output: [] }],
  },
];

//   v0 ─ w0 (far)   v1 ─ w1 (far)      v0 and v1 are ports of br0
describe.skipIf(!mayMakeNamespaces)('the model changes as the kernel does when', () => {
  const open: PrivateNetwork[] = [];
  afterEach(() => {
    for (const network of open.splice(0)) network.close();
  });

  for (const { name, before: prepare = '', changes } of CASES)
    it(name, async () => {
      const far = await privateNetwork('true');
      open.push(far);
      const home = await privateNetwork(`ip link add br0 type bridge; ip link set br0 up
        for i in 0 1; do ip link add v$i type veth peer name w$i netns ${far.pid}; ip link set v$i master br0 up; done`);
      open.push(home);
      // Without IPv6 the far ends are silent, and nothing is learnt while the test looks.
      far.run(`sysctl -qw net.ipv6.conf.w0.disable_ipv6=1 net.ipv6.conf.w1.disable_ipv6=1
        ip link set w0 up; ip link set w1 up; ${untilUp('w0', 'w1')}`);
      home.run(`${untilUp('v0', 'v1')}; ${prepare}`);
      const options = { start: home.netns, home: home.netns };
      const before = await takeTopology(options);
      const made = changes(home.netns.id);
      const expected = applyChanges(before, made);
      expect(readable(expected), 'the change changes something').not.toEqual(readable(before));
      const commands = made.map((change) => changeCommand(before, change));
      home.run(commands.join('\n'));
      await expect
        .poll(async () => readable(await takeTopology(options)), { message: commands.join('; '), timeout: 2000 })
        .toEqual(readable(expected));
    });
});

function readable({ namespaces }: Topology): unknown {
  return namespaces.map(({ links, fdb, filters }) => ({
    links: links.map(({ name, mac, flags, port, bridge }) => ({
      name,
      mac,
      up: flags.includes('UP'),
      port,
      stp: bridge?.stp,
    })),
    fdb: fdb
      .filter(({ mac, state, flags }) => mac.startsWith('02:') && !(state === 'permanent' && flags.length > 0))
      .filter(({ device }) => device !== 'br0')
      .map(({ mac, device, state }) => `${mac} ${device} ${state}`)
      .sort(),
    rulings: [packet('v0', 'v1'), packet('v1', 'v0')].map((one) => rule(chainsOf(filters), ['bridge'], 'forward', one)),
  }));
}

function packet(inputInterface: string, outputInterface: string): FilterPacket {
  return {
    inputInterface,
    outputInterface,
    bridge: 'br0',
    etherSource: MAC,
    etherDestination: MAC,
    carries: { kind: 'echo-request', source: '10.9.0.2', destination: '10.9.0.3' },
  };
}

describe('VLANs of a port, which not every kernel has', () => {
  const at = { netns: 'home', name: 'vA' };
  const built = topology({
    home: {
      links: {
        br0: { kind: 'bridge' },
        vA: { master: 'br0', port: { vlans: [{ id: 1, pvid: true, untagged: true }] } },
      },
    },
  });
  it('have one PVID', () => {
    const change: Change = { kind: 'vlan-add', at, vlan: 20, self: false };
    expect(changeCommand(built, change)).toBe('bridge vlan add dev vA vid 20 pvid untagged');
    const port = applyChanges(built, [change]).namespaces[0]?.links.find(({ name }) => name === 'vA')?.port;
    expect(port?.vlans).toEqual([
      { id: 20, pvid: true, untagged: true },
      { id: 1, pvid: false, untagged: true },
    ]);
  });

  it('of the bridge itself are its own', () => {
    const change: Change = { kind: 'vlan-add', at: { netns: 'home', name: 'br0' }, vlan: 20, self: true };
    expect(changeCommand(built, change)).toBe('bridge vlan add dev br0 vid 20 pvid untagged self');
  });
});

describe('rules of legacy tables', () => {
  const iptablesLegacy = [
    '*filter',
    ':FORWARD DROP [0:0]',
    '[1:2] -A FORWARD -i br1 -j DROP',
    '-A FORWARD -j LOG',
    'COMMIT',
  ];
  const built = topology({ home: {} });
  const [home] = built.namespaces;
  const legacy = {
    ...built,
    namespaces: home ? [{ ...home, filters: { iptablesLegacy: iptablesLegacy.join('\n') } }] : [],
  };
  const at = { netns: 'home', family: 'ip', table: 'filter', chain: 'FORWARD', legacy: true };
  const lines = (change: Change) => applyChanges(legacy, [change]).namespaces[0]?.filters.iptablesLegacy?.split('\n');
  it('go by their position, and are put before all others', () => {
    const gone: Change = { kind: 'filter-delete', ...at, rule: 1 };
    expect(changeCommand(legacy, gone)).toBe('iptables-legacy -D FORWARD 1');
    expect(lines(gone)).toEqual(iptablesLegacy.toSpliced(2, 1));
    const put: Change = { kind: 'filter-accept', ...at, input: ['br0'], output: ['br0'] };
    expect(changeCommand(legacy, put)).toBe('iptables-legacy -I FORWARD -i br0 -o br0 -j ACCEPT');
    expect(lines(put)).toEqual(iptablesLegacy.toSpliced(2, 0, '-A FORWARD -i br0 -o br0 -j ACCEPT'));
  });
});
