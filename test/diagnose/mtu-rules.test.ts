/** Packets that are too long: the recordings of the rules, diagnosed as if the state had been another one. */
import { describe, expect, it } from 'vitest';
import { type DiagnosisInput, diagnose } from '../../src/diagnose/engine.ts';
import { predict } from '../../src/diagnose/predict.ts';
import { codeMeaning } from '../../src/diagnose/unreachable-code.ts';
import type { Namespace, Topology } from '../../src/topology/model.ts';
import { icmpName } from '../../src/wire/icmp-name.ts';
import { inputOf, recorded } from './recordings.ts';

const needed = inputOf(recorded('fragmentation-needed'));
const blackhole = inputOf(recorded('pmtu-blackhole'));

function edited(topology: Topology, id: string, edit: (namespace: Namespace) => Namespace): Topology {
  return {
    ...topology,
    namespaces: topology.namespaces.map((namespace) => (namespace.id === id ? edit(namespace) : namespace)),
  };
}

function withBefore(input: DiagnosisInput, id: string, edit: (namespace: Namespace) => Namespace): DiagnosisInput {
  const after = input.after && edited(input.after, id, edit);
  return { ...input, before: edited(input.before, id, edit), ...(after ? { after } : {}) };
}

const withMtu = (name: string, mtu: number) => (namespace: Namespace) => ({
  ...namespace,
  links: namespace.links.map((link) => (link.name === name ? { ...link, mtu, ipv6: { ...link.ipv6, mtu } } : link)),
});
const unfiltered = (namespace: Namespace) => ({ ...namespace, filters: { nftables: [] } });
const rules = (input: DiagnosisInput) => diagnose(input).findings.map(({ rule }) => rule);

describe('fragmentation-needed', () => {
  it('names the hop, its MTU, who said so, and a route that keeps to it', () => {
    const [root] = diagnose(needed).findings;
    expect(root?.title).toMatch(
      /^packets of 1500 bytes may not be cut, and the router passes on no more than 1400 by out0@edge/,
    );
    expect(root?.confidence).toBe('proven');
    expect(root?.where).toEqual({ netns: 'edge', name: 'out0' });
    expect(root?.evidence.map(({ text }) => text).join('\n')).toContain(
      'the ICMP error "fragmentation needed" (next-hop MTU 1400) from 10.170.1.1 (in0@edge) was last sighted in by eth0@desk',
    );
    expect(root?.remedies[0]?.commands).toEqual(['ip -n desk route replace default via 10.170.1.1 dev eth0 mtu 1400']);
    expect(root?.remedies[0]?.verify).toBe('vdiag ping-trace eth0 10.170.9.9 --netns desk -s 1472');
  });

  it('with -M do raises the MTU, and forgets what was learnt', () => {
    // The later ones were cut by the sender, which it may not do then.
    const exchanges = needed.exchanges.filter((exchange) => exchange.kind !== 'echo' || exchange.sequence === 1);
    const whole = { ...needed, exchanges, query: { ...needed.query, dontFragment: 'do' as const } };
    const [root] = diagnose(whole).findings;
    expect(root?.rule).toBe('fragmentation-needed');
    expect(root?.summary).toContain('With no more than 1372 bytes of data (-s 1372) an echo fits.');
    expect(root?.remedies[0]?.commands).toEqual([
      'ip -n edge link set out0 mtu 1500',
      'ip -n shop link set eth0 mtu 1500',
      'ip -n desk route flush cache',
    ]);
  });

  it('is predicted before anything is sent', () => {
    const { outcome, findings } = predict(needed.query, needed.before);
    expect(outcome).toBe('fault');
    expect(findings[0]).toMatchObject({ rule: 'fragmentation-needed', confidence: 'likely' });
  });

  it('is still the router’s word where the model knows of no small MTU', () => {
    const [root] = diagnose(withBefore(needed, 'edge', withMtu('out0', 1500))).findings;
    expect(root?.title).toMatch(/^10\.170\.1\.1 \(in0@edge\) passes on no more than 1400 bytes/);
  });

  it('is not named where the error is dropped, or nothing is too long', () => {
    expect(rules(blackhole)).toEqual(['pmtu-blackhole']);
    const fits = { ...needed.query, sizeBytes: 1372 };
    expect(predict(fits, needed.before)).toMatchObject({ outcome: 'healthy', findings: [] });
  });
});

describe('pmtu-blackhole', () => {
  it('names what drops the error, and accepts it there', () => {
    const [root] = diagnose(blackhole).findings;
    expect(root?.confidence).toBe('proven');
    expect(root?.where.netns).toBe('app');
    expect(root?.summary).toContain('chain inet guard in');
    expect(root?.remedies[0]?.commands.join('\n')).toMatch(/^ip netns exec app nft (insert|add) rule inet guard in /);
  });

  it('without a rule that is known to drop it is likely, and says where the error was last', () => {
    const [root] = diagnose(withBefore(blackhole, 'app', unfiltered)).findings;
    expect(root).toMatchObject({ rule: 'pmtu-blackhole', confidence: 'likely' });
    expect(root?.summary).toContain('it was last sighted at eth0@app');
  });

  it('is nothing where the sender’s kernel has learnt of the path', () => {
    const pathMtus = [{ family: 4 as const, destination: '10.180.7.5', device: 'eth0', mtu: 1420, locked: false }];
    const after = edited(blackhole.after ?? blackhole.before, 'app', (namespace) => ({ ...namespace, pathMtus }));
    expect(rules({ ...blackhole, after })[0]).toBe('fragmentation-needed');
  });

  it('is predicted from the rules alone, and not without them', () => {
    expect(predict(blackhole.query, blackhole.before).findings[0]?.rule).toBe('pmtu-blackhole');
    const open = edited(blackhole.before, 'app', unfiltered);
    expect(predict(blackhole.query, open).findings[0]?.rule).toBe('fragmentation-needed');
  });
});

describe('icmp-unreachable', () => {
  const refused = inputOf(recorded('icmp-unreachable'));

  it('says who, and what the code says', () => {
    const [root] = diagnose(refused).findings;
    expect(root?.title).toBe('10.185.1.1 refuses the echo request: network unreachable');
    expect(root?.summary).toContain('It says that it has no route to the destination.');
  });

  it('is silent where no error came', () => {
    const mute = refused.exchanges.map((exchange) => {
      if (exchange.kind !== 'echo' || !exchange.probe) return exchange;
      const { error: _, ...probe } = exchange.probe;
      return { ...exchange, errors: [], probe };
    });
    expect(rules({ ...refused, exchanges: mute })).not.toContain('icmp-unreachable');
  });

  it('knows every code of RFC 792, RFC 1812 and RFC 4443 that has a name', () => {
    const unnamed: string[] = [];
    for (const [family, types] of [
      [4, [3, 11, 12]],
      [6, [1, 3, 4]],
    ] as const)
      for (const type of types)
        for (let code = 0; code < 20; code++) {
          const named = !/code \d+$/.test(icmpName(family, type, code));
          const known = codeMeaning(family, type, code) !== undefined;
          if (named && !known) unnamed.push(`${family} ${type}/${code}`);
        }
    expect(unnamed).toEqual([]);
    expect(codeMeaning(4, 5, 0)).toBeUndefined();
    expect(codeMeaning(4, 3, 99)).toBeUndefined();
    expect(codeMeaning(6, 2, 0)).toBeUndefined();
  });
});
