/**
 * Packet filters as the model reads them, against the kernel: generated rulesets are loaded into a router and into the
 * target behind it, and what the model is certain of must be what becomes of a ping.
 */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectPath } from '../../src/path/expect.ts';
import { takeTopology } from '../../src/topology/collect.ts';
import type { Topology } from '../../src/topology/model.ts';
import { programRunner } from '../../src/topology/program.ts';
import { readFilters } from '../../src/topology/read-filters.ts';
import { mayMakeNamespaces, type PrivateNetwork, privateNetwork, untilUp } from '../capture/private-network.ts';

//   near:eth0 10.9.1.2, fd09:1::2 ─── in0 10.9.1.1, fd09:1::1 (mid) out0 10.9.2.1, fd09:2::1 ─── far:eth0 10.9.2.2, fd09:2::2
const TARGETS = { 4: '10.9.2.2', 6: 'fd09:2::2' } as const;

/** A sentence with one of several words in each place. */
const pick = (...words: string[]) => fc.constantFrom(...words);
const sentence = (...parts: fc.Arbitrary<string>[]) =>
  fc.tuple(...parts).map((words) => words.join(' ').replaceAll(/ +/g, ' '));

const IPV4 = ['10.9.1.2', '10.9.2.2', '10.9.1.0/24', '10.9.2.0/25', '10.9.0.0/16', '10.9.1.1-10.9.1.9', '10.9.2.77'];
const NFT_MATCH = fc.oneof(
  sentence(pick('iifname', 'oifname'), pick('', '!='), pick('"in0"', '"out0"', '"eth0"', '"in*"', '{ "in0", "x" }')),
  sentence(pick('ip saddr', 'ip daddr'), pick('', '!='), pick(...IPV4, '{ 10.9.1.2, 10.9.2.0/24 }', '@some', '@none')),
  sentence(pick('ip saddr . ip daddr'), pick('', '!='), pick('{ 10.9.1.2 . 10.9.2.2 }', '@pairs')),
  sentence(pick('ip6 saddr', 'ip6 daddr'), pick('', '!='), pick('fd09:1::2', 'fd09:2::/64', 'fd09::/32', 'fd08::1')),
  sentence(pick('icmp type'), pick('', '!='), pick('echo-request', 'echo-reply', '{ echo-request, 3 }', '8')),
  sentence(pick('icmpv6 type'), pick('', '!='), pick('echo-request', '{ echo-reply, nd-neighbor-solicit }', '129')),
  sentence(pick('meta l4proto'), pick('', '!='), pick('icmp', 'ipv6-icmp', 'tcp', '{ tcp, udp }', '1')),
  sentence(pick('ip protocol'), pick('', '!='), pick('icmp', 'tcp', '{ icmp, udp }')),
  sentence(pick('meta nfproto'), pick('', '!='), pick('ipv4', 'ipv6')),
  sentence(
    pick('ct state'),
    pick('', '!='),
    pick('new', 'established', 'established,related', 'invalid', 'untracked', '{ new, untracked }'),
  ),
  sentence(pick('ct direction'), pick('original', 'reply')),
  sentence(pick('ct original ip saddr', 'ct original ip daddr'), pick('10.9.1.2', '10.9.2.0/24')),
  sentence(pick('ct status'), pick('dnat', 'snat')),
  sentence(pick('meta mark', 'ct mark', 'meta mark & 0x3'), pick('', '!='), pick('0', '1', '3')),
  sentence(pick('ip ttl', 'ip6 hoplimit'), pick('', '<', '>', '>=', '!='), pick('62', '63', '64')),
  sentence(pick('meta length', 'ip length'), pick('', '<', '>='), pick('84', '100')),
  sentence(pick('pkttype'), pick('host', 'broadcast')),
  sentence(pick('fib daddr type', 'fib saddr type'), pick('', '!='), pick('local', 'unicast', '{ local, broadcast }')),
  sentence(pick('fib saddr . iif oif', 'fib saddr oif', 'fib daddr oif'), pick('exists', 'missing')),
  sentence(
    pick(
      'ip frag-off & 0x1fff != 0',
      'ip dscp cs0',
      'tcp dport 80',
      'udp dport != 53',
      'tcp flags & (syn | ack) != syn',
    ),
  ),
);
const NFT_VERDICT = fc.oneof(
  { weight: 3, arbitrary: pick('accept', 'drop', 'counter drop', 'reject', 'log prefix "x" drop') },
  { weight: 2, arbitrary: pick('return', 'continue', 'jump one', 'jump two', 'goto two', 'counter') },
  {
    weight: 2,
    arbitrary: pick('meta mark set 1', 'meta mark set meta mark | 2', 'ct mark set meta mark', 'meta mark set ct mark'),
  },
  {
    weight: 1,
    arbitrary: pick(
      'ip protocol vmap { icmp : accept, tcp : drop }',
      'iifname vmap { "in0" : jump two, "out0" : accept }',
    ),
  },
);
const nftRule = sentence(
  fc.array(NFT_MATCH, { maxLength: 2 }).map((all) => all.join(' ')),
  NFT_VERDICT,
);
const nftRules = fc.array(nftRule, { maxLength: 4 });
const nftChain = fc.record({
  hook: pick('prerouting', 'forward', 'postrouting', 'input', 'output'),
  priority: pick('-300', '-150', '0', '10'),
  policy: pick('accept', 'accept', 'drop'),
  untracks: fc.constantFrom(false, false, false, true),
  rules: nftRules,
});
const nftRuleset = fc.record({
  chains: fc.array(nftChain, { minLength: 1, maxLength: 3 }),
  one: nftRules,
  two: nftRules,
});

