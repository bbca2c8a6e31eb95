/** Routes that forbid, and routes that lead astray: which of several causes is named, and what the cure is. */
import { describe, expect, it } from 'vitest';
import { predict } from '../../src/diagnose/predict.ts';
import type { EchoQuery } from '../../src/path/expect.ts';
import { type NamespaceSketch, topology } from '../path/topology.ts';

//   pc: eth0 10.1.0.2 ─── in0 10.1.0.1 :gw: lan0 10.2.0.1/16 ─── eth0 10.2.7.9/16 :srv
//                                        vpn0 10.3.0.1/24 ─── tun0 10.3.0.2 :away
const QUERY: EchoQuery = { start: { netns: 'pc', name: 'eth0' }, destination: '10.2.7.9' };

function network(edit: {
  readonly gw?: Partial<NamespaceSketch>;
  readonly srv?: Partial<NamespaceSketch>;
  readonly away?: Partial<NamespaceSketch>;
  readonly pc?: Partial<NamespaceSketch>;
}) {
  const forwards = { 'ipv4.ip_forward': 1, 'ipv4.conf.all.forwarding': 1 };
  const on = { ipv4: { forwarding: 1 } };
  return topology({
    pc: {
      links: { eth0: { peer: 'in0@gw', addresses: ['10.1.0.2/24'] } },
      routes: ['default via 10.1.0.1 dev eth0'],
      ...edit.pc,
    },
    gw: {
      links: {
        in0: { peer: 'eth0@pc', addresses: ['10.1.0.1/24'], ...on },
        lan0: { peer: 'eth0@srv', addresses: ['10.2.0.1/16'], ...on },
        vpn0: { peer: 'tun0@away', addresses: ['10.3.0.1/24'], ...on },
      },
      sysctls: forwards,
      ...edit.gw,
    },
    srv: {
      links: { eth0: { peer: 'lan0@gw', addresses: ['10.2.7.9/16'] } },
      routes: ['default via 10.2.0.1 dev eth0'],
      ...edit.srv,
    },
    away: {
      links: { tun0: { peer: 'vpn0@gw', addresses: ['10.3.0.2/24'], ...on } },
      sysctls: forwards,
      ...edit.away,
    },
  });
}

/** The rules that are named, and the commands of the first. */
function named(...given: Parameters<typeof network>) {
  const { findings, outcome } = predict(QUERY, network(...given));
  return {
    outcome,
    rules: findings.map(({ rule }) => rule),
    commands: findings[0]?.remedies[0]?.commands ?? [],
    title: findings[0]?.title ?? '',
  };
}

const rule = (text: { priority: number; from?: string; table: string }) => ({ ...text, undecidable: [] });
const TABLES = [
  rule({ priority: 0, table: 'local' }),
  rule({ priority: 100, from: '10.1.0.0/24', table: '100' }),
  rule({ priority: 32766, table: 'main' }),
];

describe('a route that leads to the wrong interface', () => {
  it('is one that is narrower than the way to the target', () => {
    const { rules, commands, title } = named({ gw: { routes: ['10.2.7.0/24 via 10.3.0.2 dev vpn0'] } });
    expect(rules).toEqual(['route-wrong-interface']);
    expect(commands).toEqual(['ip -n gw route del 10.2.7.0/24 via 10.3.0.2 dev vpn0']);
    expect(title).toBe(
      'gw sends packets for 10.2.7.9 out of vpn0 (10.2.7.0/24 via 10.3.0.2 dev vpn0), and the way there is by lan0',
    );
  });

  it('may be one that a policy rule leads to: then the rule goes', () => {
    const gw = { rules: TABLES, routes: ['default via 10.3.0.2 dev vpn0 table 100'] };
    const { rules, commands } = named({ gw });
    expect(rules).toEqual(['route-wrong-interface']);
    expect(commands).toEqual(['ip -n gw rule del pref 100 from 10.1.0.0/24 lookup 100']);
  });

  it('is not one of two for the same network, whose gateway is gone', () => {
    const routes = ['10.2.7.0/24 via 10.3.0.9 dev vpn0 metric 10', '10.2.7.0/24 dev lan0 metric 20'];
    expect(named({ gw: { routes } }).rules[0]).toBe('gateway-unreachable');
    const narrower = ['10.2.7.9/32 via 10.3.0.9 dev vpn0'];
    expect(named({ gw: { routes: narrower } }).rules[0]).toBe('route-wrong-interface');
  });

  it('is not one whose interface the target is behind', () => {
    const links = {
      eth0: { peer: 'lan0@gw', addresses: ['10.2.7.9/16'], down: true },
    };
    expect(named({ srv: { links } }).rules[0]).toBe('link-down');
  });

  it('is not the only one there is', () => {
    const routes = ['10.9.0.0/16 via 10.3.0.2 dev vpn0'];
    const { findings } = predict({ ...QUERY, destination: '10.9.0.1' }, network({ gw: { routes } }));
    expect(findings.map((finding) => finding.rule)).not.toContain('route-wrong-interface');
  });
});

