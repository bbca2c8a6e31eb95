import { describe, expect, it } from 'vitest';
import { BROADCAST } from '../../src/path/ethernet.ts';
import type { Gate } from '../../src/path/gate.ts';
import { transmit } from '../../src/path/layer2.ts';
import { createWorld, portAt, type World } from '../../src/path/world.ts';
import type { BridgePort, FdbEntry, Topology } from '../../src/topology/model.ts';
import { at } from '../trace/frames.ts';
import { type LinkSketch, macOf, type NamespaceSketch, topology } from './topology.ts';

//   c1: eth0 ─── vA ┐
//   c2: eth0 ─── vB ├ br0 (home)
//   c3: eth0 ─── vC ┘
interface Sketch {
  readonly ports?: Readonly<Record<string, Partial<BridgePort>>>;
  readonly fdb?: readonly Partial<FdbEntry>[];
  readonly neighbours?: readonly string[];
  readonly settings?: Partial<NonNullable<Topology['namespaces'][number]['links'][number]['bridge']>>;
}

function bridged({ ports = {}, fdb = [], neighbours = [], settings = {} }: Sketch = {}): World {
  const links: Record<string, LinkSketch> = { br0: { kind: 'bridge' } };
  const sketches: Record<string, NamespaceSketch> = { home: { links, fdb, neighbours } };
  for (const [netns, name] of [
    ['c1', 'vA'],
    ['c2', 'vB'],
    ['c3', 'vC'],
  ] as const) {
    links[name] = { peer: `eth0@${netns}`, master: 'br0', port: ports[name] ?? {} };
    sketches[netns] = { links: { eth0: { peer: `${name}@home` } } };
  }
  const built = topology(sketches);
  const bridge = {
    stp: false,
    forwardDelay: 1500,
    ageingTime: 30000,
    vlanFiltering: false,
    mcastSnooping: true,
    nfCallIptables: false,
    nfCallArptables: false,
    ...settings,
  };
  return createWorld({
    ...built,
    namespaces: built.namespaces.map((namespace) => ({
      ...namespace,
      links: namespace.links.map((link) => (link.kind === 'bridge' ? { ...link, bridge } : link)),
    })),
  });
}

const C1 = macOf(1, 2);
const C2 = macOf(2, 2);

/** By stack reached: the gates on the way that do not let it pass, as `kind verdict at place`. */
function gates(world: World, from: string, destination: string, asks?: string): Record<string, string[]> {
  const port = portAt(world.topology, at(from));
  if (!port) throw new Error(`no interface ${from}`);
  const carries = asks ? { kind: 'arp-request' as const, source: '10.9.0.2', destination: asks } : undefined;
  const frame = { source: port.link.mac, destination, ...(carries ? { carries } : {}) };
  const reached = transmit(world, port, frame).map(({ port: { namespace, link }, steps }): [string, string[]] => [
    namespace.id === 'home' ? link.name : `${link.name}@${namespace.id}`,
    steps.flatMap((step) => (step.kind === 'gate' && step.gate.verdict !== 'pass' ? [text(step.gate)] : [])),
  ]);
  // Of several ways to one stack the one that is open counts: last in the list, it stays.
  return Object.fromEntries(reached.sort(([, a], [, b]) => b.length - a.length));
}

function text(gate: Gate): string {
  const detail = gate.kind === 'port-flag' ? ` ${gate.flag}` : gate.kind === 'vlan' ? ` ${gate.direction}` : '';
  return `${gate.kind}${detail} ${gate.verdict} at ${gate.place.name}`;
}

describe('a locked port', () => {
  const locked = { vA: { locked: true } };
  it('takes nothing from a source that is not in the table there', () => {
    expect(gates(bridged({ ports: locked }), 'eth0@c1', BROADCAST).br0).toEqual(['port-flag locked stop at vA']);
    const elsewhere = bridged({ ports: locked, fdb: [{ mac: C1, device: 'vB', master: 'br0' }] });
    expect(gates(elsewhere, 'eth0@c1', BROADCAST).br0).toEqual(['port-flag locked stop at vA']);
  });

  it('takes what is there, unless the entry is local or locked itself', () => {
    const entry = { mac: C1, device: 'vA', master: 'br0' };
    const of = (more: Partial<FdbEntry>) =>
      gates(bridged({ ports: locked, fdb: [{ ...entry, ...more }] }), 'eth0@c1', BROADCAST).br0;
    expect(of({ state: 'static' })).toEqual([]);
    expect(of({})).toEqual([]);
    expect(of({ state: 'permanent' })).toEqual(['port-flag locked stop at vA']);
    expect(of({ flags: ['locked'] })).toEqual(['port-flag locked stop at vA']);
  });

  it('lets out what it would not let in', () => {
    expect(gates(bridged({ ports: locked }), 'eth0@c2', BROADCAST)['eth0@c1']).toEqual([]);
  });
});

describe('learning', () => {
  const flood = { vA: { flood: false } };
  /** c1 speaks, then c2 sends to it: without flooding it only comes where c1 was learnt. */
  const answered = (sketch: Sketch) => {
    const world = bridged({ ...sketch, ports: { ...sketch.ports, vA: { ...flood.vA, ...sketch.ports?.vA } } });
    gates(world, 'eth0@c1', BROADCAST);
    return gates(world, 'eth0@c2', C1)['eth0@c1'];
  };
  it('is what the port and the ageing time make of it', () => {
    expect(answered({})).toEqual([]);
    expect(answered({ ports: { vA: { learning: false } } })).toEqual(['port-flag flood stop at vA']);
    expect(answered({ settings: { ageingTime: 0 } })).toEqual(['port-flag flood stop at vA']);
  });
});

