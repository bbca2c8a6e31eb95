/** A ring that overflows: what is absent then proves nothing, and the report says how much it lacks. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { pingTrace } from '../../src/session/ping-trace.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';
import { noteFault } from './fault-table.ts';

/** One block holds two frames of 1400 data bytes, and each probe is sighted four times here. */
const TINY = { blockSizeBytes: 4096, blockCount: 1 };

describe.skipIf(!mayMakeNamespaces)('a ring that is too small', { timeout: 60_000 }, () => {
  let machine: OwnMachine;
  //   c1:eth0 10.9.0.2 ─── vA br0 vB ─── c2:eth0 10.9.0.3
  beforeAll(() => {
    machine = ownMachine(`
      ip link add br0 type bridge
      ip link set br0 up
      container() {
        ip netns add $1
        ip link add $2 type veth peer name eth0 netns $1
        ip link set $2 master br0 up
        ip -n $1 addr add $3/24 dev eth0
        ip -n $1 link set eth0 up
      }
      container c1 vA 10.9.0.2
      container c2 vB 10.9.0.3
      until ip netns exec c1 ping -q -c 1 -W 1 10.9.0.3; do sleep 0.05; done`);
  });
  afterEach(() => {
    machine.run(
      'nft flush ruleset; ip netns exec c2 nft flush ruleset; ip netns exec c2 sysctl -qw net.ipv4.icmp_echo_ignore_all=0',
    );
  });
  afterAll(() => machine?.close());

  const trace = async (options: object = {}) => {
    const report = await pingTrace({
      interface: 'eth0',
      address: '10.9.0.3',
      netns: 'c1',
      sizeBytes: 1400,
      waitMs: 300,
      drops: false,
      ring: TINY,
      ...options,
    });
    noteFault(report.diagnosis);
    return report;
  };

  it('makes a healthy network no fault', async () => {
    const { diagnosis, probes } = await trace();
    expect(probes.received).toBe(probes.sent);
    expect(diagnosis.outcome).toBe('healthy');
    expect(diagnosis.coverage.lost.reduce((sum, { frames }) => sum + frames, 0)).toBeGreaterThan(0);
    expect(diagnosis.findings.map(({ rule }) => rule)).toEqual(['capture-lossy']);
  });

  it('proves no absence', async () => {
    // Silent, and of no kind that the model decides: the last one of four sightings is not in the ring.
    machine.run(`nft -f - <<'N'
table bridge t {
  chain c { type filter hook forward priority 0; policy accept; quota over 1 bytes drop; }
}
N`);
    const { diagnosis } = await trace({ count: 3, sizeBytes: 4000 });
    expect(diagnosis.coverage.lost.length).toBeGreaterThan(0);
    expect(diagnosis.outcome).not.toBe('healthy');
    for (const { confidence, rule } of diagnosis.findings)
      if (rule !== 'capture-lossy') expect(confidence).not.toBe('proven');
    expect(diagnosis.findings.map(({ rule }) => rule)).toContain('capture-lossy');
  });

  it('leaves what the state says, and calls it likely', async () => {
    machine.run('ip netns exec c2 sysctl -qw net.ipv4.icmp_echo_ignore_all=1');
    const { diagnosis } = await trace({ ring: { blockSizeBytes: 4096, blockCount: 1 }, sizeBytes: 8000 });
    const [root] = diagnosis.findings;
    expect(['echo-ignored', 'not-captured', 'request-lost']).toContain(root?.rule);
    expect(root?.confidence).not.toBe('proven');
  });
});