function nftText({ chains, one, two }: { chains: Chain[]; one: string[]; two: string[] }): string {
  const body = (rules: readonly string[]) => rules.map((rule) => `    ${rule}\n`).join('');
  // The chains that are jumped to come in no circle.
  const deeper = (rules: readonly string[]) => rules.map((rule) => rule.replace(/(jump|goto) (one|two)/g, 'continue'));
  return `table inet t {
  set some { type ipv4_addr; flags interval; elements = { 10.9.1.2, 10.9.3.0/24 } }
  set none { type ipv4_addr; }
  set pairs { type ipv4_addr . ipv4_addr; elements = { 10.9.1.2 . 10.9.2.2 } }
  chain two {\n${body(deeper(two))}  }
  chain one {\n${body(deeper(one))}  }
${chains
  .map(
    ({ hook, priority, policy, untracks, rules }, index) => `  chain c${index} {
    type filter hook ${hook} priority ${priority}; policy ${policy};
${untracks && priority === '-300' && /prerouting|output/.test(hook) ? '    notrack\n' : ''}${body(allowed(rules, hook))}  }\n`,
  )
  .join('')}}\n`;
}

interface Chain {
  readonly hook: string;
  readonly priority: string;
  readonly policy: string;
  readonly untracks: boolean;
  readonly rules: string[];
}

/** What the hook does not have cannot be asked there: nft refuses it. */
function allowed(rules: readonly string[], hook: string): string[] {
  const without =
    hook === 'output' || hook === 'postrouting'
      ? /iif|pkttype/
      : hook === 'input' || hook === 'prerouting'
        ? /oifname/
        : /^$/;
  return rules.filter((rule) => !without.test(rule));
}

const IPTABLES_MATCH = fc.oneof(
  sentence(
    pick('', '!'),
    pick('-i in0', '-o out0', '-i eth0', '-i in+', '-s 10.9.1.2', '-d 10.9.2.0/24', '-s 10.9.0.0/16', '-d 10.9.2.9'),
  ),
  pick(
    '-p icmp',
    '! -p icmp',
    '-p tcp',
    '-p tcp --dport 80',
    '-p udp ! --sport 53',
    '-p icmp --icmp-type echo-request',
    '-p icmp ! --icmp-type 0',
  ),
  sentence(
    pick('-m conntrack'),
    pick('', '!'),
    pick(
      '--ctstate NEW',
      '--ctstate ESTABLISHED,RELATED',
      '--ctstate INVALID',
      '--ctstate UNTRACKED',
      '--ctdir REPLY',
      '--ctorigsrc 10.9.1.2',
      '--ctstatus DNAT',
    ),
  ),
  sentence(pick('-m state --state'), pick('NEW', 'RELATED,ESTABLISHED', 'INVALID')),
  sentence(pick('-m mark', '-m connmark'), pick('', '!'), pick('--mark 1', '--mark 0x2/0x2', '--mark 0')),
  sentence(
    pick('-m addrtype'),
    pick('', '!'),
    pick('--dst-type LOCAL', '--src-type UNICAST', '--dst-type LOCAL,BROADCAST'),
  ),
  sentence(pick('-m ttl'), pick('--ttl-eq 63', '--ttl-lt 64', '--ttl-gt 63')),
  sentence(pick('-m length'), pick('', '!'), pick('--length 84', '--length 100:', '--length :84')),
  sentence(pick('-m iprange'), pick('', '!'), pick('--src-range 10.9.1.1-10.9.1.9', '--dst-range 10.9.2.3-10.9.2.9')),
  pick(
    '-m pkttype --pkt-type unicast',
    '-m pkttype ! --pkt-type broadcast',
    '-m comment --comment "a - b"',
    '-f',
    '! -f',
  ),
);
const IPTABLES_TARGET = pick(
  ...['ACCEPT', 'DROP', 'DROP', 'REJECT', 'REJECT --reject-with icmp-admin-prohibited', 'RETURN', 'ONE', 'TWO'],
  ...['MARK --set-mark 1', 'MARK --set-xmark 0x2/0x2', 'CONNMARK --save-mark', 'CONNMARK --restore-mark', 'LOG'],
);
const iptablesRule = fc
  .tuple(fc.array(IPTABLES_MATCH, { maxLength: 2 }), IPTABLES_TARGET)
  .map(([matches, target]) => [...matches, target === 'TWO' ? '-g TWO' : `-j ${target}`].join(' '));
