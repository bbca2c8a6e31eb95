/**
 * The model of the IPv6 routing decision against the kernel's own: generated tables and rules are loaded into a namespace of
 * the test's own, and every answer that the model gives as certain must be the one of `ip -6 route get`.
 */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseSource, findRoute, type RouteFound, type RouteQuery } from '../../src/path/fib.ts';
import { takeTopology } from '../../src/topology/collect.ts';
import { mayMakeNamespaces, type PrivateNetwork, privateNetwork } from '../capture/private-network.ts';

//   d0 fd00::1/64 ─── p0      d1 fd00:0:0:1::1/64, fd00:0:0:1::2/64 ─── p1      d2 fd01::1/48 ─── p2      each: fe80::1/64 too
const DEVICES = ['d0', 'd1', 'd2'];
const BUILD = `
  sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
  for i in 0 1 2; do ip link add d$i type veth peer name p$i; ip link set d$i up; ip link set p$i up; done
  for i in 0 1 2; do ip addr add fe80::1/64 dev d$i nodad; done
  ip addr add fd00::1/64 dev d0 nodad
  ip addr add fd00:0:0:1::1/64 dev d1 nodad; ip addr add fd00:0:0:1::2/64 dev d1 nodad
  ip addr add fd01::1/48 dev d2 nodad`;
// With an object go the routes by it, which `route flush` leaves.
const OBJECTS = [
  'nexthop flush',
  'nexthop add id 21 via fd00::9 dev d0',
  'nexthop add id 22 via fe80::9 dev d1',
  'nexthop add id 23 group 21/22',
  'nexthop add id 24 blackhole',
  'nexthop add id 25 dev d2',
];
const LOCAL = ['fd00::1', 'fd00:0:0:1::1', 'fd00:0:0:1::2', 'fd01::1'];
const REMOTE = ['fd00::77', '2001:db8::5', 'fd01::9'];
const GATEWAY: Readonly<Record<string, string>> = { d0: 'fd00::9', d1: 'fe80::9', d2: 'fd01::9' };
const PREFIXES = (
  '::/0 ::/1 fd00::/8 fd00::/48 fd00::/64 fd00::8000/113 fd00::c8/128 fd00:0:0:1::/64 fd00:0:0:1::40/122 ' +
  'fd01::/16 fd01:0:0:5::/64 fd01:0:0:5::5/128 2001:db8::/32 2001:db8::/126 2001:db8::9/128 fd00::1/128'
).split(' ');
const DESTINATIONS = (
  'fd00::1 fd00::7 fd00::8001 fd00::c8 fd00:: fd00:0:0:1::2 fd00:0:0:1::46 fd03::3 fd01:0:0:5::5 fd01:0:0:5::6 fd01:1::1 ' +
  '2001:db8::1 2001:db8::9 2001:db8::77 2606::1 fe80::77 fe80::1 ::1'
).split(' ');

