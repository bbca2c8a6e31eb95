import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chainsOf, type Family, type FilterPacket, type Ruling, rule } from '../../src/path/ruleset.ts';
import type { Filters } from '../../src/topology/model.ts';

const ECHO: FilterPacket = {
  inputInterface: 'vA',
  outputInterface: 'vB',
  bridge: 'br0',
  tracked: true,
  etherSource: '02:00:00:00:00:01',
  etherDestination: '02:00:00:00:00:02',
  carries: { kind: 'echo-request', source: '10.9.0.2', destination: '10.9.0.3' },
};
const REPLY: FilterPacket = { ...ECHO, carries: { kind: 'echo-reply', source: '10.9.0.3', destination: '10.9.0.2' } };
const ARP: FilterPacket = { ...ECHO, carries: { ...ECHO.carries, kind: 'arp-request' } };

const decide = (filters: Filters, packet = ECHO, family: Family = 'ip'): Ruling | undefined =>
  rule(chainsOf(filters), [family], 'forward', packet);
const verdict = (...given: Parameters<typeof decide>) => decide(...given)?.verdict;

/** A ruleset with one chain at forward, and others it may jump to. */
function nft(
  rules: readonly (readonly unknown[])[],
  {
    policy = 'accept',
    family = 'ip',
    others = {},
  }: { policy?: string; family?: string; others?: Record<string, unknown[][]> } = {},
): Filters {
  const at = { family, table: 't' };
  const rulesOf = (chain: string, list: readonly (readonly unknown[])[]) =>
    list.map((expr, index) => ({ rule: { ...at, chain, handle: index + 10, expr } }));
  return {
    nftables: [
      { metainfo: {} },
      { table: { family, name: 't' } },
      { chain: { ...at, name: 'c', type: 'filter', hook: 'forward', prio: 0, policy } },
      ...Object.keys(others).map((name) => ({ chain: { ...at, name } })),
      { set: { ...at, name: 'few', elem: ['10.9.0.3', { elem: { val: '10.9.0.4', timeout: 9 } }] } },
      ...rulesOf('c', rules),
      ...Object.entries(others).flatMap(([name, list]) => rulesOf(name, list)),
    ],
  };
}
const DROP = { drop: null };
const ACCEPT = { accept: null };
const match = (left: unknown, right: unknown, op = '==') => ({ match: { op, left, right } });
const meta = (key: string, right: unknown, op?: string) => match({ meta: { key } }, right, op);
const field = (name: string, right: unknown, op?: string) => {
  const [protocol = '', ...rest] = name.split(' ');
  return match({ payload: { protocol, field: rest.join(' ') } }, right, op);
};

describe('a chain', () => {
  it('that is not there says nothing', () => {
    expect(decide({})).toBeUndefined();
    expect(decide(nft([[DROP]]), ECHO, 'bridge')).toBeUndefined();
  });

  it('drops by its policy, or by the first rule that matches', () => {
    expect(verdict(nft([]))).toBe('pass');
    expect(decide(nft([], { policy: 'drop' }))).toMatchObject({
      verdict: 'stop',
      stopper: { family: 'ip', table: 't', chain: 'c', base: 'c', legacy: false },
    });
    expect(
      decide(
        nft([
          [meta('iifname', 'vX'), DROP],
          [meta('iifname', 'vA'), DROP],
        ]),
      )?.stopper,
    ).toMatchObject({
      handle: 11,
      position: 2,
      specific: true,
    });
    expect(verdict(nft([[meta('iifname', 'vA'), ACCEPT], [DROP]]))).toBe('pass');
  });

  it('jumps and comes back, goes and does not', () => {
    const other = { x: [[meta('iifname', 'vX'), DROP], [{ return: null }], [DROP]] };
    expect(verdict(nft([[{ jump: { target: 'x' } }], [DROP]], { others: other }))).toBe('stop');
    expect(verdict(nft([[{ goto: { target: 'x' } }], [DROP]], { others: other }))).toBe('pass');
    expect(verdict(nft([[{ jump: { target: 'x' } }]], { others: { x: [[DROP]] } }))).toBe('stop');
    expect(decide(nft([[{ jump: { target: 'x' } }]], { others: { x: [[DROP]] } }))?.stopper).toMatchObject({
      chain: 'x',
      base: 'c',
    });
  });

  it('whose jumps go round is not known', () => {
    expect(verdict(nft([[{ jump: { target: 'x' } }]], { others: { x: [[{ jump: { target: 'x' } }]] } }))).toBe(
      'unknown',
    );
  });

  it('comes after another one: either may drop', () => {
    const both = (first: string, second: string): Filters => ({
      nftables: [
        { chain: { family: 'ip', table: 'a', name: 'c', hook: 'forward', prio: -5, policy: first } },
        { chain: { family: 'ip', table: 'b', name: 'c', hook: 'forward', prio: 5, policy: second } },
      ],
    });
    expect(verdict(both('accept', 'accept'))).toBe('pass');
    expect(decide(both('drop', 'drop'))?.stopper?.table).toBe('a');
    expect(decide(both('accept', 'drop'))?.stopper?.table).toBe('b');
  });
});