describe('routes that lead in a circle', () => {
  const back = { routes: ['default via 10.3.0.1 dev tun0'] };

  it('are cut where one may go', () => {
    const { rules, commands } = named({ gw: { routes: ['10.2.7.0/24 via 10.3.0.2 dev vpn0'] }, away: back });
    expect(rules).toEqual(['ttl-expired']);
    expect(commands).toEqual(['ip -n gw route del 10.2.7.0/24 via 10.3.0.2 dev vpn0']);
  });

  it('get no cure where the target is nobody', () => {
    const topology = network({ gw: { routes: ['10.9.0.0/16 via 10.3.0.2 dev vpn0'] }, away: back });
    const { findings } = predict({ ...QUERY, destination: '10.9.0.1' }, topology);
    expect(findings.map((finding) => finding.rule)).toEqual(['ttl-expired']);
    expect(findings[0]?.remedies).toEqual([]);
  });
});

describe('strict source validation', () => {
  // srv answers by eth1, where away passes on what comes to it, or does not.
  const twoWays = (away: Partial<NamespaceSketch>) =>
    named({
      srv: {
        links: {
          eth0: { peer: 'lan0@gw', addresses: ['10.2.7.9/16'], ipv4: { rp_filter: 1 } },
          eth1: { peer: 'eth0@away', addresses: ['10.4.0.9/24'] },
        },
        routes: ['default via 10.4.0.1 dev eth1'],
      },
      away: {
        links: {
          tun0: { peer: 'vpn0@gw', addresses: ['10.3.0.2/24'] },
          eth0: { peer: 'eth1@srv', addresses: ['10.4.0.1/24'], ipv4: { forwarding: 1 } },
        },
        routes: ['default via 10.3.0.1 dev tun0'],
        ...away,
      },
    });

  it('is loosened where the other way leads back too', () => {
    const { rules, commands } = twoWays({});
    expect(rules).toEqual(['reverse-path-filter']);
    expect(commands).toEqual(['ip netns exec srv sysctl -w net.ipv4.conf.eth0.rp_filter=2']);
  });

  it('gets the right way back where that one leads nowhere', () => {
    const { rules, commands } = twoWays({ sysctls: {}, routes: ['blackhole 10.1.0.0/24'] });
    expect(rules).toEqual(['reverse-path-filter']);
    expect(commands).toEqual(['ip -n srv route add 10.1.0.0/24 via 10.2.0.1']);
  });
});

describe('a route that forbids', () => {
  it.each(['blackhole', 'unreachable', 'prohibit'])('%s is named, and taken away', (type) => {
    const { rules, commands } = named({ gw: { routes: [`${type} 10.2.7.0/24`] } });
    expect(rules).toEqual(['route-blackhole']);
    expect(commands).toEqual([`ip -n gw route del ${type} 10.2.7.0/24`]);
  });

  it('at the sender stands behind the question on the link', () => {
    const pc = { routes: ['default via 10.1.0.1 dev eth0', 'prohibit 10.2.0.0/16 metric 5'] };
    const { rules, commands } = named({ pc });
    expect(rules).toEqual(['route-blackhole']);
    expect(commands).toEqual(['ip -n pc route del prohibit 10.2.0.0/16 metric 5'.replace('-n pc ', '')]);
  });

  it('at the target is seen by source validation first', () => {
    const srv = {
      routes: ['default via 10.2.0.1 dev eth0', 'blackhole 10.1.0.0/24'],
      sysctls: { 'ipv4.conf.all.rp_filter': 1 },
    };
    expect(named({ srv }).rules).toEqual(['route-blackhole']);
  });

  it('gets a narrower one beside it where it stands alone', () => {
    const { rules, commands } = named({ srv: { routes: ['unreachable 0.0.0.0/0'] } });
    expect(rules).toEqual(['route-blackhole']);
    expect(commands).toEqual(['ip -n srv route add 10.1.0.0/24 via 10.2.0.1']);
  });

  it('for another network, or behind a better one, is nothing', () => {
    const gw = { routes: ['blackhole 10.2.8.0/24', 'unreachable 10.0.0.0/8', 'prohibit 10.2.0.0/16 metric 50'] };
    expect(named({ gw })).toMatchObject({ outcome: 'healthy', rules: [] });
  });
});