const device = fc.constantFrom(...DEVICES);
const nextHop = fc.oneof(
  device.map((dev) => `dev ${dev}`),
  device.map((dev) => `via ${GATEWAY[dev]} dev ${dev}`),
  device.map((dev) => `via ${GATEWAY[dev]} dev ${dev} pref high expires 600`),
  fc.tuple(device, fc.constantFrom(...LOCAL)).map(([dev, own]) => `via ${GATEWAY[dev]} dev ${dev} src ${own}`),
  device.map((dev) => `via 2001:db8:77::9 dev ${dev} onlink`),
  fc.constantFrom(21, 22, 23, 24, 25).map((id) => `nhid ${id}`),
);
const target = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant(''), nextHop) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('blackhole', 'unreachable', 'prohibit', 'throw'), fc.constant('')) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('local'), fc.constant('dev lo')) },
  {
    weight: 1,
    arbitrary: fc.constant(['', `nexthop via ${GATEWAY.d0} dev d0 nexthop via ${GATEWAY.d1} dev d1`] as const),
  },
);
const route = fc
  .tuple(fc.constantFrom(...PREFIXES), target, fc.constantFrom('main', 'main', '100', '200', 'local'), fc.nat(3))
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
  fc.constantFrom('tos 0x10', 'ipproto ipv6-icmp', 'ipproto tcp', 'ipproto udp dport 53'),
);
const ACTIONS = [
  ...['lookup 100', 'lookup 100', 'lookup 200', 'lookup main', 'blackhole', 'unreachable', 'prohibit'],
  ...[
    'lookup main suppress_prefixlength 0',
    'lookup 100 suppress_prefixlength 48',
    'lookup 200 suppress_prefixlength 64',
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
    nearInterface: device,
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

describe.skipIf(!mayMakeNamespaces)('the IPv6 routing decision is the kernel’s', () => {
  let network: PrivateNetwork;
  beforeAll(async () => {
    network = await privateNetwork(BUILD);
  });
  afterAll(() => network.close());

  /** Runs `ip` commands, one a line, and goes on after one that fails. Returns what each printed, in their order. */
  const ip = (lines: readonly string[]): string[] => {
    const words = ['-t', String(network.pid), '-n', '-m', 'ip', '-6', '-j', '-d', '-force', '-batch', '-'];
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
      const state = () => network.run('ip -6 rule; ip -6 route show table all proto static');
      if (found?.route.nexthopId !== undefined) {
        // Routes of one nexthop object share what the kernel keeps of it: fibmatch may name another one of them.
        const [way] = ways[index]?.startsWith('[') ? JSON.parse(ways[index]) : [];
        const kernel = way ? `${way.dev} ${way.gateway}` : NONE;
        const model = modelAnswer(found) === NONE ? NONE : `${found.device} ${found.gateway}`;
        if (model !== kernel) expect(model, `ip -6 route get ${wordsOf(query)}\n${state()}`).toBe(kernel);
        continue;
      }
      const kernel = kernelAnswer(answers[index] ?? '', query);
      if (modelAnswer(found) !== kernel)
        expect(modelAnswer(found), `ip -6 route get ${wordsOf(query)}\n${state()}`).toBe(kernel);
      const [way] = ways[index]?.startsWith('[') ? JSON.parse(ways[index]) : [];
      if (!way || !found?.device || found.type !== 'unicast' || query.source || query.inputInterface) continue;
      const source = found.source ?? chooseSource(namespace, found.device, query.destination);
      if (source !== way.prefsrc)
        expect(source, `source of ip -6 route get ${wordsOf(query)}\n${state()}`).toBe(way.prefsrc);
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
    const defaults = ['rule flush', 'rule add pref 32766 lookup main'];
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

function wordsOf({ destination, source, inputInterface, outputInterface, nearInterface, mark }: RouteQuery): string {
  const output = outputInterface ?? nearInterface;
  return [
    destination,
    source === undefined ? '' : `from ${source}`,
    inputInterface === undefined ? '' : `iif ${inputInterface}`,
    output === undefined ? '' : `oif ${output}`,
    mark === undefined ? '' : `mark ${mark}`,
    'ipproto ipv6-icmp',
  ]
    .filter((word) => word !== '')
    .join(' ');
}

/** No route and a forbidding one are one answer: which of them it was is told by another error for input and output. */
const NONE = 'none';
const FORBIDS = ['blackhole', 'unreachable', 'prohibit', 'throw'];

function modelAnswer(found: RouteFound | undefined): string {
  if (!found || FORBIDS.includes(found.type)) return NONE;
  const { route: matched, device: dev = '', gateway = '' } = found;
  return [matched.type, matched.destination, `table ${matched.table}`, `metric ${matched.metric}`, dev, gateway]
    .join(' ')
    .trim();
}

function kernelAnswer(text: string, { outputInterface, inputInterface, nearInterface }: RouteQuery): string {
  if (!text.startsWith('[')) return NONE;
  const [answer] = JSON.parse(text);
  if (FORBIDS.includes(answer.type)) return NONE;
  const only = outputInterface ?? inputInterface ?? nearInterface;
  const hop = answer.nexthops?.find(({ dev = '' }) => dev === only) ?? answer;
  const destination = answer.dst === 'default' ? '::/0' : answer.dst.includes('/') ? answer.dst : `${answer.dst}/128`;
  return [
    answer.type ?? 'unicast',
    destination,
    `table ${answer.table ?? 'main'}`,
    `metric ${answer.metric ?? 0}`,
    hop.dev ?? '',
    hop.gateway ?? '',
  ]
    .join(' ')
    .trim();
}
