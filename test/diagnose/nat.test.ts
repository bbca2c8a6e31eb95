/** Which fault of address translation it is: the model alone, on small networks that differ in one rule. */
import { describe, expect, it } from 'vitest';
import type { Diagnosis } from '../../src/diagnose/finding.ts';
import { predict } from '../../src/diagnose/predict.ts';
import type { Topology } from '../../src/topology/model.ts';
import {
  type ChainSketch,
  daddr,
  dnat,
  masquerade,
  oifname,
  post,
  pre,
  ruleset,
  saddr,
  snat,
} from '../path/nat-rules.ts';
import { topology } from '../path/topology.ts';
import { at } from '../trace/frames.ts';
import { diagnosed } from './recordings.ts';

const on = { ipv4: { forwarding: 1 } };

//   c1:eth0 10.9.0.2 --- vA \
//                            br0 10.9.0.1 | home | up0 UP.1 --- far:eth0 UP.2, which knows its own network alone
//   c2:eth0 10.9.0.3 --- vB /
function network(rules: readonly ChainSketch[], up = '192.0.2', nftables: unknown[] = ruleset(...rules)): Topology {
  const inside = { routes: ['default via 10.9.0.1 dev eth0'] };
  return topology({
    home: {
      links: {
        vA: { peer: 'eth0@c1', master: 'br0' },
        vB: { peer: 'eth0@c2', master: 'br0' },
        br0: { kind: 'bridge', addresses: ['10.9.0.1/24'], ...on },
        up0: { peer: 'eth0@far', addresses: [`${up}.1/24`], ...on },
      },
      sysctls: { 'ipv4.ip_forward': 1, 'ipv4.conf.all.forwarding': 1 },
      nftables,
    },
    c1: { links: { eth0: { peer: 'vA@home', addresses: ['10.9.0.2/24'] } }, ...inside },
    c2: { links: { eth0: { peer: 'vB@home', addresses: ['10.9.0.3/24'] } }, ...inside },
    far: { links: { eth0: { peer: 'up0@home', addresses: [`${up}.2/24`] } } },
  });
}

const named = ({ findings }: Diagnosis) => findings.map(({ rule }) => rule);
const outwards = (built: Topology, destination = '192.0.2.2') => predict({ start: at('eth0@c1'), destination }, built);
const commands = ({ findings }: Diagnosis) => findings[0]?.remedies.flatMap((remedy) => remedy.commands);
const ADDED = `nft add rule ip nat post 'ip saddr 10.9.0.0/24 oifname "up0" masquerade'`;

describe('a request that nobody can answer', () => {
  it.each<[string, readonly ChainSketch[]]>([
    ['for this network, by an interface that is gone', [post([saddr('10.9.0.0/24'), oifname('eth0'), masquerade])]],
    ['for this network, by another interface', [post([saddr('10.9.0.0/24'), oifname('br0'), masquerade])]],
    ['for every network, by an interface that is gone', [post([oifname('ppp0'), masquerade])]],
    ['for a network like it', [post([saddr('10.9.1.0/24'), oifname('up0'), masquerade])]],
    ['for a network like it, to one address', [post([saddr('10.9.8.0/22'), snat('192.0.2.1')])]],
  ])('is one that was to be masqueraded: a rule is there %s', (_, rules) => {
    for (const up of ['192.0.2', '172.16.5']) {
      const found = outwards(network(rules, up), `${up}.2`);
      expect(named(found)).toEqual(['nat-masquerade-missing']);
      expect(commands(found)).toEqual([ADDED]);
    }
  });

  it('is one that was to be masqueraded towards the Internet where any other network is', () => {
    const rules = [post([saddr('172.17.0.0/16'), masquerade])];
    expect(named(outwards(network(rules)))).toEqual(['nat-masquerade-missing']);
    expect(named(outwards(network(rules, '172.16.5'), '172.16.5.2'))).toEqual(['route-return-missing']);
  });

  it('is one without a way back where nothing says that the router masquerades', () => {
    expect(named(outwards(network([])))).toEqual(['route-return-missing']);
    expect(named(outwards(network([post([oifname('br0'), masquerade])], '172.16.5'), '172.16.5.2'))).toEqual([
      'route-return-missing',
    ]);
  });

  it('is one without a way back where the translated source is the unknown one', () => {
    const found = outwards(network([post([snat('198.51.100.1')])]));
    expect(named(found)).toEqual(['route-return-missing']);
    expect(found.findings[0]?.summary).toContain('turns 10.9.0.2 into 198.51.100.1');
  });

  it('is cured in the first place of a chain whose other rules would take it', () => {
    const rules = [post([saddr('10.9.0.0/24'), oifname('eth0'), masquerade], [{ accept: null }])];
    expect(commands(outwards(network(rules)))).toEqual([ADDED.replace('add', 'insert')]);
  });

  it('is cured in a chain of its own where the rule stands in one without a hook', () => {
    const rules: ChainSketch[] = [{ name: 'postrouting', rules: [[saddr('10.9.0.0/24'), oifname('up0'), masquerade]] }];
    const nftables = [{ table: { family: 'ip', name: 'nat' } }, ...ruleset(...rules)];
    expect(commands(outwards(network([], '192.0.2', nftables)))).toEqual([
      "nft add chain ip nat srcnat '{ type nat hook postrouting priority 100 ; }'",
      ADDED.replace(' post ', ' srcnat '),
    ]);
  });

  it('is none where the masquerading matches', () => {
    expect(named(outwards(network([post([saddr('10.9.0.0/24'), oifname('up0'), masquerade])])))).toEqual([]);
  });
});

describe('an address that a rule made', () => {
  it('and nobody has: as destination, and as source', () => {
    const inwards = network([pre([daddr('192.0.2.9'), dnat('10.9.0.77')])]);
    const query = { start: at('eth0@c1'), destination: '192.0.2.9' };
    expect(named(predict(query, inwards))).toEqual(['address-missing']);
    expect(predict(query, inwards).findings[0]?.summary).toContain('turns 192.0.2.9 into 10.9.0.77');
    const outside = outwards(network([post([snat('192.0.2.77')])]));
    expect(named(outside)).toEqual(['address-missing']);
    expect(commands(outside)).toEqual([ADDED.replace('add', 'insert')]);
  });

  it('is answered round the router from its own network, unless masqueraded as well', () => {
    const published = pre([daddr('192.0.2.9'), dnat('10.9.0.3')]);
    const found = outwards(network([published]), '192.0.2.9');
    expect(named(found)).toEqual(['nat-hairpin-missing']);
    expect(commands(found)).toEqual([
      'nft add table ip nat',
      "nft add chain ip nat postrouting '{ type nat hook postrouting priority 100 ; }'",
      `nft add rule ip nat postrouting 'ip saddr 10.9.0.0/24 ip daddr 10.9.0.3 oifname "br0" masquerade'`,
    ]);
    expect(named(outwards(network([published, post([daddr('10.9.0.3'), masquerade])]), '192.0.2.9'))).toEqual([]);
  });
});

describe('on recordings', () => {
  it('an answer that comes from a stranger is a warning, since ping took it', () => {
    const { findings, outcome } = diagnosed('nat-hairpin-missing');
    expect(outcome).toBe('fault');
    expect(findings[0]).toMatchObject({ rule: 'nat-hairpin-missing', severity: 'warning' });
  });

  it('an answer that goes to a stranger is proven where it was sighted', () => {
    expect(diagnosed('nat-source-wrong').findings[0]).toMatchObject({
      rule: 'nat-source-wrong',
      severity: 'fault',
      confidence: 'proven',
    });
  });
});
