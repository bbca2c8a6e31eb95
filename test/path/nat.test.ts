/** Address translation on the way: which rule takes the packet, what becomes of it, and whether its answer is turned back. */
import { describe, expect, it } from 'vitest';
import { type EchoQuery, expectPath } from '../../src/path/expect.ts';
import type { TranslationGate } from '../../src/path/gate.ts';
import type { Path } from '../../src/path/model.ts';
import type { Topology } from '../../src/topology/model.ts';
import { at } from '../trace/frames.ts';
import {
  type ChainSketch,
  daddr,
  dnat,
  masquerade,
  oifname,
  post,
  pre,
  range,
  redirect,
  ruleset,
  saddr,
  snat,
  sometimes,
} from './nat-rules.ts';
import { macOf, type NamespaceSketch, topology } from './topology.ts';

const forwards = { 'ipv4.ip_forward': 1, 'ipv4.conf.all.forwarding': 1 };
const on = { ipv4: { forwarding: 1 } };

//   c1:eth0 10.9.0.2 --- vA \                        / up0 192.0.2.1 --- far:eth0 192.0.2.2   (knows 192.0.2.0/24 alone)
//                            br0 10.9.0.1 (home) ---<
//   c2:eth0 10.9.0.3 --- vB /
function network(rules: readonly ChainSketch[], home: NamespaceSketch = {}, far: NamespaceSketch = {}): Topology {
  return topology({
    c1: { links: { eth0: { peer: 'vA@home', addresses: ['10.9.0.2/24'] } }, routes: ['default via 10.9.0.1 dev eth0'] },
    home: {
      links: {
        vA: { peer: 'eth0@c1', master: 'br0' },
        vB: { peer: 'eth0@c2', master: 'br0' },
        br0: { kind: 'bridge', addresses: ['10.9.0.1/24'], ...on },
        up0: { peer: 'eth0@far', addresses: ['192.0.2.1/24', '192.0.2.10/24'], ...on },
      },
      nftables: ruleset(...rules),
      ...home,
      sysctls: { ...forwards, ...home.sysctls },
    },
    c2: { links: { eth0: { peer: 'vB@home', addresses: ['10.9.0.3/24'] } }, routes: ['default via 10.9.0.1 dev eth0'] },
    far: { links: { eth0: { peer: 'up0@home', addresses: ['192.0.2.2/24'] } }, ...far },
  });
}

function path(built: Topology, destination: string, more: Partial<EchoQuery> = {}): Path {
  return expectPath(built, { start: at('eth0@c1'), destination, ...more });
}

/** The echo's legs by their addresses. */
function echoes({ legs }: Path): string[] {
  return legs
    .filter(({ kind }) => kind.startsWith('echo'))
    .map(({ kind, source, destination }) => `${kind === 'echo-reply' ? 'reply' : 'request'} ${source} > ${destination}`)
    .filter((line, index, all) => line !== all[index - 1]);
}

function translations({ legs }: Path): TranslationGate[] {
  return legs.flatMap(({ steps }) =>
    steps.flatMap((step) => (step.kind === 'gate' && step.gate.kind === 'translation' ? [step.gate] : [])),
  );
}

const reasons = (found: Path) => translations(found).map(({ reason, verdict }) => `${reason} ${verdict}`);

