/** Whole paths: where one echo exchange should be sighted, and the first gate that stops it. */
import { describe, expect, it } from 'vitest';
import { type EchoQuery, expectPath, sourceFor } from '../../src/path/expect.ts';
import { type Path, placesOf } from '../../src/path/model.ts';
import type { Topology } from '../../src/topology/model.ts';
import { at } from '../trace/frames.ts';
import { post, range, ruleset, snat } from './nat-rules.ts';
import { type LinkSketch, type NamespaceSketch, topology } from './topology.ts';

function name({ netns, name: link }: { netns: string; name: string }): string {
  return netns === 'home' ? link : `${link}@${netns}`;
}

/** One line per leg: `echo-request: eth0 out, vA in`; legs that hold nothing but gates are left out. */
function legs({ legs: all }: Path): string[] {
  const lines = all.map(({ kind, steps }) => {
    const places = steps.flatMap((step) =>
      step.kind === 'place' ? `${name(step.place)} ${step.direction}` : step.kind === 'socket' ? 'socket' : [],
    );
    return `${kind}: ${places.join(', ')}`;
  });
  return lines.filter((line) => !line.endsWith(': '));
}

/** `source at veth1`: every gate that stops, in order. */
function stops({ legs: all }: Path): string[] {
  return all.flatMap(({ steps }) =>
    steps.flatMap((step) =>
      step.kind === 'gate' && step.gate.verdict === 'stop' ? `${step.gate.kind} at ${name(step.gate.place)}` : [],
    ),
  );
}

function path(built: Topology, from: string, destination: string, more: Partial<EchoQuery> = {}): Path {
  return expectPath(built, { start: at(from), destination, ...more });
}

//   veth0 1.2.3.101 ─── veth1 1.2.3.102      both in one namespace, veth0 perhaps a port of br0
function sameNamespace(veth0: LinkSketch = {}, veth1: LinkSketch = {}, br0: LinkSketch = {}): Topology {
  return topology({
    home: {
      links: {
        veth0: { peer: 'veth1@home', addresses: ['1.2.3.101/24'], ...veth0 },
        veth1: { peer: 'veth0@home', addresses: ['1.2.3.102/24'], ...veth1 },
        br0: { kind: 'bridge', ...br0 },
      },
    },
  });
}
const lenient = { ipv4: { accept_local: 1 } };

describe('two ends of a pair in one namespace', () => {
  it('do not talk: the sender’s address is the receiver’s own', () => {
    const found = path(sameNamespace(), 'veth0', '1.2.3.102');
    expect(stops(found)[0]).toBe('source at veth1');
    expect(found.end).toBe('stopped');
    expect(legs(found)[0]).toBe('arp-request: veth0 out, veth1 in');
  });

  it('do with accept_local, and the reply goes over lo', () => {
    const found = path(sameNamespace(lenient, lenient), 'veth0', '1.2.3.102');
    expect(stops(found)).toEqual([]);
    expect(legs(found)).toEqual([
      'arp-request: veth0 out, veth1 in',
      'arp-reply: veth1 out, veth0 in',
      'echo-request: veth0 out, veth1 in',
      'echo-reply: lo out, lo in, socket',
    ]);
    expect(found.end).toBe('delivered');
  });

  it('do not where the sender is a port of a bridge that has no address', () => {
    const found = path(sameNamespace({ ...lenient, master: 'br0' }, lenient, lenient), 'veth0', '1.2.3.102');
    expect(stops(found)[0]).toBe('stack at br0');
    expect(legs(found)[1]).toBe('arp-reply: veth1 out, veth0 in, br0 in');
  });

  it('do from the bridge, once the address is on it', () => {
    const moved = sameNamespace({ master: 'br0', addresses: [] }, lenient, { addresses: ['1.2.3.101/24'], ...lenient });
    const found = path(moved, 'br0', '1.2.3.102');
    expect(stops(found)).toEqual([]);
    expect(legs(found)[2]).toBe('echo-request: br0 out, veth0 out, veth1 in');
  });
});