describe('what a rule asks for', () => {
  const holds = (expression: unknown, packet = ECHO, family: Family = 'ip') => {
    const said = verdict(nft([[expression, DROP]], { family }), packet, family);
    return said === 'stop' ? true : said === 'pass' ? false : undefined;
  };
  it.each([
    ['an interface', meta('iifname', 'vA'), true],
    ['another interface', meta('iifname', 'vA', '!='), false],
    ['interfaces by their beginning', meta('oifname', 'v*'), true],
    ['one of several', meta('oifname', { set: ['vA', 'vB'] }), true],
    ['an address', field('ip daddr', '10.9.0.3'), true],
    ['a prefix', field('ip saddr', { prefix: { addr: '10.9.0.0', len: 24 } }), true],
    ['another prefix', field('ip saddr', { prefix: { addr: '10.8.0.0', len: 24 } }), false],
    ['a range', field('ip daddr', { set: [{ range: ['10.9.0.3', '10.9.0.7'] }] }), true],
    ['a range that ends before', field('ip daddr', { range: ['10.9.0.0', '10.9.0.2'] }), false],
    ['a named set', field('ip daddr', '@few'), true],
    ['a named set, not', field('ip saddr', '@few'), false],
    ['a set that is not there', field('ip saddr', '@none'), undefined],
    ['the protocol', field('ip protocol', 'icmp'), true],
    ['the protocol by its number', meta('l4proto', 1), true],
    ['the type', field('icmp type', 'echo-request'), true],
    ['another type', field('icmp type', 'echo-reply'), false],
    ['TCP', field('tcp dport', 22), false],
    ['not TCP port 22', field('tcp dport', 22, '!='), false],
    ['IPv6', field('ip6 saddr', '::1'), false],
    ['the connection', match({ ct: { key: 'state' } }, ['established', 'related'], 'in'), false],
    ['a mark', meta('mark', 1), undefined],
    ['some bits', match({ '&': [{ payload: { protocol: 'ip', field: 'saddr' } }, 255] }, 2), undefined],
    ['a rate', { limit: { rate: 5, per: 'second' } }, undefined],
    ['something opaque', { xt: { type: 'match', name: 'string' } }, undefined],
    ['a comment', { xt: { type: 'match', name: 'comment' } }, true],
    ['nothing known', { future: {} }, undefined],
  ])('%s', (_, expression, expected) => {
    expect(holds(expression)).toBe(expected);
  });

  it('of ARP is not asked of IP, nor of IP of ARP', () => {
    expect(holds(field('arp operation', 'request'), ARP, 'bridge')).toBe(true);
    expect(holds(field('arp operation', 'reply'), ARP, 'bridge')).toBe(false);
    expect(holds(field('arp daddr ip', '10.9.0.3'), ARP, 'bridge')).toBe(true);
    expect(holds(field('arp daddr ip', '10.9.0.3', '!='), ECHO, 'bridge')).toBe(false);
    expect(holds(field('ip daddr', '10.9.0.9', '!='), ARP, 'bridge')).toBe(false);
    expect(holds(field('ether type', 'arp'), ARP, 'bridge')).toBe(true);
    expect(holds(field('ether type', 'ip'), ARP, 'bridge')).toBe(false);
    expect(holds(meta('ibrname', 'br0'), ARP, 'bridge')).toBe(true);
  });

  it('of a connection: a request opens it, a reply belongs to it; untracked, nobody knows', () => {
    expect(holds(match({ ct: { key: 'state' } }, 'new', 'in'), { ...ECHO, tracked: false })).toBeUndefined();
    const established = match({ ct: { key: 'state' } }, 'established', 'in');
    expect(holds(established, REPLY)).toBe(true);
    expect(holds(match({ ct: { key: 'state' } }, 'new', 'in'))).toBe(true);
    const map = {
      vmap: {
        key: { ct: { key: 'state' } },
        data: {
          set: [
            ['established', ACCEPT],
            ['new', DROP],
          ],
        },
      },
    };
    expect(verdict(nft([[map]]))).toBe('stop');
    expect(verdict(nft([[map]], { policy: 'drop' }), REPLY)).toBe('pass');
  });
});

