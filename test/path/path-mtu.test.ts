/** Routers that may not cut, senders that know of their path, and the errors in between. */
import { describe, expect, it } from 'vitest';
import { type EchoQuery, expectPath } from '../../src/path/expect.ts';
import type { MtuGate } from '../../src/path/gate.ts';
import type { Namespace, Topology } from '../../src/topology/model.ts';
import { type NamespaceSketch, topology } from './topology.ts';

//   home: eth0 10.1.0.2 ─── a 10.1.0.1 | r1 | b 10.2.0.1 ─── b 10.2.0.2 | r2 | c 10.3.0.1 ─── eth0 10.3.0.9 :far
interface Scene {
  readonly b?: number;
  readonly c?: number;
  readonly sysctls?: Readonly<Record<string, NamespaceSketch['sysctls']>>;
  readonly r2Routes?: readonly string[];
  readonly home?: Partial<Namespace>;
}

function routed({ b = 1500, c = 1500, sysctls = {}, r2Routes, home = {} }: Scene): Topology {
  const router = { 'ipv4.ip_forward': 1, 'ipv4.conf.all.forwarding': 1 };
  const forwards = { ipv4: { forwarding: 1 } };
  const built = topology({
    home: {
      links: { eth0: { peer: 'a@r1', addresses: ['10.1.0.2/24'] } },
      routes: ['default via 10.1.0.1 dev eth0'],
      ...(sysctls.home ? { sysctls: sysctls.home } : {}),
    },
    r1: {
      links: {
        a: { peer: 'eth0@home', addresses: ['10.1.0.1/24'], ...forwards },
        b: { peer: 'b@r2', addresses: ['10.2.0.1/24'], mtu: b, ...forwards },
      },
      routes: ['10.3.0.0/24 via 10.2.0.2 dev b'],
      sysctls: { ...router, ...sysctls.r1 },
    },
    r2: {
      links: {
        b: { peer: 'b@r1', addresses: ['10.2.0.2/24'], mtu: b, ...forwards },
        c: { peer: 'eth0@far', addresses: ['10.3.0.1/24'], mtu: c, ...forwards },
      },
      routes: r2Routes ?? ['10.1.0.0/24 via 10.2.0.1 dev b'],
      sysctls: { ...router, ...sysctls.r2 },
    },
    far: {
      links: { eth0: { peer: 'c@r2', addresses: ['10.3.0.9/24'], mtu: c } },
      routes: ['default via 10.3.0.1 dev eth0'],
    },
  });
  return {
    ...built,
    namespaces: built.namespaces.map((namespace) => (namespace.id === 'home' ? { ...namespace, ...home } : namespace)),
  };
}

function gates(built: Topology, query: Partial<EchoQuery> = {}): MtuGate[] {
  const { legs } = expectPath(built, {
    start: { netns: 'home', name: 'eth0' },
    destination: '10.3.0.9',
    sizeBytes: 1472,
    ...query,
  });
  return legs.flatMap(({ steps }) =>
    steps.flatMap((step) =>
      // The far ends of the pairs are as small as the routers' own: they are not asked about here.
      step.kind === 'gate' && step.gate.kind === 'mtu' && step.gate.verdict === 'stop' && step.gate.by !== 'peer'
        ? [step.gate]
        : [],
    ),
  );
}

const told = (gate: MtuGate | undefined) => `${gate?.error?.from} to ${gate?.error?.to}: ${gate?.error?.end}`;
const text = ({ by, place, mtu, of }: MtuGate) => `${by} ${place.name}@${place.netns} ${mtu}${of ? ` ${of}` : ''}`;
const learnt = (mtu: number): Partial<Namespace> => ({
  pathMtus: [{ family: 4, destination: '10.3.0.9', device: 'eth0', mtu, locked: false }],
});