//   c1: eth0 10.9.0.2 ─── vA ┐
//                            br0 10.9.0.1 (home) ─── up0 192.0.2.1 ─── eth0 192.0.2.2 (far)
//   c2: eth0 10.9.0.3 ─── vB ┘
interface Parts {
  /** vA is a port of no bridge. */
  readonly detached?: boolean;
  readonly vA?: LinkSketch;
  readonly br0?: LinkSketch;
  readonly eth0?: LinkSketch;
  readonly home?: NamespaceSketch;
  readonly c1?: NamespaceSketch;
  readonly c2?: NamespaceSketch;
  readonly far?: NamespaceSketch;
}
const forwards = { ipv4: { forwarding: 1 } };
function reference({ detached, vA, br0, eth0, home, c1, c2, far }: Parts = {}): Topology {
  const viaBridge = ['default via 10.9.0.1 dev eth0'];
  const container = (peer: string, address: string): LinkSketch => ({ peer, addresses: [address] });
  return topology({
    home: {
      links: {
        br0: { kind: 'bridge', addresses: ['10.9.0.1/24'], ...forwards, ...br0 },
        vA: { peer: 'eth0@c1', ...(detached ? {} : { master: 'br0' }), ...vA },
        vB: { peer: 'eth0@c2', master: 'br0' },
        up0: { peer: 'eth0@far', addresses: ['192.0.2.1/24'], ...forwards },
      },
      ...home,
    },
    c1: { links: { eth0: { ...container('vA@home', '10.9.0.2/24'), ...eth0 } }, routes: viaBridge, ...c1 },
    c2: { links: { eth0: container('vB@home', '10.9.0.3/24') }, routes: viaBridge, ...c2 },
    far: { links: { eth0: container('up0@home', '192.0.2.2/24') }, routes: ['default via 192.0.2.1 dev eth0'], ...far },
  });
}

describe('two containers on a bridge', () => {
  const ping = (parts: Parts = {}, more: Partial<EchoQuery> = {}) =>
    path(reference(parts), 'eth0@c1', '10.9.0.3', more);

  it('talk over both ports, and replies find what the request taught', () => {
    const found = ping();
    expect(found.end).toBe('delivered');
    expect(legs(found)).toEqual([
      'arp-request: eth0@c1 out, vA in, vB out, eth0@c2 in',
      'arp-reply: eth0@c2 out, vB in, vA out, eth0@c1 in',
      'echo-request: eth0@c1 out, vA in, vB out, eth0@c2 in',
      'echo-reply: eth0@c2 out, vB in, vA out, eth0@c1 in, socket',
    ]);
    expect(placesOf(found).map(name)).toEqual(['eth0@c1', 'vA', 'vB', 'eth0@c2']);
  });

  it.each<[string, Parts, string]>([
    ['the bridge is down', { br0: { down: true, addresses: [] } }, 'port-state at vA'],
    ['the host end is down', { vA: { down: true } }, 'device at vA'],
    ['the own interface is down', { eth0: { down: true } }, 'device at eth0@c1'],
    ['the host end is in no bridge', { detached: true }, 'owner at eth0@c1'],
    ['nobody has the address', { c2: { links: { eth0: { peer: 'vB@home' } } } }, 'owner at eth0@c1'],
    ['echoes are ignored', { c2: { sysctls: { 'ipv4.icmp_echo_ignore_all': 1 }, routes: [] } }, 'echo at eth0@c2'],
    [
      'an entry is wrong',
      { c1: { neighbours: ['10.9.0.3 dev eth0 lladdr 02:00:00:00:99:99 PERMANENT'] } },
      'neighbour at eth0@c2',
    ],
    [
      'the replier’s entry is wrong',
      { c2: { neighbours: ['10.9.0.2 dev eth0 lladdr 02:00:00:00:99:99 PERMANENT'] } },
      'neighbour at eth0@c1',
    ],
    [
      'the reply has no route',
      { c2: { links: { eth0: { peer: 'vB@home', addresses: ['10.9.0.3/32'] } }, routes: [] } },
      'route at eth0@c2',
    ],
  ])('stop first where %s', (_, parts, expected) => {
    const found = ping(parts);
    expect(stops(found)[0]).toBe(expected);
    expect(found.end).toBe('stopped');
  });

  it('are stopped twice, and both are known', () => {
    const found = ping({ br0: { down: true }, c2: { sysctls: { 'ipv4.icmp_echo_ignore_all': 1 } } });
    expect(new Set(stops(found))).toEqual(new Set(['port-state at vA', 'port-state at vB', 'echo at eth0@c2']));
  });
});

