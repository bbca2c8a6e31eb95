import { describe, expect, it } from 'vitest';
import { expectPath } from '../../src/path/expect.ts';
import type { Gate } from '../../src/path/gate.ts';
import { BROADCAST, transmit } from '../../src/path/layer2.ts';
import { createWorld, portAt } from '../../src/path/world.ts';
import type { FdbEntry, Topology } from '../../src/topology/model.ts';
import { type LinkSketch, macOf, type NamespaceSketch, topology } from './topology.ts';

const ALL = '00:00:00:00:00:00';

interface NodeSketch {
  /** Where its device sends what, `MAC ADDRESS`; the bare address is for all zeros. */
  readonly sends?: readonly string[];
  readonly data?: Readonly<Record<string, unknown>>;
  readonly vx?: Partial<LinkSketch>;
  readonly rest?: Partial<NamespaceSketch>;
  readonly eth?: Partial<LinkSketch>;
}

//   n1: vx 10.8.0.1, eth 192.168.0.1 ─── p1 ┐
//   n2: vx 10.8.0.2, eth 192.168.0.2 ─── p2 ├ sw (tor)
//   n3: vx 10.8.0.3, eth 192.168.0.3 ─── p3 ┘
function nodes(sketches: readonly NodeSketch[], port: Partial<LinkSketch> = {}): Topology {
  const numbered = sketches.map((sketch, index) => ({ ...sketch, number: index + 1 }));
  const ports = numbered.map(({ number }) => [`p${number}`, { peer: `eth@n${number}`, master: 'sw', ...port }]);
  return topology({
    ...Object.fromEntries(
      numbered.map(({ number, sends = [], data, vx, eth, rest }) => [
        `n${number}`,
        {
          links: {
            eth: { peer: `p${number}@tor`, addresses: [`192.168.0.${number}/24`], ...eth },
            vx: {
              kind: 'vxlan',
              mtu: 1450,
              addresses: [`10.8.0.${number}/24`],
              data: { id: 42, port: 4789, local: `192.168.0.${number}`, learning: true, ...data },
              ...vx,
            },
          },
          fdb: sends.map(entry),
          ...rest,
        },
      ]),
    ),
    tor: { links: { sw: { kind: 'bridge' }, ...Object.fromEntries(ports) } },
  });
}

function entry(text: string): Partial<FdbEntry> {
  const [mac = '', remote] = text.includes(' ') ? text.split(' ') : [ALL, text];
  return { mac, device: 'vx', state: 'permanent', flags: ['self'], ...(remote === undefined ? {} : { remote }) };
}

const MESH: readonly NodeSketch[] = [{ sends: ['192.168.0.2'] }, { sends: ['192.168.0.1'] }];
const VX2 = macOf(1, 3);

function ping(state: Topology, options: { sizeBytes?: number; dontFragment?: 'do' | 'want' | 'dont' } = {}) {
  const path = expectPath(state, { start: { netns: 'n1', name: 'vx' }, destination: '10.8.0.2', ...options });
  const gates = path.legs.flatMap(({ steps }) => steps.flatMap((step) => (step.kind === 'gate' ? [step.gate] : [])));
  return { ...path, stops: gates.filter(({ verdict }) => verdict === 'stop').map(word), gates };
}

function word(gate: Gate): string {
  const about =
    gate.kind === 'vxlan' || gate.kind === 'mtu' ? ` ${gate.by}` : gate.kind === 'filter' ? ` ${gate.hook}` : '';
  return `${gate.kind}${about} at ${gate.place.name}@${gate.place.netns}${gate.tunnel ? ' in a tunnel' : ''}`;
}