describe('a port with proxy_arp', () => {
  it('gets nothing that is flooded, and what is known', () => {
    const ports = { vB: { proxyArp: true } };
    expect(gates(bridged({ ports }), 'eth0@c1', BROADCAST)['eth0@c2']).toEqual(['port-flag proxy_arp stop at vB']);
    const known = bridged({ ports, fdb: [{ mac: C2, device: 'vB', master: 'br0' }] });
    expect(gates(known, 'eth0@c1', C2)['eth0@c2']).toEqual([]);
  });
});

describe('neigh_suppress', () => {
  const neighbours = [`10.9.0.3 dev br0 lladdr ${C2} PERMANENT`];
  const ports = { vB: { neighSuppress: true } };
  it('leaves open who answers, where the bridge knows the target', () => {
    const asked = (sketch: Sketch) => gates(bridged(sketch), 'eth0@c1', BROADCAST, '10.9.0.3')['eth0@c2'];
    expect(asked({ ports, neighbours })).toEqual(['unmodelled unknown at vB']);
    expect(asked({ ports })).toEqual([]);
    expect(asked({ neighbours })).toEqual([]);
  });
});

describe('VLAN filtering', () => {
  const vlan = (id: number, untagged = true, pvid = true) => ({ vlans: [{ id, pvid, untagged }] });
  const filtering = (ports: Sketch['ports'], own = vlan(1), fdb: Sketch['fdb'] = []) =>
    bridged({ ...(ports ? { ports } : {}), fdb, settings: { vlanFiltering: true, ...own } });

  it('passes between ports of one VLAN, and keeps others apart', () => {
    const world = filtering({ vA: vlan(10), vB: vlan(10), vC: vlan(20) });
    expect(gates(world, 'eth0@c1', BROADCAST)).toEqual({
      br0: ['vlan egress stop at br0'],
      'eth0@c2': [],
      'eth0@c3': ['vlan egress stop at vC'],
    });
    expect(gates(world, 'br0', BROADCAST)['eth0@c2']).toEqual(['vlan egress stop at vB']);
  });

  it('drops what comes in by a port without a PVID', () => {
    const world = filtering({ vA: vlan(10, true, false), vB: vlan(10) });
    expect(gates(world, 'eth0@c1', BROADCAST)['eth0@c2']).toEqual(['vlan ingress stop at vA']);
  });

  it('sends with a tag where the VLAN is not untagged, and nobody there takes it off', () => {
    const world = filtering({ vA: vlan(10), vB: vlan(10, false, false) });
    expect(gates(world, 'eth0@c1', BROADCAST)['eth0@c2']).toEqual(['vlan tagged stop at eth0']);
    const up = filtering({ vA: vlan(10) }, vlan(10, false, false));
    expect(gates(up, 'eth0@c1', BROADCAST).br0).toEqual(['vlan tagged stop at br0']);
  });

  it('has a table for each VLAN', () => {
    const ports = { vA: vlan(10), vB: { ...vlan(10), flood: false }, vC: vlan(10) };
    const known = (id: number) => filtering(ports, vlan(10), [{ mac: C2, device: 'vB', master: 'br0', vlan: id }]);
    expect(gates(known(10), 'eth0@c1', C2)).toEqual({ 'eth0@c2': [] });
    expect(gates(known(20), 'eth0@c1', C2)['eth0@c2']).toEqual(['port-flag flood stop at vB']);
  });

  it('decides nothing where it is off, or was not read', () => {
    expect(gates(bridged({ ports: { vA: vlan(10), vB: vlan(20) } }), 'eth0@c1', BROADCAST)['eth0@c2']).toEqual([]);
    const unread = bridged({ settings: { vlanFiltering: true } });
    expect(gates(unread, 'eth0@c1', BROADCAST)['eth0@c2']).toEqual(['vlan ingress unknown at vA']);
  });
});

//   c1: m0 ┐
//          ├ eth0 (node) ─── vA ── br0 (home)      macvlans
//   c2: m0 ┘
describe('hairpin mode', () => {
  const macvlans = (mode: string, hairpin: boolean) =>
    createWorld(
      topology({
        home: {
          links: { br0: { kind: 'bridge' }, vA: { peer: 'eth0@node', master: 'br0', port: { hairpin } } },
        },
        node: { links: { eth0: { peer: 'vA@home' } } },
        c1: { links: { m0: { on: 'eth0@node', mode } } },
        c2: { links: { m0: { on: 'eth0@node', mode } } },
      }),
    );
  it('is needed between macvlans of mode vepa alone', () => {
    expect(gates(macvlans('vepa', false), 'm0@c1', BROADCAST)['m0@c2']).toEqual(['port-flag hairpin stop at vA']);
    expect(gates(macvlans('vepa', true), 'm0@c1', BROADCAST)['m0@c2']).toEqual([]);
    expect(gates(macvlans('bridge', false), 'm0@c1', BROADCAST)['m0@c2']).toEqual([]);
  });

  it('off brings nothing back to its sender', () => {
    expect(Object.keys(gates(bridged(), 'eth0@c1', BROADCAST)).sort()).toEqual(['br0', 'eth0@c2', 'eth0@c3']);
  });
});