describe('over a router', () => {
  const ping = (parts: Parts = {}, more: Partial<EchoQuery> = {}) =>
    path(reference(parts), 'eth0@c1', '192.0.2.2', more);

  it('goes up by the bridge and out of the uplink, and the way back', () => {
    const found = ping();
    expect(found.end).toBe('delivered');
    expect(legs(found).filter((leg) => leg.startsWith('echo'))).toEqual([
      'echo-request: eth0@c1 out, vA in, br0 in',
      'echo-request: up0 out, eth0@far in',
      'echo-reply: eth0@far out, up0 in',
      'echo-reply: br0 out, vA out, eth0@c1 in, socket',
    ]);
    expect(legs(found).filter((leg) => leg.startsWith('arp-request'))).toEqual([
      'arp-request: eth0@c1 out, vA in, br0 in',
      'arp-request: up0 out, eth0@far in',
    ]);
  });

  it.each<[string, Parts, string]>([
    ['it does not forward', { br0: { ipv4: { forwarding: 0 } } }, 'forwarding at br0'],
    ['the target has no way back', { far: { routes: [] } }, 'route at eth0@far'],
    ['its address is the gateway’s no more', { br0: { addresses: ['10.9.0.254/24'] } }, 'owner at eth0@c1'],
    [
      'it validates strictly, and the way back is another',
      { br0: { ipv4: { forwarding: 1, rp_filter: 1 } }, home: { routes: ['10.9.0.2/32 dev up0'] } },
      'source at br0',
    ],
    ['nothing leads on', { c1: { routes: [] } }, 'owner at eth0@c1'],
  ])('stops first where %s', (_, parts, expected) => {
    expect(stops(ping(parts))[0]).toBe(expected);
  });

  it('needs a time to live', () => {
    expect(stops(ping({}, { ttl: 1 }))).toEqual(['ttl at br0']);
    expect(ping({}, { ttl: 2 }).end).toBe('delivered');
  });

  it('ends where rules drop it, and is not decided where they may', () => {
    const at = { family: 'ip', table: 'filter' };
    const chain = { ...at, name: 'FORWARD', hook: 'forward', prio: 0, policy: 'drop' };
    expect(stops(ping({ home: { nftables: [{ chain }] } }))[0]).toBe('filter at br0');
    const limited = {
      ...at,
      chain: 'FORWARD',
      handle: 2,
      expr: [{ limit: { rate: 5, per: 'second' } }, { accept: null }],
    };
    expect(ping({ home: { nftables: [{ chain }, { rule: limited }] } }).end).toBe('unknown');
    expect(path(reference({ home: { nftables: [{ chain }] } }), 'eth0@c1', '10.9.0.1').end).toBe('delivered');
  });

  it('may have its source rewritten, and then a missing way back proves nothing', () => {
    const nftables = ruleset(post([snat(range('192.0.2.10', '192.0.2.20'))]));
    const found = ping({ home: { nftables }, far: { routes: [] } });
    expect(stops(found)).toEqual([]);
    expect(found.end).toBe('unknown');
  });
});

describe('the own address', () => {
  it('answers over lo, unless that is down', () => {
    const own = (loopbackDown: boolean) =>
      path(topology({ home: { links: { eth0: { addresses: ['10.9.0.2/24'] } }, loopbackDown } }), 'eth0', '10.9.0.2');
    expect(legs(own(false))).toEqual(['echo-request: lo out, lo in', 'echo-reply: lo out, lo in, socket']);
    expect(own(false).end).toBe('delivered');
    expect(stops(own(true))[0]).toBe('loopback at lo');
  });
});

it('a rule for a source address matches the reply, not the request, whose source the route has yet to choose', () => {
  const rules = [
    { priority: 0, table: 'local' },
    { priority: 9, from: '10.9.0.0/24', action: 'blackhole' },
    { priority: 32766, table: 'main' },
  ];
  expect(path(reference({ c1: { rules } }), 'eth0@c1', '10.9.0.3').end).toBe('delivered');
  expect(stops(path(reference({ c2: { rules } }), 'eth0@c1', '10.9.0.3'))[0]).toBe('route at eth0@c2');
});

it('a packet that leaves this machine is not followed', () => {
  const alone = topology({ home: { links: { eth0: { addresses: ['10.9.0.2/24'] } } } });
  expect(path(alone, 'eth0', '10.9.0.3').end).toBe('unknown');
  const known = {
    links: { eth0: { addresses: ['10.9.0.2/24'] } },
    neighbours: ['10.9.0.3 dev eth0 lladdr 02:00:00:00:77:77 STALE'],
  };
  expect(path(topology({ home: known }), 'eth0', '10.9.0.3').end).toBe('leaves');
});

it('a namespace that was not read in full is not decided', () => {
  expect(path(reference({ c2: { detail: 'links' } }), 'eth0@c1', '10.9.0.3').end).toBe('unknown');
});

it('the source is the route’s, else the device’s', () => {
  const routes = ['198.51.100.0/24 via 10.9.0.1 dev eth0 src 10.9.0.9', 'default via 10.9.0.1 dev eth0'];
  const built = topology({ home: { links: { eth0: { addresses: ['10.9.0.2/24', '10.9.0.9/24'] } }, routes } });
  expect(sourceFor(built, { start: at('eth0'), destination: '198.51.100.1' })).toBe('10.9.0.9');
  expect(sourceFor(built, { start: at('eth0'), destination: '203.0.113.1' })).toBe('10.9.0.2');
  expect(sourceFor(built, { start: at('eth9'), destination: '203.0.113.1' })).toBeUndefined();
});