const iptablesRules = fc.array(iptablesRule, { maxLength: 4 });
const iptablesRuleset = fc.record({
  forward: iptablesRules,
  prerouting: iptablesRules,
  input: iptablesRules,
  output: iptablesRules,
  one: iptablesRules,
  two: iptablesRules,
  policy: pick('ACCEPT', 'DROP'),
  untracked: fc.constantFrom(false, false, true),
});
type IptablesRuleset = typeof iptablesRuleset extends fc.Arbitrary<infer T> ? T : never;

function iptablesText(rules: IptablesRuleset): string {
  const { forward, prerouting, input, output, one, two, policy, untracked } = rules;
  const lines = (chain: string, list: readonly string[], without: RegExp) =>
    list.filter((rule) => !without.test(rule)).map((rule) => `-A ${chain} ${rule}`);
  const jumps = /-[jg] (ONE|TWO)/;
  return [
    '*raw',
    ':PREROUTING ACCEPT',
    ...(untracked ? ['-A PREROUTING -p icmp -j CT --notrack'] : []),
    'COMMIT',
    '*mangle',
    ':PREROUTING ACCEPT',
    // Filter tables alone refuse with an error.
    ...lines('PREROUTING', prerouting, /-o |REJECT|ONE|TWO/),
    'COMMIT',
    '*filter',
    ':INPUT ACCEPT',
    `:FORWARD ${policy}`,
    ':OUTPUT ACCEPT',
    ':ONE -',
    ':TWO -',
    ...lines('TWO', two, jumps),
    ...lines('ONE', one, jumps),
    ...lines('FORWARD', forward, /^$/),
    ...lines('INPUT', input, /-o /),
    ...lines('OUTPUT', output, /-i /),
    'COMMIT',
    '',
  ].join('\n');
}

const SCENARIOS = Number(process.env.VDIAG_SCENARIOS ?? 40);
const SEED = Number(process.env.VDIAG_SEED ?? 6);

