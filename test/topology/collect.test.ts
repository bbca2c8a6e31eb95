import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listNetns, type NetnsHandle, resolveNetns } from '../../src/linux/netns.ts';
import { retakeTopology, takeTopology } from '../../src/topology/collect.ts';
import { loadTopology, saveTopology } from '../../src/topology/file.ts';
import type { Topology } from '../../src/topology/model.ts';
import {
  ipv4Setting,
  linkOf,
  lowerOf,
  masterOf,
  namespaceOf,
  ownersOf,
  peerOf,
  portsOf,
} from '../../src/topology/query.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';

/*
 *   here: br0 10.9.0.1 ── va ═══ eth0 10.9.0.2 (number 77) :c1
 *                      └─ vb ═══ eth0 10.9.0.3 (number 77) :a process, no name
 *         up.100 ═══ up1 :far, whose macvlan mv0 is in :upper
 *   island: eth0 10.9.0.3 (number 77) ═══ eth1, connected to nothing here
 */
const topologyScript = (pid: number) => `
  ip link add br0 type bridge; ip addr add 10.9.0.1/24 dev br0; ip link set br0 up
  for name in c1 far upper island; do ip netns add $name; done
  ip -n c1 link add eth0 index 77 type veth peer name va netns ${process.pid}
  nsenter --net=/proc/${pid}/ns/net ip link add eth0 index 77 type veth peer name vb netns ${process.pid}
  ip link set va master br0 up; ip link set vb master br0 up
  ip -n c1 addr add 10.9.0.2/24 dev eth0; ip -n c1 link set eth0 up
  nsenter --net=/proc/${pid}/ns/net ip addr add 10.9.0.3/24 dev eth0
  ip link add up.100 type veth peer name up1 netns far
  ip -n far link add mv0 link up1 type macvlan mode bridge; ip -n far link set mv0 netns upper
  ip -n island link add eth0 index 77 type veth peer name eth1; ip -n island addr add 10.9.0.3/24 dev eth0
  sysctl -qw net.ipv4.conf.all.rp_filter=1 net/ipv4/conf/up.100/rp_filter=2 net.ipv4.conf.br0.rp_filter=0
  sysctl -qw net.ipv4.conf.br0.accept_local=1 net.ipv4.ip_forward=1
  ip netns exec c1 sysctl -qw net.ipv4.icmp_echo_ignore_all=1
  ip neigh add 10.9.0.77 lladdr 02:00:00:00:00:77 dev br0 nud permanent
  ip route add blackhole 10.66.0.0/16; ip rule add from 10.1.0.0/16 lookup 100 priority 1000
  bridge link set dev vb isolated on
  bridge fdb add 02:00:00:00:00:55 dev va master static
`;

