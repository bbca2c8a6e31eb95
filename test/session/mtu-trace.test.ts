/** ping-trace --mtu on the real kernel: the largest packet that passes, and what limits it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportJson } from '../../src/report/json.ts';
import { pathMtuLines } from '../../src/report/mtu-text.ts';
import { recordMtuTrace } from '../../src/session/mtu-trace.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';
import { schemaOf } from '../schema.ts';

const isReport = schemaOf('report');
const TIMEOUT_MS = 30_000;

describe.skipIf(!mayMakeNamespaces)('the largest packet that passes', () => {
  let machine: OwnMachine;
  //   m0 10.88.1.2 fd88:1::2 ─── a | way | b ─── m1 10.88.2.2 fd88:2::2 :end
  beforeAll(() => {
    machine = ownMachine(`
      sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
      for n in way end; do
        ip netns add $n
        ip -n $n link set lo up
        ip netns exec $n sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
        ip netns exec $n sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
      done
      ip netns exec way sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
      ip link add m0 type veth peer name wa netns way
      ip -n way link add wb type veth peer name m1 netns end
      ip link set m0 up
      ip -n way link set wa up
      ip -n way link set wb up
      ip -n end link set m1 up
      ip addr add 10.88.1.2/24 dev m0
      ip addr add fd88:1::2/64 dev m0
      ip -n way addr add 10.88.1.1/24 dev wa
      ip -n way addr add fd88:1::1/64 dev wa
      ip -n way addr add 10.88.2.1/24 dev wb
      ip -n way addr add fd88:2::1/64 dev wb
      ip -n end addr add 10.88.2.2/24 dev m1
      ip -n end addr add fd88:2::2/64 dev m1
      ip route add 10.88.0.0/16 via 10.88.1.1
      ip -6 route add fd88:2::/64 via fd88:1::1
      ip -n end route add default via 10.88.2.1
      ip -n end -6 route add default via fd88:2::1`);
  });
  afterAll(() => machine?.close());

  const mtus = (way: number, end: number) => {
    machine.run(`ip -n way link set wb mtu ${way}; ip -n end link set m1 mtu ${end}
      ip netns exec way nft flush ruleset; ip route flush cache; ip -6 route flush cache`);
  };
  const look = async (address: string) => {
    const { report } = await recordMtuTrace({ interface: 'm0', address, drops: false });
    expect(isReport(reportJson(report)), JSON.stringify(isReport.errors)).toBe(true);
    return { report, mtu: report.pathMtu, outcome: report.diagnosis.outcome };
  };

  it('is what the sender’s own interface takes, where all takes that', { timeout: TIMEOUT_MS }, async () => {
    mtus(1500, 1500);
    const { mtu, outcome, report } = await look('10.88.2.2');
    expect(outcome).toBe('healthy');
    expect(mtu).toMatchObject({ bytes: 1500, sizeBytes: 1472, limit: { by: 'sender', mtu: 1500 } });
    expect(mtu?.failsAtBytes).toBeUndefined();
    expect(pathMtuLines(report)[0]).toBe('path MTU: 1500 bytes pass to 10.88.2.2 and back in one packet (-s 1472)');
  });

  it.each([
    ['10.88.2.2', 28, '10.88.1.1'],
    ['fd88:2::2', 48, 'fd88:1::1'],
  ])('to %s is what a router says, and that is healthy', { timeout: TIMEOUT_MS }, async (address, headers, from) => {
    mtus(1380, 1380);
    const { mtu, outcome, report } = await look(address);
    expect(outcome).toBe('healthy');
    expect(mtu).toMatchObject({
      ...{ bytes: 1380, sizeBytes: 1380 - headers, failsAtBytes: 1381, tooBig: { told: true } },
      limit: { place: { netns: 'way', name: 'wb' }, mtu: 1380, by: 'router', from },
    });
    expect(pathMtuLines(report)[1]).toBe(`limited by wb@way (MTU 1380): the router says so, from ${from}`);
  });

  it('is found where the router’s word is lost, and that is a fault', { timeout: TIMEOUT_MS }, async () => {
    mtus(1380, 1380);
    machine.run(`ip netns exec way nft -f - <<'N'
table ip mute {
  chain out {
    type filter hook output priority 0;
    icmp type destination-unreachable drop
  }
}
N`);
    const { mtu, outcome, report } = await look('10.88.2.2');
    expect(outcome).toBe('fault');
    expect(report.diagnosis.findings[0]).toMatchObject({ rule: 'pmtu-blackhole', where: { netns: 'way' } });
    expect(mtu).toMatchObject({ bytes: 1380, failsAtBytes: 1381, tooBig: { told: false } });
    expect(pathMtuLines(report)[1]).toMatch(/the router says so, from 10\.88\.1\.1, and the sender does not hear it$/);
  });

  it('is 4 bytes more than the MTU of a far end, which says nothing', { timeout: TIMEOUT_MS }, async () => {
    mtus(1500, 1300);
    const { mtu, outcome, report } = await look('10.88.2.2');
    expect(outcome).toBe('fault');
    expect(report.diagnosis.findings[0]?.rule).toBe('link-mtu-smaller');
    expect(mtu).toMatchObject({ bytes: 1304, limit: { place: { netns: 'end', name: 'm1' }, mtu: 1300, by: 'peer' } });
  });

  it('is told beside what the sender was told before', { timeout: TIMEOUT_MS }, async () => {
    mtus(1300, 1300);
    machine.run(
      'ping -c 2 -i 0.2 -W 1 -s 1400 10.88.2.2 || true; ip -n way link set wb mtu 1500; ip -n end link set m1 mtu 1500',
    );
    const { mtu, report } = await look('10.88.2.2');
    expect(mtu).toMatchObject({ bytes: 1500, sender: { mtu: 1300, of: 'learnt' } });
    expect(pathMtuLines(report).at(-1)).toBe(
      'the kernel of the sender cuts what it sends to 1300 bytes: it was told so before (ip route show cache)',
    );
  });

  it('is not looked for where nobody answers', { timeout: TIMEOUT_MS }, async () => {
    mtus(1500, 1500);
    const { mtu, outcome } = await look('10.88.2.77');
    expect(outcome).toBe('fault');
    expect(mtu).toBeUndefined();
  });
});
