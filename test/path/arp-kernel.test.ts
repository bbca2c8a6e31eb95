/** Whether a request is answered: the model against the kernel, setting by setting. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectPath } from '../../src/path/expect.ts';
import { takeTopology } from '../../src/topology/collect.ts';
import { mayMakeNamespaces, type PrivateNetwork, privateNetwork, untilUp } from '../capture/private-network.ts';

interface Case {
  readonly far: string;
  readonly source?: string;
  readonly target?: string;
}

const [OWN, STRANGER] = ['10.9.0.2', '10.8.0.2'];
const conf = (setting: string, value: number) => `sysctl -qw net.ipv4.conf.eth0.${setting}=${value}`;
const CASES: readonly Case[] = [
  ...[0, 1, 2, 3, 4, 8].flatMap((ignore) =>
    ['10.9.0.3', '172.16.0.1', '172.16.0.8'].map((target) => ({ far: conf('arp_ignore', ignore), target })),
  ),
  ...[1, 2].map((ignore) => ({ far: conf('arp_ignore', ignore), source: STRANGER })),
  { far: `${conf('arp_ignore', 0)}; sysctl -qw net.ipv4.conf.all.arp_ignore=1`, target: '172.16.0.1' },
  { far: conf('arp_filter', 1) },
  { far: `${conf('arp_filter', 1)}; ip route add ${OWN}/32 dev eth1` },
  { far: `ip route add ${OWN}/32 dev eth1` },
  { far: 'ip link set eth0 arp off' },
  // The route to the target leaves by eth1.
  ...[
    '',
    conf('proxy_arp', 1),
    `${conf('proxy_arp', 1)} net.ipv4.conf.eth0.forwarding=1`,
    `${conf('proxy_arp', 1)} net.ipv4.conf.eth0.forwarding=1; ip route add ${OWN}/32 dev eth1`,
    `${conf('proxy_arp', 1)} net.ipv4.conf.eth0.forwarding=1 net.ipv4.conf.eth0.rp_filter=1; ip route add ${OWN}/32 dev eth1`,
    `${conf('forwarding', 1)}; ip neigh add proxy 172.16.0.77 dev eth0`,
    `${conf('forwarding', 0)}; ip neigh add proxy 172.16.0.77 dev eth0`,
  ].map((far) => ({ far, target: '172.16.0.77' })),
];

//   near: eth0 10.9.0.2/24, 10.8.0.2/24 ─── far: eth0 10.9.0.3/24, beside eth1 172.16.0.1/24, 172.16.0.8 of scope host
describe.skipIf(!mayMakeNamespaces)('a request is answered by the kernel as by the model', () => {
  let near: PrivateNetwork;
  let far: PrivateNetwork;
  beforeAll(async () => {
    far = await privateNetwork(`
      ip link add eth1 type veth peer name x1
      ip link set eth1 up; ip link set x1 up
      ip addr add 172.16.0.1/24 dev eth1; ip addr add 172.16.0.8/32 scope host dev eth1`);
    near = await privateNetwork(`
      ip link add eth0 type veth peer name eth0 netns ${far.pid}
      ip addr add 10.9.0.2/24 dev eth0; ip addr add 10.8.0.2/24 dev eth0
      ip link set eth0 up; ip route add 172.16.0.0/24 dev eth0`);
    far.run(`
      ip link set eth0 up; ip addr add 10.9.0.3/24 dev eth0
      ip route add 10.8.0.0/24 dev eth0
      # A proxy waits a random time of up to this (0.8 s) before it answers.
      sysctl -qw net.ipv4.neigh.eth0.proxy_delay=0
      ${untilUp('eth0', 'eth1')}`);
    near.run(untilUp('eth0'));
  });
  afterAll(() => {
    near.close();
    far.close();
  });

  const SETTINGS = 'arp_ignore arp_filter proxy_arp forwarding rp_filter'.split(' ');
  const reset = SETTINGS.map((setting) => `net.ipv4.conf.all.${setting}=0 net.ipv4.conf.eth0.${setting}=0`).join(' ');

  for (const { far: setup, source = OWN, target = '10.9.0.3' } of CASES)
    it(`${target} asked by ${source}: ${setup || 'nothing set'}`, async () => {
      far.run(`
        sysctl -qw ${reset}
        ip link set eth0 arp on
        ip route flush ${OWN}/32; ip neigh flush proxy 2>/dev/null || ip neigh del proxy 172.16.0.77 dev eth0 || true
        ${setup}`);
      near.run('ip neigh flush dev eth0 nud all');
      const built = await takeTopology({ start: near.netns, home: near.netns });
      expect(built.namespaces.map(({ id }) => id)).toEqual([near.netns.id, far.netns.id]);
      const start = { netns: near.netns.id, name: 'eth0' };
      const { legs } = expectPath(built, { start, destination: target, source });
      const [, request, reply] = legs;
      const expected =
        reply?.kind === 'arp-reply' &&
        request?.steps.every((step) => step.kind !== 'gate' || step.gate.verdict === 'pass') === true;
      // An answer comes at once, unless the machine has other things to do.
      const entry = near.run(
        `ping -c 1 -W ${expected ? 2 : 0.1} -I ${source} ${target} >/dev/null || true; ip -j neigh show ${target} dev eth0`,
      );
      expect(entry.includes('lladdr'), JSON.stringify(request?.steps.at(-1))).toBe(expected);
    });
});
