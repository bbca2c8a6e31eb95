import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { otherQueriers, type QuerierHeard, querierIn } from '../../src/linux/bridge-querier.ts';
import { insideNetns } from '../../src/linux/netns.ts';
import { mayMakeNamespaces, type PrivateNetwork, privateNetwork } from '../capture/private-network.ts';

// lan ── port0 ─── far ── tor (asks for members)        own: asks itself        quiet: nobody asks
const BUILD = `
  sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
  ip link add port0 type veth peer name far
  for b in lan tor own quiet; do ip link add $b type bridge; ip link set $b up; done
  ip link set port0 master lan; ip link set far master tor; ip link set port0 up; ip link set far up
  ip link set tor type bridge mcast_startup_query_interval 20
  for b in tor own; do ip link set $b type bridge mcast_query_response_interval 20 mcast_querier 1; done`;

describe.skipIf(!mayMakeNamespaces)('another querier of IPv6 groups', () => {
  let network: PrivateNetwork;
  beforeAll(async () => {
    network = await privateNetwork(BUILD);
  });
  afterAll(() => network?.close());

  const index = (name: string) => Number(network.run(`ip -o link show ${name}`).split(':')[0]);
  const heard = (...names: string[]): ReadonlyMap<number, QuerierHeard> =>
    insideNetns(network.netns, () => otherQueriers(names.map(index)));

  it('is known with its port where it was heard, and nowhere else', async () => {
    const [lan, port] = [index('lan'), index('port0')];
    let found = heard('lan');
    for (let attempt = 0; found.size === 0 && attempt < 100; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      found = heard('lan');
    }
    expect([...found]).toEqual([[lan, { port }]]);
    expect([...heard('tor', 'own', 'quiet', 'lan').keys()]).toEqual([lan]);
  });

  it('is not told of what is no bridge, or is not there', () => {
    expect(heard('port0').size).toBe(0);
    expect(insideNetns(network.netns, () => otherQueriers([999_999])).size).toBe(0);
    expect(otherQueriers([]).size).toBe(0);
  });
});

describe('an answer', () => {
  it.each([[0], [16], [20], [64]])('of %i bytes without attributes tells of none', (length) => {
    expect(querierIn({ payload: new Uint8Array(length).fill(0xff) })).toBeUndefined();
  });
});
