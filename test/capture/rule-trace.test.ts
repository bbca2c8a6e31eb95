/** Rules that the kernel tells of, on the real kernel: which were met, and that nothing is left behind. */
import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { openRuleTrace, type RuleTrace } from '../../src/capture/rule-trace.ts';
import { type EchoProbe, openEchoProbe } from '../../src/probe/echo.ts';
import type { RulePassage } from '../../src/trace/rule-trace.ts';
import {
  mayMakeNamespaces,
  openResources,
  type PrivateNetwork,
  privateNetwork,
  sleep,
  untilUp,
} from './private-network.ts';

const TOKEN = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const NAME = 'vdiag_trace_test';

describe.skipIf(!mayMakeNamespaces)('a trace of filter rules', () => {
  const cleanup: (() => void)[] = [];
  afterEach(() => {
    for (const undo of cleanup.splice(0).reverse()) undo();
  });

  //   A: va 10.9.0.2, fd09::2 ─── B: vb 10.9.0.3, fd09::3
  const pair = async (): Promise<[PrivateNetwork, PrivateNetwork]> => {
    const b = await privateNetwork();
    cleanup.push(() => b.close());
    const a = await privateNetwork(`
      ip link add name va type veth peer name vb
      ip link set vb netns ${b.pid}
      ip addr add 10.9.0.2/24 dev va
      ip addr add fd09::2/64 dev va nodad
      ip link set va up`);
    cleanup.push(() => a.close());
    b.run(`ip addr add 10.9.0.3/24 dev vb; ip addr add fd09::3/64 dev vb nodad; ip link set vb up; ${untilUp('vb')}`);
    a.run(untilUp('va'));
    return [a, b];
  };

  const open = (
    a: PrivateNetwork,
    b: PrivateNetwork,
    { sizeBytes = 56, destination = '10.9.0.3' } = {},
  ): { probe: EchoProbe; trace: RuleTrace; passages: RulePassage[] } => {
    const probe = openEchoProbe(a.netns, { interface: 'va', destination, sizeBytes, token: TOKEN });
    cleanup.push(() => probe.close());
    const passages: RulePassage[] = [];
    const trace = openRuleTrace(b.netns, {
      name: NAME,
      families: ['inet', 'bridge'],
      run: { token: TOKEN, identifier: probe.identifier },
      version: destination.includes(':') ? 6 : 4,
      dataBytes: sizeBytes,
      onPassage: (passage) => passages.push(passage),
    });
    cleanup.push(() => trace.close());
    return { probe, trace, passages };
  };

  const answered = async (probe: EchoProbe): Promise<number> => {
    await sleep(60);
    return probe.receive().filter(({ kind }) => kind === 'reply').length;
  };

  const RULES = `nft -f - <<'N'
table inet guard {
  chain known {
    icmp type echo-request accept
    icmpv6 type echo-request accept
  }
  chain in {
    type filter hook input priority 0; policy drop;
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    iifname "vb" jump known
  }
}
N`;

  it.each([
    { sizeBytes: 56, destination: '10.9.0.3', rule: 0 },
    { sizeBytes: 4, destination: '10.9.0.3', rule: 0 },
    { sizeBytes: 0, destination: '10.9.0.3', rule: 0 },
    { sizeBytes: 56, destination: 'fd09::3', rule: 1 },
    // In fragments, put together again by conntrack before any rule sees them.
    { sizeBytes: 4000, destination: '10.9.0.3', rule: 0 },
  ])('tells every rule of its own packets: $sizeBytes bytes to $destination', async ({ rule, ...options }) => {
    const [a, b] = await pair();
    b.run(RULES);
    b.run('nft add rule inet guard known ct state new accept');
    const { probe, trace, passages } = open(a, b, options);
    // Somebody else's packets meet the same rules, and are not told.
    b.run('ping -q -c 1 -W 1 127.0.0.1 >/dev/null || true');
    a.run(`ping -q -c 1 -W 1 ${options.destination} >/dev/null`);
    probe.send(1);
    probe.send(2);
    expect(await answered(probe)).toBe(2);
    trace.finish();
    expect(trace.lost()).toBe(false);
    expect(passages.map(({ sequence }) => sequence)).toEqual([1, 2]);
    const handles = (chain: string) =>
      [...b.run(`nft -a list chain inet guard ${chain}`).matchAll(/(?:accept|jump \w+) # handle (\d+)/g)].map(
        ([, handle]) => Number(handle),
      );
    expect(passages[0]).toEqual({
      netns: b.netns.id,
      family: 'inet',
      table: 'guard',
      chain: 'in',
      packet: 'echo-request',
      sequence: 1,
      input: 'vb',
      steps: [
        { chain: 'in', handle: handles('in')[1], verdict: 'jump', target: 'known' },
        { chain: 'known', handle: handles('known')[rule], verdict: 'accept' },
      ],
      verdict: 'accept',
    });
  });

  it('tells what iptables-nft put there, the policy, and the error that a rule sends', async () => {
    const [a, b] = await pair();
    b.run('iptables-nft -P OUTPUT DROP; iptables-nft -A INPUT -p icmp -m u32 --u32 "0>>28=4" -j REJECT');
    const { probe, trace, passages } = open(a, b);
    probe.send(1);
    expect(await answered(probe)).toBe(0);
    trace.finish();
    expect(passages.map(({ packet, chain, verdict, steps }) => [packet, chain, verdict, steps.length])).toEqual([
      // The error is sent, and dropped, from within the rule.
      ['icmp-error', 'OUTPUT', 'drop', 1],
      ['echo-request', 'INPUT', 'drop', 1],
    ]);
    expect(passages[0]?.steps).toEqual([{ chain: 'OUTPUT', verdict: 'drop' }]);
    expect(passages[1]?.steps[0]?.handle).toBeGreaterThan(0);
  });

  it('asks only before everybody else, only of the run, and takes its table away', async () => {
    const resources = openResources();
    const [a, b] = await pair();
    const { probe, trace } = open(a, b);
    const during = b.run('nft list ruleset');
    expect(during).toContain('flags owner');
    expect(during).toContain('priority -2147483648');
    expect(during.match(/0x102030405060708/g)).toHaveLength(16);
    // Whoever tidies up meanwhile leaves it alone.
    b.run('nft flush ruleset');
    expect(b.run('nft list tables')).toContain(NAME);
    trace.close();
    trace.close();
    expect(b.run('nft list ruleset')).toBe('');
    probe.close();
    expect(openResources()).toEqual(resources);
  });

  it('says what it needs, and changes nothing, without the right to', async () => {
    const [, b] = await pair();
    const code = `
      import(process.argv[1]).then(({ openRuleTrace }) => {
        try { openRuleTrace({ path: '/proc/self/ns/net', inode: Number(/\\d+/.exec(require('fs').readlinkSync('/proc/self/ns/net'))[0]) },
          { name: 'x', families: ['inet'], run: { identifier: 1 }, version: 4, dataBytes: 0, onPassage() {} });
        } catch (error) { console.log(error.code, error.message); }
      })`;
    const built = new URL('../../dist/capture/rule-trace.js', import.meta.url).pathname;
    const said = execFileSync(
      'nsenter',
      [
        '-t',
        String(b.pid),
        '-n',
        'setpriv',
        '--bounding-set=-net_admin',
        '--inh-caps=-net_admin',
        process.execPath,
        '-e',
        code,
        built,
      ],
      { encoding: 'utf8', timeout: 20_000 },
    );
    expect(said).toBe('permission tracing rules needs CAP_NET_ADMIN\n');
    expect(b.run('nft list tables')).toBe('');
  });
});
