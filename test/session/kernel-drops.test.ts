/** The kernel's own word in a live run, on the real kernel. */
import { afterEach, describe, expect, it } from 'vitest';
import { openInstance } from '../../src/capture/drops/instance.ts';
import { openKernelDrops } from '../../src/session/kernel-drops.ts';
import { pingTrace } from '../../src/session/ping-trace.ts';
import { watchDrops } from '../../src/session/watch-drops.ts';
import { mayMakeNamespaces, type PrivateNetwork, privateNetwork, sleep, untilUp } from '../capture/private-network.ts';

const DROP_IN =
  "nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c icmp type echo-request drop'";

const mayTrace = (() => {
  try {
    openInstance({}).close();
    return mayMakeNamespaces;
  } catch {
    return false;
  }
})();

describe.skipIf(!mayTrace)('a run that reads what the kernel drops', () => {
  const cleanup: (() => void)[] = [];
  afterEach(() => {
    for (const undo of cleanup.splice(0).reverse()) undo();
  });

  //   A: va 10.9.0.2 ─── B: vb 10.9.0.3
  const pair = async (): Promise<[PrivateNetwork, PrivateNetwork]> => {
    const b = await privateNetwork();
    cleanup.push(() => b.close());
    const a = await privateNetwork(`
      ip link add name va type veth peer name vb
      ip link set vb netns ${b.pid}
      ip addr add 10.9.0.2/24 dev va
      ip link set va up`);
    cleanup.push(() => a.close());
    b.run(`ip addr add 10.9.0.3/24 dev vb; ip link set vb up; ${untilUp('vb')}`);
    a.run(untilUp('va'));
    return [a, b];
  };

  it('says which rule took the request, and that it was this very packet', async () => {
    const [a, b] = await pair();
    b.run(DROP_IN);
    const { diagnosis } = await pingTrace({ interface: 'va', address: '10.9.0.3', netns: String(a.pid) });
    // On a machine that others use as well, one may be too much like somebody else's to be sure.
    expect(diagnosis.drops?.filter(({ sure }) => sure).length).toBeGreaterThan(0);
    for (const drop of diagnosis.drops ?? [])
      expect(drop).toMatchObject({
        reason: 'NETFILTER_DROP',
        packet: 'echo-request',
        place: { name: 'vb' },
        sequence: expect.any(Number),
      });
    expect(diagnosis.findings[0]?.evidence.find(({ kind }) => kind === 'drop')?.text).toContain('NETFILTER_DROP in ');
    expect(diagnosis.findings[0]?.confidence).toBe('proven');
  });

  it('knows a probe that never left: dropped in the system call that sent it', async () => {
    const [a] = await pair();
    a.run(
      "nft 'add table ip t; add chain ip t c { type filter hook output priority 0; }; add rule ip t c icmp type echo-request drop'",
    );
    const { diagnosis } = await pingTrace({ interface: 'va', address: '10.9.0.3', netns: String(a.pid) });
    expect(diagnosis.drops?.[0]).toMatchObject({
      reason: 'NETFILTER_DROP',
      packet: 'echo-request',
      sequence: 1,
      sure: true,
      place: { name: 'va' },
    });
    expect(diagnosis.drops?.[0]?.after).toBeUndefined();
  });

  it('finds nothing wrong on a healthy machine, however busy', async () => {
    const [a, b] = await pair();
    // Pings of raw sockets, closed ports, multicast nobody joined, frames of others: all of it is dropped, as it should be.
    const busy = await pair();
    for (const network of [a, b, ...busy])
      network.start('ping', '-q', '-i', '0.002', '-c', '1500', network === a ? '10.9.0.3' : '127.0.0.1');
    busy[0].start('ping', '-q', '-i', '0.002', '-c', '1500', '10.9.0.3');
    a.start('ping', '-q', '-6', '-i', '0.01', '-c', '200', 'ff02::1%va');
    a.start(
      'sh',
      '-c',
      'for i in $(seq 200); do echo x >/dev/udp/10.9.0.3/9 2>/dev/null || echo x | busybox nc -u -w 1 10.9.0.3 9; done',
    );
    await sleep(100);
    const watched = watchDrops({ durationMs: 1500 });
    const { diagnosis } = await pingTrace({
      interface: 'va',
      address: '10.9.0.3',
      netns: String(a.pid),
      count: 6,
      intervalMs: 150,
    });
    const { counts } = await watched;
    expect(counts.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(100);
    expect(diagnosis.outcome).toBe('healthy');
    expect(diagnosis.findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
    expect(diagnosis.drops?.filter(({ sure }) => sure)).toEqual([]);
  });

  it('never takes the drops of one network for those of another that is alike in every name and number', async () => {
    const [healthy] = await pair();
    const [broken, far] = await pair();
    far.run(DROP_IN);
    const trace = ({ pid }: PrivateNetwork) =>
      pingTrace({ interface: 'va', address: '10.9.0.3', netns: String(pid), count: 80, intervalMs: 7, waitMs: 200 });
    const [good, bad] = await Promise.all([trace(healthy), trace(broken)]);
    expect(good.diagnosis.outcome).toBe('healthy');
    expect(good.diagnosis.drops?.filter(({ sure }) => sure)).toEqual([]);
    const sure = bad.diagnosis.drops?.filter((drop) => drop.sure) ?? [];
    expect(sure.length).toBeGreaterThan(10);
    expect(new Set(sure.map(({ sequence }) => sequence)).size).toBe(sure.length);
  });

  it('has the way of every packet, hop by hop', async () => {
    const [a] = await pair();
    const { diagnosis } = await pingTrace({ interface: 'va', address: '10.9.0.3', netns: String(a.pid), count: 2 });
    expect(diagnosis.outcome).toBe('healthy');
    const ways = diagnosis.kernel?.filter(({ packet }) => packet.startsWith('echo')) ?? [];
    expect(ways.map(({ packet, hops }) => [packet, ...hops.map(({ way, place }) => `${way} ${place?.name}`)])).toEqual([
      ['echo-request', 'queue va', 'out va', 'in vb'],
      ['echo-reply', 'queue vb', 'out vb', 'in va'],
    ]);
    for (const { sinceNs } of ways.flatMap(({ hops }) => hops.slice(1))) expect(sinceNs).toBeGreaterThan(0);
    const { probe } = diagnosis.example ?? {};
    for (const { timeNs } of ways.flatMap(({ hops }) => hops)) {
      expect(timeNs).toBeGreaterThan((probe?.sentNs ?? 0n) - 10_000n);
      expect(timeNs).toBeLessThan((probe?.replies[0]?.timeNs ?? 0n) + 1_000_000n);
    }
  });

  it('goes without when it is not asked for', async () => {
    const [a] = await pair();
    const { diagnosis } = await pingTrace({ interface: 'va', address: '10.9.0.3', netns: String(a.pid), drops: false });
    expect(diagnosis.outcome).toBe('healthy');
    expect(diagnosis.drops).toBeUndefined();
    expect(diagnosis.kernel).toBeUndefined();
    expect(diagnosis.coverage.gaps).toEqual([]);
  });

  it('keeps nothing of devices that are not listened to', async () => {
    const [a] = await pair();
    const kernel = openKernelDrops({ sizeBytes: 56, devices: () => new Set(['vz']) });
    cleanup.push(() => kernel.close());
    a.run('ip route add 10.77.0.0/16 dev va; ping -q -c 1 -W 0.1 10.77.0.1 || true');
    kernel.finish();
    expect(kernel.opened).toBe(true);
    expect(kernel.drops((all) => all)).toEqual([]);
  });
});