describe('what is not known', () => {
  const maybe = meta('mark', 1);
  it('becomes no verdict', () => {
    expect(verdict(nft([[maybe, ACCEPT]], { policy: 'drop' }))).toBe('unknown');
    expect(verdict(nft([[maybe, DROP]]))).toBe('unknown');
  });

  it('does not matter where it comes to the same', () => {
    expect(verdict(nft([[maybe, DROP]], { policy: 'drop' }))).toBe('stop');
    expect(verdict(nft([[maybe, ACCEPT]]))).toBe('pass');
    expect(verdict(nft([[DROP], [maybe, ACCEPT]]))).toBe('stop');
  });

  it('never turns into a drop, whatever else is in the chain', () => {
    const known = fc.constantFrom(meta('iifname', 'vA'), meta('iifname', 'vX'), field('tcp dport', 1));
    const statement = fc.constantFrom(ACCEPT, DROP, { return: null }, { counter: null });
    const rules = fc.array(fc.tuple(known, statement), { maxLength: 6 });
    fc.assert(
      fc.property(rules, fc.constantFrom('accept', 'drop'), fc.nat(6), statement, (list, policy, place, does) => {
        const certain = verdict(nft(list, { policy }));
        const added = list.toSpliced(place, 0, [maybe as never, does as never]);
        const either = verdict(nft(added, { policy }));
        // With the rule, or without it: what both say is certain, else it is not known.
        const taken = verdict(nft(list.toSpliced(place, 0, [{ counter: null } as never, does as never]), { policy }));
        expect(either).toBe(taken === certain ? certain : 'unknown');
      }),
    );
  });
});

describe('rules that iptables-nft and ebtables-nft made', () => {
  const xt = { xt: { type: 'match', name: 'physdev' } };
  const bridged = { ...ECHO, physicalInput: 'vA', physicalOutput: 'vB', inputInterface: 'br0', outputInterface: 'br0' };
  const listing = (...lines: string[]) => ['*t', ':c ACCEPT [0:0]', ...lines, 'COMMIT'].join('\n');
  it('are read from their own listing', () => {
    const of = (line: string): Filters => ({ ...nft([[xt, DROP]]), iptablesNft: listing(line) });
    expect(verdict(of('-A c -m physdev --physdev-is-bridged -j DROP'), bridged)).toBe('stop');
    expect(verdict(of('-A c -m physdev --physdev-in vZ -j DROP'), bridged)).toBe('pass');
    expect(verdict(of('-A c -p icmp -m icmp --icmp-type 8 -m comment --comment "a -j b" -j DROP'))).toBe('stop');
    expect(verdict(of('-A c -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP'))).toBe('stop');
    expect(verdict(of('-A c -m recent --rcheck --name x --rsource -j DROP'))).not.toBe('stop');
  });

  it('are not decided where the listings do not agree, or there is none', () => {
    expect(verdict(nft([[xt, DROP]]))).toBe('unknown');
    expect(verdict({ ...nft([[xt, DROP]]), iptablesNft: listing() })).toBe('unknown');
  });

  it('of a bridge look at ARP and IP', () => {
    const of = (line: string): Filters => ({ ...nft([[xt, DROP]], { family: 'bridge' }), ebtablesNft: listing(line) });
    const said = (line: string, packet = ECHO) => verdict(of(line), packet, 'bridge');
    expect(said('-A c -p IPv4 -o vB --ip-proto icmp -j DROP')).toBe('stop');
    expect(said('-A c -p IPv4 -o vB --ip-proto icmp -j DROP', ARP)).toBe('pass');
    expect(said('-A c -p ARP --arp-op Request --arp-ip-dst ! 10.9.0.3 -j DROP', ARP)).toBe('pass');
    expect(said('-A c -p ARP --arp-op Request --arp-ip-dst 10.9.0.0/24 -j DROP', ARP)).toBe('stop');
  });
});

it.each([
  ['nft', { notrack: null }],
  ['iptables', { xt: { type: 'target', name: 'CT' } }],
])('a chain that takes packets out of conntrack says so: %s', (_, expression) => {
  expect(chainsOf(nft([[expression]])).map(({ untracks }) => untracks)).toEqual([true]);
  expect(chainsOf(nft([[DROP]])).map(({ untracks }) => untracks)).toEqual([false]);
});

describe('legacy tables', () => {
  const saved = (...lines: string[]): Filters => ({
    nftables: [],
    iptablesLegacy: ['*filter', ':FORWARD DROP [1:2]', ':mine - [0:0]', ...lines, 'COMMIT'].join('\n'),
  });
  it('are read from their listing', () => {
    expect(decide(saved())?.stopper).toMatchObject({ table: 'filter', chain: 'FORWARD', legacy: true });
    expect(verdict(saved('[5:6] -A FORWARD -i v+ -j ACCEPT'))).toBe('pass');
    expect(verdict(saved('-A FORWARD -j mine', '-A mine -s 10.9.0.0/24 ! -d 10.9.0.9/32 -j ACCEPT'))).toBe('pass');
    expect(decide(saved('-A FORWARD -j LOG', '-A FORWARD -p icmp -j REJECT'))?.stopper?.position).toBe(2);
  });
});

it('any ruleset is read without an error', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.string(), (nftables, text) => {
      const filters: Filters = { nftables, iptablesLegacy: text, iptablesNft: text };
      expect(['pass', 'stop', 'unknown', undefined]).toContain(verdict(filters));
    }),
  );
});
