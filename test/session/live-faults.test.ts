/** What happens while a trace is under way: the report says what happened, and names no cause that was none. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Diagnosis } from '../../src/diagnose/finding.ts';
import { insideNetns, resolveNetns } from '../../src/linux/netns.ts';
import { recordPingTrace } from '../../src/session/ping-trace.ts';
import { openResources, sleep } from '../capture/private-network.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';
import { noteFault } from './fault-table.ts';

//   c1:eth0 10.9.0.2 ─── vA ┐
//                           br0 10.9.0.1
//   c2:eth0 10.9.0.3 ─── vB ┘
const NETWORK = `
  ip link add br0 type bridge
  ip addr add 10.9.0.1/24 dev br0
  ip link set br0 up
  container() {
    ip netns add $1
    ip -n $1 link set lo up
    ip link add $2 type veth peer name eth0 netns $1
    ip link set $2 master br0 up
    ip -n $1 addr add $3/24 dev eth0
    ip -n $1 link set eth0 up
  }`;
const AGAIN = `${NETWORK.slice(NETWORK.indexOf('container()'))}
  ip netns del c2
  while ip link show vB >/dev/null 2>&1; do sleep 0.02; done
  container c2 vB 10.9.0.3`;

const COUNT = 10;

/** Echo requests that the stack of a namespace has taken in, ICMP's InEchos. */
function echoesIn(netns: string): number {
  const text = insideNetns(resolveNetns(netns), () => readFileSync('/proc/thread-self/net/snmp', 'latin1'));
  const [names = [], values = []] = text
    .split('\n')
    .flatMap((line) => (line.startsWith('Icmp: ') ? [line.split(' ')] : []));
  return Number(values[names.indexOf('InEchos')]);
}

