/** The kernel's own dump, held against what iproute2 prints of the same namespaces. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listNetns } from '../../src/linux/netns.ts';
import { openRouteSocket } from '../../src/linux/rtnetlink.ts';
import { insideNetns } from '../../src/linux/setns.ts';
import { takeLandscape } from '../../src/topology/landscape.ts';
import { dumpLinks } from '../../src/topology/links-by-netlink.ts';
import { type ParsedLink, parseLinks } from '../../src/topology/parse-links.ts';
import { dumpRoutes, kernelRoute } from '../../src/topology/routes-by-netlink.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';

/*
 *  here                          c1                       c2
 *  br0 10.9.0.1 ── v1 ───────── eth0 10.9.0.11
 *               └─ v2 ─────────────────────────────────── eth0 10.9.0.12 ── m0 (macvlan)
 *  vx42, tap0, dum0 (a bridge, MTU 1400, altname)   v3 ── v4, both here
 */
const SCRIPT = `
ip netns add c1
ip netns add c2
ip link add br0 type bridge
ip addr add 10.9.0.1/24 dev br0
ip addr add 10.9.0.2/24 dev br0
ip -6 addr add fd00:9::1/64 dev br0 nodad
ip link set br0 up
for n in 1 2; do
  ip link add v$n type veth peer name eth0 netns c$n
  ip link set v$n master br0 up
  ip -n c$n addr add 10.9.0.1$n/24 dev eth0
  ip -n c$n link set eth0 up
done
ip link set v2 type bridge_slave isolated on hairpin on flood off
ip -n c1 route add default via 10.9.0.1
ip -n c1 route add 192.0.2.0/24 nexthop via 10.9.0.1 nexthop via 10.9.0.2
ip -n c2 link add m0 link eth0 type macvlan mode private
ip link add vx42 type vxlan id 42 remote 10.9.0.12 local 10.9.0.1 dev br0 dstport 4790
ip link add vxg type vxlan id 43 group 239.1.1.1 dev br0 dstport 4789
ip tuntap add tap0 mode tap
ip link add dum0 mtu 1400 type bridge
ip link property add dev dum0 altname second-name altname third
ip link add v3 type veth peer name v4
ip addr add 10.8.0.1 peer 10.8.0.2/32 dev v3
ip link set v3 up
`;

describe.skipIf(!mayMakeNamespaces)('tables by netlink', () => {
  let machine: OwnMachine;
  beforeAll(() => {
    machine = ownMachine(SCRIPT);
  });
  afterAll(() => machine?.close());

  function dumped(name?: string): ParsedLink[] {
    const handle = listNetns().find(({ names }, at) => (name === undefined ? at === 0 : names.includes(name)));
    if (!handle) throw new Error(`no namespace ${name}`);
    const socket = insideNetns(handle, openRouteSocket);
    try {
      return dumpLinks(socket) ?? [];
    } finally {
      socket.close();
    }
  }

  /** Without what counts down, and what iproute2 derives itself (M-DOWN). */
  function comparable({ link, ...rest }: ParsedLink): object {
    const { data, ...fields } = link;
    const keys = ['mode', 'id', 'remote', 'group', 'local', 'port', 'type', 'qdisc', 'promiscuity', 'altnames'];
    return {
      ...rest,
      link: { ...fields, flags: fields.flags.filter((flag) => flag !== 'M-DOWN') },
      data: Object.fromEntries(keys.filter((key) => data[key] !== undefined).map((key) => [key, data[key]])),
    };
  }

  test.each([undefined, 'c1', 'c2'])('links of %s are those that ip prints', async (name) => {
    const words = name === undefined ? [] : ['-n', name];
    // A link-local address is tentative for a second or two.
    let said: ParsedLink[] = [];
    for (let attempt = 0; attempt < 40; attempt++) {
      said = parseLinks(JSON.parse(execFileSync('ip', [...words, '-j', '-d', 'addr', 'show'], { encoding: 'utf8' })));
      if (!JSON.stringify(said).includes('tentative')) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(said.length).toBeGreaterThan(1);
    expect(dumped(name).map(comparable)).toEqual(said.map(comparable));
  });

  test('a landscape finds both ends by namespace and number, though the numbers are the same', () => {
    const { namespaces, gaps, home } = takeLandscape();
    expect(gaps).toEqual([]);
    expect(namespaces[0]?.id).toBe(home);
    const eth = ['c1', 'c2'].map((name) =>
      namespaces.find(({ id }) => id === name)?.links.find((link) => link.name === 'eth0'),
    );
    const host = ['v1', 'v2'].map((name) => namespaces[0]?.links.find((link) => link.name === name));
    expect(eth.map((link) => link?.peer)).toEqual(host.map((link) => ({ netns: home, index: link?.index })));
    expect(host.map((link) => link?.peer)).toEqual([
      { netns: 'c1', index: eth[0]?.index },
      { netns: 'c2', index: eth[1]?.index },
    ]);
  });

  test('routes, with all next hops, and what the kernel would do with an address', () => {
    const handle = listNetns().find(({ names }) => names.includes('c1'));
    if (!handle) throw new Error('no c1');
    const socket = insideNetns(handle, openRouteSocket);
    try {
      const { routes, cut } = dumpRoutes(socket);
      const eth0 = dumped('c1').find(({ link }) => link.name === 'eth0')?.link.index ?? 0;
      expect(cut).toBe(false);
      expect(routes.filter(({ isDefault, main }) => isDefault && main)).toEqual([
        expect.objectContaining({ family: 4, nextHops: [{ device: eth0, gateway: '10.9.0.1' }] }),
      ]);
      expect(routes.map(({ nextHops }) => nextHops.map(({ gateway }) => gateway))).toContainEqual([
        '10.9.0.1',
        '10.9.0.2',
      ]);
      expect(kernelRoute(socket, '10.9.0.12')).toEqual({ device: eth0, type: 1, source: '10.9.0.11' });
      expect(kernelRoute(socket, '203.0.113.1')).toMatchObject({ device: eth0, gateway: '10.9.0.1' });
      expect(kernelRoute(socket, '10.9.0.11')).toMatchObject({ type: 2 });
      expect(kernelRoute(socket, 'fd00:1234::1')).toBeUndefined();
      expect(kernelRoute(socket, 'not an address')).toBeUndefined();
    } finally {
      socket.close();
    }
  });

  test('a bounded dump says that it was cut', () => {
    const socket = openRouteSocket();
    try {
      expect(socket.dump(18, new Uint8Array(16), 2)).toMatchObject({ cut: true, errno: 0 });
      // What was left of it does not disturb the next question.
      expect(dumpLinks(socket)?.length).toBeGreaterThan(5);
    } finally {
      socket.close();
    }
  });
});