describe.skipIf(!mayMakeNamespaces)('packet filters let pass what the model lets pass', () => {
  let near: PrivateNetwork;
  let mid: PrivateNetwork;
  let far: PrivateNetwork;
  let base: Topology;
  beforeAll(async () => {
    const plain =
      'sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.default.accept_dad=0';
    far = await privateNetwork(plain);
    mid = await privateNetwork(`${plain}
      ip link add out0 type veth peer name eth0 netns ${far.pid}
      ip addr add 10.9.2.1/24 dev out0; ip addr add fd09:2::1/64 dev out0 nodad; ip link set out0 up
      sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1`);
    near = await privateNetwork(`${plain}
      ip link add eth0 type veth peer name in0 netns ${mid.pid}
      ip addr add 10.9.1.2/24 dev eth0; ip addr add fd09:1::2/64 dev eth0 nodad; ip link set eth0 up
      ip route add default via 10.9.1.1; ip -6 route add default via fd09:1::1`);
    mid.run('ip addr add 10.9.1.1/24 dev in0; ip addr add fd09:1::1/64 dev in0 nodad; ip link set in0 up');
    far.run(`ip addr add 10.9.2.2/24 dev eth0; ip addr add fd09:2::2/64 dev eth0 nodad; ip link set eth0 up
      ip route add default via 10.9.2.1; ip -6 route add default via fd09:2::1; ${untilUp('eth0')}`);
    near.run(`${untilUp('eth0')}; for to in 10.9.2.2 fd09:2::2; do ping -n -c 3 -i 0.2 -W 1 $to; done`);
    base = await takeTopology({
      start: near.netns,
      home: near.netns,
      interfaceName: 'eth0',
      targetAddress: '10.9.2.2',
    });
    // Hardware addresses are settled by hand: rules for IPv6 may otherwise come between, now and then.
    for (const [{ run }, devices] of [
      [near, ['eth0']],
      [mid, ['in0', 'out0']],
      [far, ['eth0']],
    ] as const)
      for (const device of devices)
        run(
          `ip neigh show dev ${device} | grep -v FAILED | while read to _ mac _; do ip neigh replace $to dev ${device} lladdr $mac nud permanent; done`,
        );
    base = await takeTopology({
      start: near.netns,
      home: near.netns,
      interfaceName: 'eth0',
      targetAddress: '10.9.2.2',
    });
  });
  afterAll(() => {
    for (const network of [near, mid, far]) network.close();
  });

  /** False where the program refuses the ruleset. */
  const load = (network: PrivateNetwork, program: readonly string[], text: string): boolean => {
    const words = ['-t', String(network.pid), '-n', '-m', ...program];
    return spawnSync('nsenter', words, { input: text, encoding: 'utf8' }).status === 0;
  };
  const isAnswered = (family: 4 | 6): boolean => {
    const ping = `ping -n -c 1 -W 0.3 -I eth0 ${TARGETS[family]} > /dev/null 2>&1 && echo yes || echo no`;
    return near.run(ping).trim() === 'yes';
  };
  const run = programRunner();

  /** What the model says of a ping with the rules that are loaded now. */
  const modelled = async (network: PrivateNetwork, families: readonly (4 | 6)[]) => {
    const gaps: string[] = [];
    const filters = await readFilters(run, network.netns, true, (gap) => gaps.push(gap));
    expect(gaps).toEqual([]);
    const namespaces = base.namespaces.map((one) => (one.id === network.netns.id ? { ...one, filters } : one));
    const start = { netns: near.netns.id, name: 'eth0' };
    return families.map((family) => ({
      family,
      path: expectPath({ ...base, namespaces }, { start, destination: TARGETS[family] }),
    }));
  };

  const compare = async (network: PrivateNetwork, families: readonly (4 | 6)[], text: string): Promise<number> => {
    let certain = 0;
    for (const { family, path } of await modelled(network, families)) {
      if (path.end === 'unknown') continue;
      certain++;
      const answered = isAnswered(family);
      if ((path.end === 'delivered') !== answered) {
        const gates = path.legs.flatMap(({ kind, steps }) =>
          steps.flatMap((step) =>
            step.kind === 'gate' && step.gate.kind === 'filter'
              ? [`${kind} ${step.gate.hook} ${step.gate.verdict}: ${step.gate.facts[0]?.text}`]
              : [],
          ),
        );
        expect(path.end, `IPv${family}, answered: ${answered}\n${gates.join('\n')}\n${text}`).toBe(
          answered ? 'delivered' : 'stopped',
        );
      }
    }
    return certain;
  };

  const options = { numRuns: SCENARIOS, seed: SEED, endOnFailure: process.env.VDIAG_SEED === undefined };
  const where = fc.constantFrom<'mid' | 'far'>('mid', 'mid', 'far');
  const networkAt = (place: 'mid' | 'far') => (place === 'mid' ? mid : far);

  it('of nftables', { timeout: 120_000 }, async () => {
    let certain = 0;
    let loaded = 0;
    await fc.assert(
      fc.asyncProperty(nftRuleset, where, async (ruleset, place) => {
        const text = nftText(ruleset);
        const network = networkAt(place);
        if (!load(network, ['nft', '-f', '-'], `flush ruleset\n${text}`)) return;
        loaded++;
        certain += await compare(network, [4, 6], text);
        network.run('nft flush ruleset');
      }),
      options,
    );
    expect(loaded).toBeGreaterThan(SCENARIOS / 2);
    expect(certain).toBeGreaterThan(loaded * 1.6);
  });

  for (const program of ['iptables-nft', 'iptables-legacy'])
    it(`of ${program}`, { timeout: 120_000 }, async () => {
      let certain = 0;
      let loaded = 0;
      await fc.assert(
        fc.asyncProperty(iptablesRuleset, where, async (ruleset, place) => {
          const text = iptablesText(ruleset);
          const network = networkAt(place);
          if (!load(network, [`${program}-restore`], text)) return;
          loaded++;
          certain += await compare(network, [4], text);
          load(
            network,
            [`${program}-restore`],
            iptablesText({
              ...ruleset,
              forward: [],
              prerouting: [],
              input: [],
              output: [],
              one: [],
              two: [],
              policy: 'ACCEPT',
              untracked: false,
            }),
          );
        }),
        options,
      );
      expect(loaded).toBeGreaterThan(SCENARIOS / 2);
      expect(certain).toBeGreaterThan(loaded * 0.8);
    });
});