describe.skipIf(!mayMakeNamespaces)('a trace during which', { timeout: 60_000 }, () => {
  let machine: OwnMachine;
  beforeAll(() => {
    machine = ownMachine();
  });
  afterEach(() => {
    machine.run(`
      for name in c1 c2; do ip netns del $name 2>/dev/null || true; done
      for name in br0 vA vB vX; do ip link del $name 2>/dev/null || true; done`);
  });
  afterAll(() => machine?.close());

  /** Traces from c1 to c2, and does something when three probes have been answered. */
  async function during(fault: string): Promise<{ diagnosis: Diagnosis; notes: string[]; sent: number }> {
    machine.run(`${NETWORK}
      container c1 vA 10.9.0.2
      container c2 vB 10.9.0.3
      until ip netns exec c1 ping -q -c 1 -W 1 10.9.0.3; do sleep 0.05; done`);
    const before = openResources();
    const notes: string[] = [];
    const already = echoesIn('c2');
    const trace = recordPingTrace({
      interface: 'eth0',
      address: '10.9.0.3',
      netns: 'c1',
      count: COUNT,
      intervalMs: 120,
      waitMs: 300,
      onNote: (line) => notes.push(line),
    });
    let ended = false;
    const end = trace.finally(() => {
      ended = true;
    });
    while (!ended && echoesIn('c2') < already + 3) await sleep(5);
    // Not waited for by this thread: what is let go of meanwhile is let go of by it.
    await promisify(execFile)('sh', ['-ec', fault], { timeout: 20_000 });
    const { report } = await end;
    expect(openResources()).toEqual(before);
    noteFault(report.diagnosis);
    return { diagnosis: report.diagnosis, notes, sent: report.probes.sent };
  }

  const changesOf = ({ changes = [] }: Diagnosis) => changes.map(({ text }) => text);

  it.each<[what: string, fault: string, rule: string | RegExp, changes: (string | RegExp)[]]>([
    ['an interface is deleted', 'ip link del vB', 'loss-partial', ['vB is gone', 'eth0@c2 is gone']],
    ['the start is deleted', 'ip -n c1 link del eth0', 'loss-partial', ['eth0@c1 is gone']],
    [
      'an interface is renamed and set down',
      'ip link set vB down name vX',
      'loss-partial',
      ['vB: its name was vB, is vX'],
    ],
    [
      'an interface moves into another namespace',
      'ip link set vB netns c1',
      'loss-partial',
      ['vB is gone', 'vB@c1 is new'],
    ],
    [
      'the start moves into another namespace',
      'ip -n c1 link set eth0 netns c2 name moved',
      'loss-partial',
      ['eth0@c1 is gone'],
    ],
    ['an interface is set down', 'ip link set vB down', 'link-down', ['vB: it was up, is down']],
    ['the bridge is deleted', 'ip link del br0', 'bridge-port-detached', ['vA: its bridge was br0, is none']],
    [
      'the ports are detached',
      'ip link set vA nomaster; ip link set vB nomaster',
      'bridge-port-detached',
      ['vB: its bridge was br0, is none'],
    ],
    [
      'the target loses its address',
      'ip -n c2 addr del 10.9.0.3/24 dev eth0',
      'address-missing',
      ['eth0@c2: it has lost 10.9.0.3/24'],
    ],
    [
      'the target gets another address',
      'ip -n c2 addr add 10.9.0.4/24 dev eth0; ip -n c2 addr del 10.9.0.3/24 dev eth0',
      'address-missing',
      [/has lost 10.9.0.3/],
    ],
    [
      'the start loses its address',
      'ip -n c1 addr flush dev eth0',
      /^(loss-partial|address-missing)$/,
      ['eth0@c1: it has lost 10.9.0.2/24'],
    ],
    [
      'a rule begins to drop',
      'ip netns exec c2 iptables-nft -A INPUT -p icmp -j DROP',
      'filter-input-drop',
      [/filter rules have changed/],
    ],
    ['the namespace of the target is destroyed', 'ip netns del c2', 'loss-partial', ['namespace c2 has vanished']],
    [
      'a container is started again under its name',
      AGAIN,
      'loss-partial',
      ['namespace c2 has vanished, and another one has its name now'],
    ],
  ])('%s', async (_, fault, rule, changes) => {
    const { diagnosis } = await during(fault);
    expect(diagnosis.outcome).toBe('fault');
    const [root] = diagnosis.findings;
    expect(root?.rule, root?.title).toMatch(typeof rule === 'string' ? new RegExp(`^${rule}$`) : rule);
    expect(root?.title).toMatch(/\d of \d+ probes lost/);
    const said = changesOf(diagnosis);
    for (const change of changes)
      expect(said).toContainEqual(typeof change === 'string' ? change : expect.stringMatching(change));
    for (const { text } of diagnosis.changes ?? [])
      expect(root?.evidence.map((evidence) => evidence.text)).toContain(`during the trace ${text}`);
  });

  it.each([
    ['an interface is renamed', 'ip link set vB name vX', ['vB: its name was vB, is vX']],
    ['the bridge forgets what it has learnt', 'bridge fdb flush dev br0 || true; ip -n c1 neigh flush all', []],
    ['an address comes', 'ip -n c2 addr add 10.9.0.77/24 dev eth0', ['eth0@c2: it has got 10.9.0.77/24']],
  ])('%s, and nothing is lost', async (_, fault, changes) => {
    const { diagnosis } = await during(fault);
    expect(diagnosis.findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
    expect(diagnosis.outcome).toBe('healthy');
    expect(changesOf(diagnosis)).toEqual(changes);
  });

  it('its own namespace is destroyed ends early, and says so', async () => {
    const { diagnosis, notes, sent } = await during('ip netns del c1');
    expect(sent).toBeLessThan(COUNT);
    expect(notes).toEqual(['the trace has ended early: namespace c1, where it began, has vanished']);
    expect(changesOf(diagnosis)).toContain('namespace c1 has vanished');
    expect(diagnosis.findings.filter(({ severity }) => severity === 'fault')).toEqual([]);
  });

  it('claims nothing of a namespace that took the place of another', async () => {
    const { diagnosis } = await during(AGAIN);
    // What is not sighted there proves nothing: nobody listened to the new one.
    expect(diagnosis.coverage.places.filter(({ netns }) => netns === 'c2')).toEqual([]);
    expect(diagnosis.coverage.gaps).toContain('c2: not listened to since the namespace has vanished');
    const absences = diagnosis.findings[0]?.evidence.filter(({ kind }) => kind === 'absence') ?? [];
    expect(absences.filter(({ text }) => /eth0@c2, which was listened to/.test(text))).toEqual([]);
  });
});
