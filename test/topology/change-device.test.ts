/** Changes to macvlans and VXLAN devices: what a change makes of the model is what its command makes of the kernel. */
import { afterEach, describe, expect, it } from 'vitest';
import { applyChanges } from '../../src/topology/apply-changes.ts';
import { type Change, changeCommand } from '../../src/topology/change.ts';
import { takeTopology } from '../../src/topology/collect.ts';
import type { Topology } from '../../src/topology/model.ts';
import { vxlanSettings } from '../../src/topology/vxlan.ts';
import { mayMakeNamespaces, type PrivateNetwork, privateNetwork } from '../capture/private-network.ts';

const ALL = '00:00:00:00:00:00';
const MAC = '02:00:00:00:00:77';
const CASES: readonly { name: string; before?: string; changes: (netns: string) => Change[] }[] = [
  { name: 'a macvlan is made', changes: (netns) => [{ kind: 'macvlan-add', at: { netns, name: 'mv1' }, lower: 'v0' }] },
  {
    name: 'a macvlan changes its mode',
    before: 'ip link add mv0 link v0 type macvlan mode private',
    changes: (netns) => [{ kind: 'macvlan-mode', at: { netns, name: 'mv0' }, mode: 'bridge' }],
  },
  {
    name: 'a macvlan takes frames from one more sender',
    before: 'ip link add mv0 link v0 type macvlan mode source',
    changes: (netns) => [{ kind: 'macvlan-allow', at: { netns, name: 'mv0' }, mac: MAC }],
  },
  {
    name: 'a remote address is added',
    changes: (netns) => [{ kind: 'vxlan-append', at: { netns, name: 'vx0' }, mac: ALL, remote: '192.0.2.3' }],
  },
  {
    name: 'a remote address takes the place of another',
    before: `bridge fdb add ${MAC} dev vx0 dst 192.0.2.8`,
    changes: (netns) => [{ kind: 'vxlan-replace', at: { netns, name: 'vx0' }, mac: MAC, remote: '192.0.2.9' }],
  },
  {
    name: 'a neighbour is set by hand',
    before: 'ip neigh add 10.8.0.2 lladdr 02:00:00:00:00:01 dev vx0 nud stale',
    changes: (netns) => [{ kind: 'neighbour-set', at: { netns, name: 'vx0' }, address: '10.8.0.2', mac: MAC }],
  },
  {
    name: 'an address is answered for, which somebody else has',
    changes: (netns) => [{ kind: 'neighbour-proxy', at: { netns, name: 'v0' }, address: 'fd00:8::2' }],
  },
  {
    name: 'a VXLAN device is made anew with another identifier',
    changes: (netns) => [
      { kind: 'link-del', at: { netns, name: 'vx0' } },
      {
        kind: 'vxlan-add',
        at: { netns, name: 'vx0' },
        mac: '02:00:00:00:00:aa',
        vni: 7,
        port: 4789,
        data: { id: 5, port: 8472, local: '192.0.2.1', remote: '192.0.2.2', link: 'v0', learning: false, df: 'set' },
      },
      { kind: 'address-add', at: { netns, name: 'vx0' }, address: '10.8.0.1', prefixLength: 24 },
      { kind: 'link-up', at: { netns, name: 'vx0' } },
    ],
  },
];

//   v0 192.0.2.1 ─── v1      vx0 10.8.0.1 sends by v0 to 192.0.2.2
describe.skipIf(!mayMakeNamespaces)('the model changes as the kernel does when', () => {
  const open: PrivateNetwork[] = [];
  afterEach(() => {
    for (const network of open.splice(0)) network.close();
  });

  for (const { name, before: prepare = '', changes } of CASES)
    it(name, async () => {
      const home = await privateNetwork(`ip link add v0 type veth peer name v1
        sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
        ip link set v0 up; ip link set v1 up; ip addr add 192.0.2.1/24 dev v0
        ip link add vx0 address 02:00:00:00:00:aa type vxlan id 5 dstport 8472 local 192.0.2.1 remote 192.0.2.2 dev v0 nolearning
        ip addr add 10.8.0.1/24 dev vx0; ip link set vx0 up
        ${prepare}`);
      open.push(home);
      const options = { start: home.netns, home: home.netns };
      const before = await takeTopology(options);
      const made = changes(home.netns.id);
      const expected = applyChanges(before, made);
      expect(readable(expected), 'the change changes something').not.toEqual(readable(before));
      const commands = made.map((change) => changeCommand(before, change));
      home.run(commands.join('\n'));
      await expect
        .poll(async () => readable(await takeTopology(options)), { message: commands.join('; '), timeout: 5000 })
        .toEqual(readable(expected));
    });
});

function readable({ namespaces }: Topology): unknown {
  return namespaces.map(({ links, fdb, neighbours, routes }) => ({
    links: links
      .filter(({ kind }) => kind === 'macvlan' || kind === 'vxlan')
      .map((link) => ({
        name: link.name,
        kind: link.kind,
        up: link.flags.includes('UP'),
        // The kernel makes one up.
        mac: link.kind === 'vxlan' ? link.mac : '',
        mode: link.data.mode,
        senders: link.data.macaddr_data ?? [],
        lower: link.peer,
        vxlan: vxlanSettings(link),
        addresses: link.addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`),
      })),
    fdb: fdb
      .filter(({ remote }) => remote !== undefined)
      .map(({ mac, device, remote }) => `${mac} ${device} ${remote}`)
      .sort(),
    neighbours: neighbours
      .filter(({ family, proxy }) => family === 4 || proxy)
      .map(({ address, device, mac, state, proxy }) => `${address} ${device} ${mac} ${proxy ? 'proxy' : state}`)
      .sort(),
    routes: routes
      .filter(({ family, type, nextHops }) => family === 4 && type !== 'broadcast' && nextHops[0]?.device === 'vx0')
      .map(({ destination, type }) => `${type} ${destination}`)
      .sort(),
  }));
}