describe('sources', () => {
  it('masqueraded, take the address of the way out, and the reply is turned back', () => {
    const found = path(network([post([saddr('10.9.0.0/24'), oifname('up0'), masquerade])]), '192.0.2.2');
    expect(echoes(found)).toEqual([
      'request 10.9.0.2 > 192.0.2.2',
      'request 192.0.2.1 > 192.0.2.2',
      'reply 192.0.2.2 > 192.0.2.1',
      'reply 192.0.2.2 > 10.9.0.2',
    ]);
    expect(found.end).toBe('delivered');
    expect(translations(found)[0]?.facts[0]?.text).toBe(
      '10.9.0.2 > 192.0.2.2 becomes 192.0.2.1 > 192.0.2.2 where up0@home is: rule 1 (handle 1) of chain ip nat post (ip saddr 10.9.0.0/24 oifname "up0" masquerade)',
    );
  });

  it('that no rule asks for stay as they are, and far has no way back', () => {
    for (const rule of [
      [saddr('10.8.0.0/24'), masquerade],
      [oifname('up1'), masquerade],
      [saddr('10.9.0.0/24', '!='), masquerade],
    ]) {
      const found = path(network([post(rule)]), '192.0.2.2');
      expect(translations(found)).toEqual([]);
      expect(found.end).toBe('stopped');
    }
  });

  it('are left alone by a rule that accepts before', () => {
    expect(translations(path(network([post([{ accept: null }], [masquerade])]), '192.0.2.2'))).toEqual([]);
  });

  it('are translated by the chain of the lower priority', () => {
    const late: ChainSketch = { name: 'late', table: 'other', hook: 'postrouting', prio: 101, rules: [[masquerade]] };
    expect(echoes(path(network([late, post([snat('192.0.2.10')])]), '192.0.2.2'))[1]).toBe(
      'request 192.0.2.10 > 192.0.2.2',
    );
  });

  it('are translated in a chain that is jumped to', () => {
    const chains = [
      post([{ jump: { target: 'masq' } }]),
      { name: 'masq', rules: [[saddr('10.1.0.0/16'), { accept: null }], [masquerade]] },
    ];
    expect(path(network(chains), '192.0.2.2').end).toBe('delivered');
  });

  it('masqueraded where no device has an address are dropped', () => {
    const found = expectPath(
      topology({
        c1: {
          links: { eth0: { peer: 'vA@home', addresses: ['10.9.0.2/24'] } },
          routes: ['default via 10.9.0.1 dev eth0'],
          neighbours: [`10.9.0.1 dev eth0 lladdr ${macOf(1, 2)} PERMANENT`],
        },
        home: {
          links: { vA: { peer: 'eth0@c1', ...on }, up0: { peer: 'eth0@far', ...on } },
          routes: ['10.9.0.0/24 dev vA', '192.0.2.0/24 dev up0'],
          neighbours: ['192.0.2.2 dev up0 lladdr 02:00:00:00:02:02 PERMANENT'],
          sysctls: forwards,
          nftables: ruleset(post([masquerade])),
        },
        far: { links: { eth0: { peer: 'up0@home', addresses: ['192.0.2.2/24'] } } },
      }),
      { start: at('eth0@c1'), destination: '192.0.2.2', source: '10.9.0.2' },
    );
    expect(reasons(found)).toEqual(['no-address stop']);
  });

  it('of another owner: the reply ends there', () => {
    //   far2:eth0 192.0.2.7 hangs on the same segment as far
    const built = topology({
      c1: {
        links: { eth0: { peer: 'vA@home', addresses: ['10.9.0.2/24'] } },
        routes: ['default via 10.9.0.1 dev eth0'],
      },
      home: {
        links: {
          vA: { peer: 'eth0@c1', addresses: ['10.9.0.1/24'], ...on },
          up0: { peer: 's1@hub', addresses: ['192.0.2.1/24'], ...on },
        },
        sysctls: forwards,
        nftables: ruleset(post([snat('192.0.2.7')])),
      },
      hub: {
        links: {
          s1: { peer: 'up0@home', master: 'sw' },
          s2: { peer: 'eth0@far', master: 'sw' },
          s3: { peer: 'eth0@far2', master: 'sw' },
          sw: { kind: 'bridge' },
        },
      },
      far: { links: { eth0: { peer: 's2@hub', addresses: ['192.0.2.2/24'] } } },
      far2: { links: { eth0: { peer: 's3@hub', addresses: ['192.0.2.7/24'] } } },
    });
    const found = path(built, '192.0.2.2');
    expect(found.end).toBe('stopped');
    expect(translations(found).at(-1)).toMatchObject({
      reason: 'elsewhere',
      place: { netns: 'far2', name: 'eth0' },
      to: { source: '192.0.2.2', destination: '10.9.0.2' },
      translator: { netns: 'home', name: 'vA' },
    });
  });

  it('from a range are known once they were sighted', () => {
    const built = network([post([snat(range('192.0.2.10', '192.0.2.12'))])]);
    expect(path(built, '192.0.2.2').end).toBe('unknown');
    const sightedAs = new Map([['home', [{ source: '192.0.2.10', destination: '192.0.2.2' }]]]);
    expect(path(built, '192.0.2.2', { sightedAs }).end).toBe('delivered');
  });

  it('that perhaps a rule takes are not decided', () => {
    const built = network([post([sometimes, snat('192.0.2.10')])]);
    expect(reasons(path(built, '192.0.2.2'))).toContain('undecided unknown');
    const sightedAs = new Map([['home', [{ source: '192.0.2.10', destination: '192.0.2.2' }]]]);
    expect(echoes(path(built, '192.0.2.2', { sightedAs }))[1]).toBe('request 192.0.2.10 > 192.0.2.2');
  });
});

