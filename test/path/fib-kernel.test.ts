/**
 * The model of the routing decision against the kernel's own: generated tables and rules are loaded into a namespace of the
 * test's own, and every answer that the model gives as certain must be the one of `ip route get`.
 */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseSource, findRoute, type RouteFound, type RouteQuery } from '../../src/path/fib.ts';
import { takeTopology } from '../../src/topology/collect.ts';
import { mayMakeNamespaces, type PrivateNetwork, privateNetwork } from '../capture/private-network.ts';

//   d0 10.0.0.1/24 ─── p0      d1 10.0.1.1/24, 10.0.1.2/24 ─── p1      d2 172.16.0.1/16 ─── p2
const DEVICES = ['d0', 'd1', 'd2'];
// Whatever comes in is let in: the route alone decides.
const BUILD = `
  sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
  sysctl -qw net.ipv4.conf.all.accept_local=1 net.ipv4.conf.all.route_localnet=1
  for i in 0 1 2; do ip link add d$i type veth peer name p$i; ip link set d$i up; ip link set p$i up; done
  ip addr add 10.0.0.1/24 dev d0
  ip addr add 10.0.1.1/24 dev d1; ip addr add 10.0.1.2/24 dev d1
  ip addr add 172.16.0.1/16 dev d2`;
// With an object go the routes by it, which `route flush` leaves.
const OBJECTS = [
  'nexthop flush',
  'nexthop add id 11 via 10.0.0.9 dev d0',
  'nexthop add id 12 via 10.0.1.9 dev d1',
  'nexthop add id 13 group 11/12',
  'nexthop add id 14 blackhole',
  'nexthop add id 15 dev d2',
];
const LOCAL = ['10.0.0.1', '10.0.1.1', '10.0.1.2', '172.16.0.1'];
const REMOTE = ['10.0.0.77', '198.51.100.5', '172.16.9.9'];
const GATEWAY: Readonly<Record<string, string>> = { d0: '10.0.0.9', d1: '10.0.1.9', d2: '172.16.0.9' };
const PREFIXES = (
  '0.0.0.0/0 0.0.0.0/1 10.0.0.0/8 10.0.0.0/16 10.0.0.0/24 10.0.0.128/25 10.0.0.200/32 10.0.1.0/24 10.0.1.64/26 ' +
  '172.16.0.0/12 172.16.5.0/24 172.16.5.5/32 192.0.2.0/24 192.0.2.0/30 192.0.2.9/32 10.0.0.1/32'
).split(' ');
const DESTINATIONS = (
  '10.0.0.1 10.0.0.7 10.0.0.130 10.0.0.200 10.0.0.255 10.0.1.2 10.0.1.70 10.3.3.3 172.16.5.5 172.16.5.6 172.31.0.1 ' +
  '192.0.2.1 192.0.2.9 192.0.2.77 200.1.1.1 127.0.0.1'
).split(' ');

const device = fc.constantFrom(...DEVICES);
const nextHop = fc.oneof(
  device.map((dev) => `dev ${dev}`),
  device.map((dev) => `via ${GATEWAY[dev]} dev ${dev}`),
  fc.tuple(device, fc.constantFrom(...LOCAL)).map(([dev, own]) => `via ${GATEWAY[dev]} dev ${dev} src ${own}`),
  device.map((dev) => `via 203.0.113.9 dev ${dev} onlink`),
  fc.constantFrom(11, 12, 13, 14, 15).map((id) => `nhid ${id}`),
);
const target = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant(''), nextHop) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('blackhole', 'unreachable', 'prohibit', 'throw'), fc.constant('')) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('local'), fc.constant('dev lo')) },
  { weight: 1, arbitrary: fc.constant(['', `nexthop via ${GATEWAY.d0} nexthop via ${GATEWAY.d1}`] as const) },
);
const route = fc
  .tuple(fc.constantFrom(...PREFIXES), target, fc.constantFrom('main', 'main', '100', '200', 'local'), fc.nat(3))
  // What `throw` means in table local depends on whether the namespace ever had a rule: the model does not know.
  .filter(([, [type], table]) => type !== 'throw' || table !== 'local')
  .map(([prefix, [type, hop], table, metric]) =>
    // Next hops come last: ip(8) takes what follows for their own words.
    `route add ${type} ${prefix} table ${table} proto static metric ${metric} ${hop}`.trim(),
  );