describe('a frame in VXLAN', () => {
  it('goes by the underlay, and the nodes ask for each other first', () => {
    const { end, legs } = ping(nodes(MESH));
    expect(end).toBe('delivered');
    expect(
      legs.map(({ kind, destination, steps }) => {
        const places = steps.flatMap((step) =>
          step.kind === 'place' ? [`${step.place.name}@${step.place.netns}${step.outer ? '*' : ''}`] : [],
        );
        return `${kind} ${destination}: ${places.join(' ')}`;
      }),
    ).toEqual([
      'echo-request 10.8.0.2: ',
      'arp-request 10.8.0.2: vx@n1',
      'arp-request 192.168.0.2: eth@n1 p1@tor p2@tor eth@n2',
      'arp-reply 192.168.0.2: eth@n2 p2@tor p1@tor eth@n1',
      'arp-request 10.8.0.2: eth@n1* p1@tor* p2@tor* eth@n2* vx@n2',
      'arp-reply 10.8.0.2: vx@n2 eth@n2* p2@tor* p1@tor* eth@n1* vx@n1',
      'echo-request 10.8.0.2: vx@n1 eth@n1* p1@tor* p2@tor* eth@n2* vx@n2',
      'echo-reply 10.8.0.1: ',
      'echo-reply 10.8.0.1: vx@n2 eth@n2* p2@tor* p1@tor* eth@n1* vx@n1',
    ]);
  });

  it('goes nowhere without an entry, and on to the node that has the owner all the same', () => {
    const { stops, gates } = ping(nodes([{}, MESH[1] ?? {}]));
    expect(stops[0]).toBe('vxlan remote at vx@n1');
    expect(gates.find(({ kind }) => kind === 'vxlan')).toMatchObject({
      peer: { place: { netns: 'n2', name: 'vx' }, address: '192.168.0.2' },
    });
  });

  it('does not come to a node that is in no entry for broadcasts', () => {
    const three = nodes([{ sends: ['192.168.0.3'] }, { sends: ['192.168.0.1'] }, { sends: ['192.168.0.1'] }]);
    expect(ping(three).stops[0]).toBe('vxlan remote at vx@n1');
    const port = portAt(three, { netns: 'n1', name: 'vx' });
    const arrivals = port ? transmit(createWorld(three), port, { source: port.link.mac, destination: BROADCAST }) : [];
    expect(arrivals.map((arrival) => [arrival.port.namespace.id, arrival.stops])).toEqual([
      ['n3', 0],
      ['n2', 1],
    ]);
  });

  it('goes astray by an entry for the wrong node', () => {
    const known = { neighbours: [`10.8.0.2 dev vx lladdr ${VX2} PERMANENT`] };
    const wrong = [
      { sends: ['192.168.0.2', `${VX2} 192.168.0.3`], rest: known },
      MESH[1] ?? {},
      { sends: ['192.168.0.1'] },
    ];
    const { stops, gates } = ping(nodes(wrong));
    // The answer comes from where the entry does not have its sender.
    expect([...new Set(stops)]).toEqual(['vxlan astray at vx@n1', 'vxlan moved at vx@n1']);
    expect(gates.find(({ kind }) => kind === 'vxlan')).toMatchObject({
      remote: '192.168.0.3',
      peer: { address: '192.168.0.2' },
    });
  });

  it('is not taken from a sender that is known by hand elsewhere, where the device learns', () => {
    const mac = macOf(0, 3);
    const sends = ['192.168.0.1', `${mac} 192.168.0.9`];
    expect(ping(nodes([MESH[0] ?? {}, { sends }])).stops[0]).toBe('vxlan moved at vx@n2');
    const unlearning = ping(nodes([MESH[0] ?? {}, { sends, data: { learning: false } }]));
    expect(unlearning.stops[0]).not.toContain('moved');
  });

  it.each([
    ['another identifier', { id: 43 }, 'vxlan vni at eth@n2'],
    ['another port', { port: 8472 }, 'vxlan port at eth@n2'],
  ])('is taken by no device of %s', (_, data, expected) => {
    expect(ping(nodes([MESH[0] ?? {}, { sends: ['192.168.0.1'], data }])).stops[0]).toBe(expected);
  });

  it('is taken by nobody where there is no device', () => {
    const state = nodes([MESH[0] ?? {}, { vx: { kind: 'dummy' } }]);
    expect(ping(state).stops[0]).toBe('vxlan absent at eth@n2');
  });

  it('needs a route to the node, and who has its address', () => {
    const far = { eth: { addresses: ['203.0.113.9/24'] }, data: { local: '203.0.113.9' } };
    expect(ping(nodes([{ sends: ['203.0.113.9'] }, far])).stops[0]).toBe('vxlan route at vx@n1');
    const gone = nodes([MESH[0] ?? {}, { ...MESH[1], eth: { addresses: ['192.168.0.77/24'] } }]);
    expect(ping(gone).stops[0]).toMatch(/^(owner at eth@n1|vxlan remote at vx@n1)$/);
  });

  it('is answered for by a device that is a proxy, or asked for in vain', () => {
    const data = { proxy: true };
    const known = { neighbours: [`10.8.0.2 dev vx lladdr ${VX2} PERMANENT`] };
    const one = nodes([{ data, sends: [`${VX2} 192.168.0.2`], rest: known }, MESH[1] ?? {}]);
    expect(ping(one).stops).toEqual([]);
    expect(ping(nodes([{ data, sends: ['192.168.0.2'] }, MESH[1] ?? {}])).stops[0]).toBe('vxlan proxy at vx@n1');
  });

  it('is followed by its UDP port through filters', () => {
    const chain = { family: 'inet', table: 't', name: 'in', hook: 'input', prio: 0, type: 'filter', policy: 'accept' };
    const drop = (protocol: string, field: string, right: number | string) => ({
      rule: {
        family: 'inet',
        table: 't',
        chain: 'in',
        handle: 2,
        expr: [{ match: { op: '==', left: { payload: { protocol, field } }, right } }, { drop: null }],
      },
    });
    const filtered = (rule: unknown) =>
      ping(nodes([MESH[0] ?? {}, { ...MESH[1], rest: { nftables: [{ chain }, rule] } }])).stops[0];
    expect(filtered(drop('udp', 'dport', 4789))).toBe('filter input at eth@n2 in a tunnel');
    expect(filtered(drop('udp', 'dport', 8472))).toBeUndefined();
    expect(filtered(drop('icmp', 'type', 'echo-request'))).toBe('filter input at vx@n2');
  });

  it('is too long for a switch on its way, or is cut', () => {
    const narrow = nodes(MESH, { mtu: 1400 });
    expect(ping(narrow, { sizeBytes: 1300 }).stops).toEqual([]);
    expect(ping(narrow, { sizeBytes: 1400 }).stops[0]).toBe('mtu peer at p1@tor in a tunnel');
    const wide = { vx: { mtu: 1500 } };
    const cut = nodes(MESH.map((node) => ({ ...node, ...wide })));
    expect(ping(cut, { sizeBytes: 1450 }).stops).toEqual([]);
    const whole = nodes(MESH.map((node) => ({ ...node, ...wide, data: { df: 'set' } })));
    expect(ping(whole, { sizeBytes: 1450 }).stops[0]).toBe('mtu sender at eth@n1 in a tunnel');
  });

  it('through itself ends: the kernel sends none', () => {
    const inside = nodes([{ sends: ['10.8.0.2'] }, MESH[1] ?? {}]);
    expect(ping(inside).end).not.toBe('delivered');
  });
});