describe('destinations', () => {
  it('are turned before the routing decision, and back in the reply', () => {
    const found = expectPath(
      network([pre([daddr('192.0.2.10'), dnat('10.9.0.3')])], {}, { routes: ['default via 192.0.2.1 dev eth0'] }),
      {
        start: at('eth0@far'),
        destination: '192.0.2.10',
      },
    );
    expect(echoes(found)).toEqual([
      'request 192.0.2.2 > 192.0.2.10',
      'request 192.0.2.2 > 10.9.0.3',
      'reply 10.9.0.3 > 192.0.2.2',
      'reply 192.0.2.10 > 192.0.2.2',
    ]);
    expect(found.end).toBe('delivered');
  });

  it('come from a map, and what is not in it goes to the next rule', () => {
    const map = {
      map: { key: { payload: { protocol: 'ip', field: 'daddr' } }, data: { set: [['192.0.2.11', '10.9.0.3']] } },
    };
    const built = (last: readonly unknown[]) => network([pre([dnat(map)], last)]);
    expect(echoes(path(built([redirect]), '192.0.2.11'))[1]).toBe('request 10.9.0.2 > 10.9.0.3');
    expect(echoes(path(built([daddr('192.0.2.12'), redirect]), '192.0.2.12')).at(-1)).toBe(
      'reply 192.0.2.12 > 10.9.0.2',
    );
  });

  it('from their own network: the answer comes round the router, from another address', () => {
    const found = path(network([pre([daddr('192.0.2.10'), dnat('10.9.0.3')])]), '192.0.2.10');
    expect(found.end).toBe('stopped');
    expect(translations(found).at(-1)).toMatchObject({
      reason: 'bypassed',
      from: { source: '10.9.0.3', destination: '10.9.0.2' },
      to: { source: '192.0.2.10', destination: '10.9.0.2' },
      translator: { netns: 'home', name: 'br0' },
    });
  });

  it('from their own network, masqueraded as well: by the router, both ways', () => {
    const rules = [
      pre([daddr('192.0.2.10'), dnat('10.9.0.3')]),
      post([saddr('10.9.0.0/24'), daddr('10.9.0.3'), masquerade]),
    ];
    const found = path(network(rules), '192.0.2.10');
    expect(found.end).toBe('delivered');
    expect(echoes(found).at(-1)).toBe('reply 192.0.2.10 > 10.9.0.2');
  });

  it('from their own network, with bridged replies shown to conntrack', () => {
    const sysctls = { 'bridge.bridge-nf-call-iptables': 1 };
    const found = path(network([pre([daddr('192.0.2.10'), dnat('10.9.0.3')])], { sysctls }), '192.0.2.10');
    expect(reasons(found)).toEqual(['translated pass', 'answer pass']);
    expect(found.end).toBe('delivered');
  });

  it('of what the router sends itself are turned at output', () => {
    const output: ChainSketch = {
      name: 'out',
      hook: 'output',
      prio: -100,
      rules: [[daddr('10.9.0.77'), dnat('10.9.0.3')]],
    };
    const found = expectPath(network([output]), { start: at('br0@home'), destination: '10.9.0.77' });
    expect(echoes(found)).toEqual([
      'request 10.9.0.1 > 10.9.0.77',
      'request 10.9.0.1 > 10.9.0.3',
      'reply 10.9.0.3 > 10.9.0.1',
    ]);
    expect(found.end).toBe('delivered');
  });
});