const selector = fc.oneof(
  fc.constantFrom(...PREFIXES.slice(1), ...LOCAL.map((own) => `${own}/32`)).map((prefix) => `from ${prefix}`),
  fc.constantFrom(...PREFIXES.slice(1)).map((prefix) => `to ${prefix}`),
  fc.constantFrom(...DEVICES, 'lo').map((dev) => `iif ${dev}`),
  device.map((dev) => `oif ${dev}`),
  fc.constantFrom('fwmark 1', 'fwmark 0x10/0x10', 'fwmark 0x80000000', 'fwmark 0x11/0xff'),
  fc.constantFrom('tos 0x10', 'ipproto icmp', 'ipproto tcp', 'ipproto udp dport 53'),
);
const ACTIONS = [
  ...['lookup 100', 'lookup 100', 'lookup 200', 'lookup main', 'blackhole', 'unreachable', 'prohibit'],
  ...[
    'lookup main suppress_prefixlength 0',
    'lookup 100 suppress_prefixlength 23',
    'lookup 200 suppress_prefixlength 24',
  ],
  ...['goto 300', 'goto 500', 'goto 32766', 'goto 777', 'nop'],
];
const rule = fc
  .tuple(
    fc.uniqueArray(selector, { maxLength: 2, selector: (text) => text.split(' ')[0] }),
    fc.constantFrom(...ACTIONS),
    fc.constantFrom('', '', '', 'not '),
  )
  .map(
    ([selectors, action, not]) => `${selectors.length > 0 ? not : ''}${selectors.join(' ') || 'from all'} ${action}`,
  );
const question: fc.Arbitrary<RouteQuery> = fc.oneof(
  fc.record({ destination: fc.constantFrom(...DESTINATIONS) }),
  fc.record({ destination: fc.constantFrom(...DESTINATIONS), outputInterface: device }),
  fc.record({ destination: fc.constantFrom(...DESTINATIONS), source: fc.constantFrom(...LOCAL) }),
  fc.record({
    destination: fc.constantFrom(...DESTINATIONS),
    source: fc.constantFrom(...LOCAL),
    outputInterface: device,
  }),
  fc.record({ destination: fc.constantFrom(...DESTINATIONS), mark: fc.constantFrom(1, 0x10, 0x11, 0x80000000) }),
  fc.record({
    destination: fc.constantFrom(...DESTINATIONS),
    source: fc.constantFrom(...REMOTE),
    inputInterface: device,
  }),
);

const SCENARIOS = 60;
const SEED = Number(process.env.VDIAG_SEED ?? 20);

