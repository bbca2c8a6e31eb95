/** What rules write on a packet decides its way: the mark, which policy rules ask for, and the time to live. */
import { describe, expect, it } from 'vitest';
import { expectPath } from '../../src/path/expect.ts';
import type { Gate } from '../../src/path/gate.ts';
import type { Path } from '../../src/path/model.ts';
import type { Topology } from '../../src/topology/model.ts';
import { at } from '../trace/frames.ts';
import { type NamespaceSketch, topology } from './topology.ts';

//   home:eth0 10.1.0.2 --- l 10.1.0.1 | r | m 10.2.0.1 --- t:eth0 10.2.0.2
//                                         | n 10.3.0.1 --- v:eth0 10.3.0.2
function routed(more: { home?: NamespaceSketch; r?: NamespaceSketch; t?: NamespaceSketch } = {}): Topology {
  const forwards = { ipv4: { forwarding: 1 } };
  return topology({
    home: {
      links: { eth0: { peer: 'l@r', addresses: ['10.1.0.2/24'] } },
      routes: ['default via 10.1.0.1 dev eth0'],
      ...more.home,
    },
    r: {
      links: {
        l: { peer: 'eth0@home', addresses: ['10.1.0.1/24'], ...forwards },
        m: { peer: 'eth0@t', addresses: ['10.2.0.1/24'], ...forwards },
        n: { peer: 'eth0@v', addresses: ['10.3.0.1/24'], ...forwards },
      },
      ...more.r,
    },
    t: {
      links: { eth0: { peer: 'm@r', addresses: ['10.2.0.2/24'] } },
      routes: ['default via 10.2.0.1 dev eth0'],
      ...more.t,
    },
    v: { links: { eth0: { peer: 'n@r', addresses: ['10.3.0.2/24'] } } },
  });
}

const byMark = (table: string) => ({
  rules: [
    { priority: 0, table: 'local' },
    { priority: 50, table, mark: 7, markMask: 0xff },
    { priority: 32766, table: 'main' },
  ],
});
const mark = (value: unknown) => ({ mangle: { key: { meta: { key: 'mark' } }, value } });
const ttl = (value: unknown) => ({ mangle: { key: { payload: { protocol: 'ip', field: 'ttl' } }, value } });

function writing(hook: string, expr: readonly unknown[], type = 'filter'): { nftables: unknown[] } {
  const of = { family: 'ip', table: 'w' };
  return {
    nftables: [
      { table: { family: 'ip', name: 'w' } },
      { chain: { ...of, name: 'c', type, hook, prio: -150, policy: 'accept' } },
      { rule: { ...of, chain: 'c', handle: 4, expr } },
    ],
  };
}

const walk = (built: Topology): Path => expectPath(built, { start: at('eth0'), destination: '10.2.0.2' });

function gates({ legs }: Path): Gate[] {
  return legs.flatMap(({ steps }) => steps.flatMap((step) => (step.kind === 'gate' ? [step.gate] : [])));
}

const stop = (path: Path) => gates(path).find(({ verdict }) => verdict === 'stop');

describe('a mark', () => {
  const elsewhere = ['blackhole default table 60'];

  it('that prerouting writes leads to the table of its policy rule', () => {
    const marked = { ...byMark('60'), routes: elsewhere, ...writing('prerouting', [mark(7)]) };
    expect(stop(walk(routed({ r: marked })))).toMatchObject({ kind: 'route', route: { type: 'blackhole' } });
    const other = { ...byMark('60'), routes: elsewhere, ...writing('prerouting', [mark(6)]) };
    expect(walk(routed({ r: other })).end).toBe('delivered');
    const late = { ...byMark('60'), routes: elsewhere, ...writing('forward', [mark(7)]) };
    expect(walk(routed({ r: late })).end).toBe('delivered');
  });

  it('that is not known leaves the route undecided', () => {
    const match = { match: { op: '==', left: { meta: { key: 'hour' } }, right: '12:00' } };
    const perhaps = { ...byMark('60'), routes: elsewhere, ...writing('prerouting', [match, mark(7)]) };
    const path = walk(routed({ r: perhaps }));
    expect(stop(path)).toBeUndefined();
    expect(path.end).toBe('unknown');
  });

  it('that output writes makes it routed again in a chain of type route alone', () => {
    const routes = ['default via 10.1.0.1 dev eth0', 'default via 10.1.0.77 dev eth0 table 60'];
    const again = { ...byMark('60'), routes, ...writing('output', [mark(7)], 'route') };
    expect(stop(walk(routed({ home: again })))).toMatchObject({ kind: 'owner', target: '10.1.0.77' });
    const filter = { ...byMark('60'), routes, ...writing('output', [mark(7)]) };
    expect(walk(routed({ home: filter })).end).toBe('delivered');
  });

  it('of a reply is that of the request with fwmark_reflect', () => {
    const target = {
      ...byMark('60'),
      routes: ['default via 10.2.0.1 dev eth0', 'prohibit default table 60'],
      ...writing('prerouting', [mark(7)]),
    };
    expect(walk(routed({ t: target })).end).toBe('delivered');
    const reflected = { ...target, sysctls: { 'ipv4.fwmark_reflect': 1 } };
    expect(stop(walk(routed({ t: reflected })))).toMatchObject({ kind: 'route', purpose: 'reply' });
  });
});

describe('a time to live', () => {
  it('that a rule sets runs out behind it, and the rule is named', () => {
    const path = walk(routed({ t: writing('postrouting', [ttl(1)]) }));
    expect(stop(path)).toMatchObject({ kind: 'ttl', ttl: 1, setBy: { netns: 't', rule: { handle: 4 } } });
  });

  it('is counted down from what the rule set', () => {
    expect(walk(routed({ t: writing('postrouting', [ttl(2)]) })).end).toBe('delivered');
    expect(walk(routed({ r: writing('postrouting', [ttl(1)]) })).end).toBe('delivered');
    expect(stop(walk(routed({ r: writing('prerouting', [ttl(1)]) })))).toMatchObject({ kind: 'ttl', ttl: 1 });
  });

  it('that a rule may have set is not known', () => {
    const match = { match: { op: '==', left: { meta: { key: 'hour' } }, right: '12:00' } };
    const path = walk(routed({ r: writing('prerouting', [match, ttl(1)]) }));
    expect(stop(path)).toBeUndefined();
    expect(path.end).toBe('unknown');
  });
});