describe.skipIf(!mayMakeNamespaces)('the topology of a machine', () => {
  let machine: OwnMachine;
  let start: NetnsHandle;
  let unnamed = '';
  let topology: Topology;
  beforeAll(async () => {
    machine = ownMachine();
    const pid = await machine.unnamedNetns();
    machine.run(topologyScript(pid));
    start = resolveNetns(String(process.pid));
    unnamed = resolveNetns(String(pid)).id;
    topology = await takeTopology({ start });
  });
  afterAll(() => machine?.close());

  const at = (netns: string, name: string) => {
    const namespace = namespaceOf(topology, netns);
    const link = linkOf(topology, { netns, name });
    if (!namespace || !link) throw new Error(`no ${name} in ${netns}`);
    return { namespace, link };
  };

  it('has the namespaces that are connected, the start first, and no other', () => {
    expect(topology.namespaces.map(({ id }) => id)[0]).toBe(start.id);
    expect(topology.namespaces.map(({ id }) => id).sort()).toEqual([start.id, unnamed, 'c1', 'far', 'upper'].sort());
    expect(topology).toMatchObject({ home: start.id, start: start.id, schema: 'vdiag.topology/1', gaps: [] });
    expect(topology.namespaces.map(({ detail }) => detail)).toEqual(Array(5).fill('full'));
  });

  it('joins veth ends by namespace, though their numbers are equal', () => {
    const ends = ['va', 'vb', 'up.100'].map((name) => {
      const other = peerOf(topology, start.id, at(start.id, name).link);
      return `${other?.link.name} ${other?.link.index} ${other?.namespace.id}`;
    });
    expect(ends).toEqual(['eth0 77 c1', `eth0 77 ${unnamed}`, `up1 ${at('far', 'up1').link.index} far`]);
    expect(peerOf(topology, 'c1', at('c1', 'eth0').link)?.link.name).toBe('va');
  });

  it('knows the device a macvlan sits on in another namespace', () => {
    expect(lowerOf(topology, at('upper', 'mv0').link)).toMatchObject({
      namespace: { id: 'far' },
      link: { name: 'up1' },
    });
  });

  it('knows who owns an address, in the connected network only', () => {
    expect(ownersOf(topology, '10.9.0.3').map((owner) => owner.namespace.id)).toEqual([unnamed]);
  });

  it('has bridges, their ports and what those may do', () => {
    const { namespace, link } = at(start.id, 'br0');
    expect(portsOf(namespace, link).map(({ name }) => name)).toEqual(['va', 'vb']);
    expect(masterOf(namespace, at(start.id, 'va').link)?.name).toBe('br0');
    expect(at(start.id, 'va').link.port).toMatchObject({ isolated: false, flood: true });
    expect(at(start.id, 'vb').link.port).toMatchObject({ isolated: true });
    expect(namespace.fdb).toContainEqual(
      expect.objectContaining({ mac: '02:00:00:00:00:55', device: 'va', master: 'br0', state: 'static' }),
    );
  });

  it('has the settings of every interface, also of one with a dot in its name', () => {
    const setting = (name: string, key: string) => {
      const { namespace, link } = at(start.id, name);
      return [link.ipv4[key], ipv4Setting(namespace, link, key)];
    };
    expect(setting('br0', 'rp_filter')).toEqual([0, 1]);
    expect(setting('up.100', 'rp_filter')).toEqual([2, 2]);
    expect(setting('br0', 'accept_local')).toEqual([1, 1]);
    expect(setting('va', 'accept_local')).toEqual([0, 0]);
    expect(Object.keys(at(start.id, 'up.100').link.ipv4)).toHaveLength(15);
    expect(Object.keys(at(start.id, 'up.100').link.ipv6)).toHaveLength(8);
  });

  it('has the settings of each namespace, not of the one it runs in', () => {
    const sysctl = (id: string, name: string) => namespaceOf(topology, id)?.sysctls[name];
    expect([sysctl(start.id, 'ipv4.icmp_echo_ignore_all'), sysctl('c1', 'ipv4.icmp_echo_ignore_all')]).toEqual([0, 1]);
    expect([sysctl(start.id, 'ipv4.ip_forward'), sysctl('c1', 'ipv4.ip_forward')]).toEqual([1, 0]);
    expect(sysctl(start.id, 'ipv4.conf.all.rp_filter')).toBe(1);
  });

  it('has routes, rules and neighbours', () => {
    const here = namespaceOf(topology, start.id);
    expect(here?.routes).toContainEqual(expect.objectContaining({ type: 'blackhole', destination: '10.66.0.0/16' }));
    expect(here?.routes).toContainEqual(
      expect.objectContaining({ table: 'local', type: 'local', destination: '10.9.0.1/32' }),
    );
    expect(here?.rules).toContainEqual(
      expect.objectContaining({ family: 4, priority: 1000, from: '10.1.0.0/16', table: '100', undecidable: [] }),
    );
    expect(here?.rules.some(({ family }) => family === 6)).toBe(true);
    expect(here?.neighbours).toContainEqual(
      expect.objectContaining({ address: '10.9.0.77', mac: '02:00:00:00:00:77', state: 'PERMANENT' }),
    );
  });

  it('is the same after a file', () => {
    expect(loadTopology(saveTopology(topology))).toEqual(topology);
  });

  it('has paths by which a person can enter its namespaces', () => {
    const paths = topology.namespaces.map(({ path }) => path);
    expect(paths).toContain('/run/netns/c1');
    for (const path of paths) expect(path).toMatch(/^\/run\/netns\/|^\/proc\/\d+\/ns\/net$/);
  });

  it('seen from a container has the container first', async () => {
    const seen = await takeTopology({ start: resolveNetns('c1'), home: start });
    expect(seen).toMatchObject({ start: 'c1', home: start.id });
    expect(seen.namespaces.map(({ id }) => id).slice(0, 2)).toEqual(['c1', start.id]);
    expect(seen.namespaces).toHaveLength(5);
  });

  it('taken again shows what has changed, and that a namespace is gone', async () => {
    machine.run(`
      ip netns add brief; ip link add vc type veth peer name eth0 netns brief
      ip addr add 10.9.9.9/24 dev vc; ip link set br0 address 02:00:00:00:00:99`);
    const before = await takeTopology({ start });
    machine.run('ip addr add 10.9.8.8/24 dev va; ip link set vb down; ip netns del brief');
    const after = await retakeTopology(before);
    machine.run('ip addr del 10.9.8.8/24 dev va; ip link set vb up');
    expect(BigInt(after.takenNs)).toBeGreaterThan(BigInt(before.takenNs));
    expect(ownersOf(before, '10.9.8.8')).toEqual([]);
    expect(ownersOf(after, '10.9.8.8').map(({ link }) => link.name)).toEqual(['va']);
    expect(linkOf(after, { netns: start.id, name: 'vb' })?.flags).not.toContain('UP');
    expect(after.namespaces.map(({ id }) => id)).toEqual(before.namespaces.map(({ id }) => id));
    expect(after.gaps).toEqual(['namespace brief has vanished: its state is the one before the probe']);
    const va = linkOf(after, { netns: start.id, name: 'va' });
    expect(va && peerOf(after, start.id, va)?.namespace.id).toBe('c1');
  });

  it('survives names that nobody should give', async () => {
    const name = 'a"\\[\x1b$(id)';
    machine.run(`ip link add 'a"\\[${'\x1b'}$(id)' type veth peer name '..x;y'; ip link set '..x;y' up`);
    const seen = await takeTopology({ start });
    machine.run("ip link del '..x;y'");
    const link = linkOf(seen, { netns: start.id, name });
    expect(link && peerOf(seen, start.id, link)?.link.name).toBe('..x;y');
    expect(link?.ipv4.rp_filter).toBeTypeOf('number');
    expect(seen.gaps).toEqual([]);
  });

  it('stops at a signal', async () => {
    const reason = new Error('enough');
    await expect(takeTopology({ start, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('says that the start cannot be entered', async () => {
    const gone = { ...start, id: 'gone', inode: 7, path: '/run/netns/gone' };
    await expect(takeTopology({ start: gone })).rejects.toMatchObject({ code: 'no-such-namespace' });
  });

  it.each([
    ['#!/nonexistent\n', /^the program ip \(iproute2\) is not installed/],
    ['#!/bin/sh\necho "ip: unrecognized option: j" >&2; exit 1\n', /^the program ip here prints no JSON \(ip -j\)$/],
    ['#!/bin/sh\necho "Usage: ip"\n', /^the program ip here prints no JSON \(ip -j\)$/],
  ])('without a fit ip says what to install: %j', async (program, message) => {
    // Put in the place of the real one, in this test's own mount namespace.
    const put = machine.run(`
      printf '%s' '${program}' > /run/ip; chmod +x /run/ip
      for path in $(which -a ip); do readlink -f $path; done | sort -u | while read real; do
        mount --bind /run/ip $real; echo $real
      done`);
    try {
      await expect(takeTopology({ start })).rejects.toMatchObject({
        code: 'missing-program',
        message: expect.stringMatching(message),
        hint: expect.stringContaining('apt-get install iproute2'),
      });
    } finally {
      machine.run(`umount ${put.trim().split('\n').join(' ')}`);
    }
  });

  it('without nft has a gap and no filters where there are some, and none where there is nothing to list', async () => {
    const paths = machine.run('which nft || true').trim();
    if (paths === '') return;
    machine.run('ip netns exec c1 nft add table ip t');
    machine.run(`printf '#!/nonexistent' > /run/nft; chmod +x /run/nft; mount --bind /run/nft ${paths}`);
    try {
      const seen = await takeTopology({ start });
      expect(seen.gaps).toContainEqual(expect.stringMatching(/^nft: not installed.*, filter rules of c1 unknown$/));
      const { queues: _, ...rulesets } = namespaceOf(seen, 'c1')?.filters ?? {};
      expect(rulesets).toEqual({});
      expect(seen.gaps.filter((gap) => gap.endsWith(` of ${start.id} unknown`))).toEqual([]);
      const { queues: __, ...here } = namespaceOf(seen, start.id)?.filters ?? {};
      expect(here).toEqual({ nftables: [] });
    } finally {
      machine.run(`umount ${paths}; ip netns exec c1 nft delete table ip t`);
    }
  });

  it('leaves no process and no open file behind', async () => {
    const before = readdirSync('/proc/self/fd').length;
    await retakeTopology(await takeTopology({ start }));
    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
    expect(listNetns()[0]?.inode).toBe(start.inode);
    expect(machine.run(`ps -o comm= --ppid ${process.pid} | grep -cE '^(ip|bridge|nft)$' || true`).trim()).toBe('0');
  });
});