describe.skipIf(!mayMakeNamespaces)('the routing decision is the kernel’s', () => {
  let network: PrivateNetwork;
  beforeAll(async () => {
    network = await privateNetwork(BUILD);
  });
  afterAll(() => network.close());

  /** Runs `ip` commands, one a line, and goes on after one that fails. Returns what each printed, in their order. */
  const ip = (lines: readonly string[]): string[] => {
    const words = ['-t', String(network.pid), '-n', '-m', 'ip', '-j', '-d', '-force', '-batch', '-'];
    const { stdout, stderr } = spawnSync('nsenter', words, { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
    const failed = new Map<number, string>();
    let reason = '';
    for (const line of stderr.split('\n')) {
      const at = /^Command failed -:(\d+)/.exec(line)?.[1];
      if (at === undefined) reason = line;
      else failed.set(Number(at), reason);
    }
    const printed = stdout.split('\n').filter((line) => line.trim() !== '');
    return lines.map((_, index) => failed.get(index + 1) ?? printed.shift() ?? '');
  };

  const compare = async (setup: readonly string[], questions: readonly RouteQuery[]): Promise<number> => {
    ip(['route flush table all proto static', ...OBJECTS, ...setup]);
    const { namespaces } = await takeTopology({ start: network.netns, home: network.netns });
    const [namespace] = namespaces;
    if (!namespace) throw new Error('no namespace');
    const told = ip(['fibmatch ', ''].flatMap((how) => questions.map((query) => `route get ${how}${wordsOf(query)}`)));
    const [answers, ways] = [told.slice(0, questions.length), told.slice(questions.length)];
    let certain = 0;
    for (const [index, query] of questions.entries()) {
      const found = findRoute(namespace, query);
      if (found?.uncertain !== undefined) continue;
      certain++;
      const state = () => network.run('ip rule; ip route show table all proto static');
      const kernel = kernelAnswer(answers[index] ?? '', query);
      if (modelAnswer(found) !== kernel)
        expect(modelAnswer(found), `ip route get ${wordsOf(query)}\n${state()}`).toBe(kernel);
      const [way] = ways[index]?.startsWith('[') ? JSON.parse(ways[index]) : [];
      if (!way || !found?.device || found.type !== 'unicast' || query.source || query.inputInterface) continue;
      const source = found.source ?? chooseSource(namespace, found.device, found.gateway ?? query.destination);
      if (source !== way.prefsrc)
        expect(source, `source of ip route get ${wordsOf(query)}\n${state()}`).toBe(way.prefsrc);
    }
    return certain;
  };

  it('by longest prefix and metric, without rules', { timeout: 120_000 }, async () => {
    let certain = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(route, { maxLength: 12 }),
        fc.array(question, { minLength: 12, maxLength: 12 }),
        async (routes, questions) => {
          certain += await compare(routes, questions);
        },
      ),
      { numRuns: SCENARIOS, seed: SEED, endOnFailure: process.env.VDIAG_SEED === undefined },
    );
    expect(certain).toBeGreaterThan(SCENARIOS * 9);
  });

  it('by rules and tables', { timeout: 120_000 }, async () => {
    let certain = 0;
    const defaults = ['rule flush', 'rule add pref 32766 lookup main', 'rule add pref 32767 lookup default'];
    await fc.assert(
      fc.asyncProperty(
        fc.array(route, { maxLength: 12 }),
        fc.array(rule, { minLength: 1, maxLength: 5 }),
        fc.array(question, { minLength: 12, maxLength: 12 }),
        async (routes, rules, questions) => {
          const numbered = rules.map((text, index) => `rule add pref ${100 * (index + 1)} ${text}`);
          certain += await compare([...defaults, ...routes, ...numbered], questions);
        },
      ),
      { numRuns: SCENARIOS, seed: SEED, endOnFailure: process.env.VDIAG_SEED === undefined },
    );
    expect(certain).toBeGreaterThan(SCENARIOS * 9);
  });
});

function wordsOf({ destination, source, inputInterface, outputInterface, mark }: RouteQuery): string {
  return [
    destination,
    source === undefined ? '' : `from ${source}`,
    inputInterface === undefined ? '' : `iif ${inputInterface}`,
    outputInterface === undefined ? '' : `oif ${outputInterface}`,
    mark === undefined ? '' : `mark ${mark}`,
    'ipproto icmp',
  ]
    .filter((word) => word !== '')
    .join(' ');
}

/** No route and a forbidding one are one answer: which of them it was is told by another error for input and output. */
const NONE = 'none';

function modelAnswer(found: RouteFound | undefined): string {
  if (!found || ['blackhole', 'unreachable', 'prohibit', 'throw'].includes(found.type)) return NONE;
  const { route: matched, type, device: dev = '', gateway = '' } = found;
  return [type, matched.destination, `table ${tableOf(matched.table)}`, `metric ${matched.metric}`, dev, gateway]
    .join(' ')
    .trim();
}

/** Until the first rule is added, the kernel keeps `local` and `main` in one table and tells of `main` for both. */
function tableOf(name = 'main'): string {
  return name === 'local' ? 'main' : name;
}

function kernelAnswer(text: string, { outputInterface }: RouteQuery): string {
  if (!text.startsWith('[')) return NONE;
  const [answer] = JSON.parse(text);
  const hop = answer.nexthops?.find(({ dev = '' }) => dev === outputInterface) ?? answer;
  const destination =
    answer.dst === 'default' ? '0.0.0.0/0' : answer.dst.includes('/') ? answer.dst : `${answer.dst}/32`;
  return [
    answer.type ?? 'unicast',
    destination,
    `table ${tableOf(answer.table)}`,
    `metric ${answer.metric ?? 0}`,
    hop.dev ?? '',
    hop.gateway ?? '',
  ]
    .join(' ')
    .trim();
}