describe('a router', () => {
  it('passes on what fits to the byte', () => {
    expect(gates(routed({ b: 1400 }), { sizeBytes: 1372 })).toEqual([]);
    expect(gates(routed({ b: 1400 }), { sizeBytes: 1373 }).map(text)).toEqual(['router b@r1 1400']);
  });

  it('cuts what may be cut, and nobody is told', () => {
    expect(gates(routed({ b: 1400, c: 1200 }), { dontFragment: 'dont', sizeBytes: 4000 })).toEqual([]);
  });

  it('answers from the address by which the sender is reached, and the sender cuts from then on', () => {
    const [first, ...more] = gates(routed({ b: 1400, c: 1200 }));
    expect(more).toEqual([]);
    expect(told(first)).toBe('10.1.0.1 to 10.1.0.2: told');
    expect(first?.heals).toBe(true);
  });

  it('behind another one has its own say where the sender may not cut', () => {
    const both = gates(routed({ b: 1400, c: 1200 }), { dontFragment: 'do' });
    expect(both.map(text)).toEqual(['router b@r1 1400', 'router c@r2 1200']);
    expect(both.map(told)).toEqual(['10.1.0.1 to 10.1.0.2: told', '10.2.0.2 to 10.1.0.2: told']);
    expect(both.map(({ heals }) => heals)).toEqual([undefined, undefined]);
  });

  it('answers from the address the packet came to, where it is set to', () => {
    const sysctls = { r2: { 'ipv4.icmp_errors_use_inbound_ifaddr': 1 } };
    expect(told(gates(routed({ c: 1200, sysctls }))[0])).toBe('10.2.0.2 to 10.1.0.2: told');
  });

  it('without a way back tells nobody', () => {
    const [gate] = gates(routed({ c: 1200, r2Routes: [] }));
    expect(told(gate)).toBe('undefined to 10.1.0.2: stopped');
    expect(gate?.heals).toBeUndefined();
  });

  it('goes by the MTU of its route, and by what it learnt only where it is told to', () => {
    const route = { b: 1500, c: 1500 };
    const built = routed(route);
    const withMtu: Topology = {
      ...built,
      namespaces: built.namespaces.map((namespace) => ({
        ...namespace,
        routes: namespace.routes.map((each) =>
          namespace.id === 'r1' && each.destination === '10.3.0.0/24' ? { ...each, mtu: 1300 } : each,
        ),
      })),
    };
    expect(gates(withMtu).map(text)).toEqual(['router b@r1 1300 route']);
    const taught = (use: number): Topology => {
      const scene = routed({ sysctls: { r1: { 'ipv4.ip_forward_use_pmtu': use } } });
      return {
        ...scene,
        namespaces: scene.namespaces.map((namespace) =>
          namespace.id === 'r1'
            ? { ...namespace, pathMtus: [{ family: 4, destination: '10.3.0.9', mtu: 1250, locked: false }] }
            : namespace,
        ),
      };
    };
    expect(gates(taught(0))).toEqual([]);
    expect(gates(taught(1)).map(text)).toEqual(['router b@r1 1250 learnt']);
  });
});

describe('a sender', () => {
  it('that was told cuts, or refuses what may not be cut', () => {
    const built = routed({ b: 1400, home: learnt(1400) });
    expect(gates(built)).toEqual([]);
    expect(gates(built, { dontFragment: 'do' }).map(text)).toEqual([
      'sender eth0@home 1400 learnt',
      'router b@r1 1400',
    ]);
  });

  it('that probes the path forgets what it was told', () => {
    const built = routed({ b: 1400, home: learnt(1300) });
    expect(gates(built, { dontFragment: 'probe' }).map(text)).toEqual(['router b@r1 1400']);
    expect(gates(built, { dontFragment: 'probe', sizeBytes: 1473 }).map(text)[0]).toBe('sender eth0@home 1500');
  });

  it('that was told about another address, or by another device, is none the wiser', () => {
    const elsewhere = { family: 4, destination: '10.3.0.8', device: 'eth0', mtu: 1300, locked: false } as const;
    const other = { family: 4, destination: '10.3.0.9', device: 'eth1', mtu: 1300, locked: false } as const;
    expect(gates(routed({ home: { pathMtus: [elsewhere, other] } }), { dontFragment: 'do' })).toEqual([]);
  });

  it('throws away what it is told where net.ipv4.ip_no_pmtu_disc is 2 or 3', () => {
    for (const [setting, end] of [
      [0, 'told'],
      [1, 'told'],
      [2, 'stopped'],
      [3, 'stopped'],
    ] as const) {
      const built = routed({ b: 1400, sysctls: { home: { 'ipv4.ip_no_pmtu_disc': setting } } });
      expect(gates(built, { dontFragment: 'want' })[0]?.error?.end, String(setting)).toBe(end);
    }
  });

  it('sets no don’t-fragment bit of its own where path MTU discovery is off, or the MTU is locked', () => {
    expect(gates(routed({ b: 1400, sysctls: { home: { 'ipv4.ip_no_pmtu_disc': 1 } } }))).toEqual([]);
    const built = routed({ b: 1400 });
    const locked: Topology = {
      ...built,
      namespaces: built.namespaces.map((namespace) => ({
        ...namespace,
        routes: namespace.routes.map((each) =>
          namespace.id === 'home' ? { ...each, mtu: 1500, mtuLocked: true } : each,
        ),
      })),
    };
    expect(gates(locked)).toEqual([]);
    expect(gates(locked, { dontFragment: 'do' }).map(text)).toEqual(['router b@r1 1400']);
  });
});
