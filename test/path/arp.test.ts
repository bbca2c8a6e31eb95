import { describe, expect, it } from 'vitest';
import { resolve } from '../../src/path/arp.ts';
import type { Gate } from '../../src/path/gate.ts';
import { createTrail } from '../../src/path/trail.ts';
import { createWorld, portAt } from '../../src/path/world.ts';
import type { Topology } from '../../src/topology/model.ts';
import { at } from '../trace/frames.ts';
import { type LinkSketch, macOf, type NamespaceSketch, topology } from './topology.ts';

//   home: eth0 10.9.0.2/24 ─── eth0 10.9.0.3/24 (far), with eth1 172.16.0.1/24 beside it
function pair(far: LinkSketch = {}, near: LinkSketch = {}, farMore: NamespaceSketch = {}): Topology {
  return topology({
    home: { links: { eth0: { peer: 'eth0@far', addresses: ['10.9.0.2/24'], ...near } } },
    far: {
      links: {
        eth0: { peer: 'eth0@home', addresses: ['10.9.0.3/24'], ...far },
        eth1: { addresses: ['172.16.0.1/24'] },
      },
      ...farMore,
    },
  });
}
const FAR = macOf(1, 2);

interface Outcome {
  readonly mac: string | undefined;
  /** `arp-request 10.9.0.2 10.9.0.3` */
  readonly legs: readonly string[];
  readonly gates: readonly Gate[];
  /** `kind by place`, those that stop. */
  readonly stops: readonly string[];
}

function asked(built: Topology, target = '10.9.0.3', packetSource = '10.9.0.2', from = 'eth0'): Outcome {
  const port = portAt(built, at(from));
  if (!port) throw new Error(`no interface ${from}`);
  const trail = createTrail();
  const hop = { address: target, gateway: false, assumedOnLink: false };
  const resolved = resolve(createWorld(built), trail, port, packetSource, hop);
  const gates = trail.legs.flatMap(({ steps }) => steps.flatMap((step) => (step.kind === 'gate' ? step.gate : [])));
  return {
    mac: resolved?.mac,
    legs: trail.legs.map(({ kind, source, destination }) => `${kind} ${source} ${destination}`),
    gates,
    stops: gates
      .filter(({ verdict }) => verdict === 'stop')
      .map((gate) =>
        `${gate.kind} ${gate.kind === 'arp-answer' ? gate.by : ''} ${gate.place.name}@${gate.place.netns}`.replace(
          '  ',
          ' ',
        ),
      ),
  };
}

const EXCHANGE = ['arp-request 10.9.0.2 10.9.0.3', 'arp-reply 10.9.0.2 10.9.0.3'];

describe('the hardware address', () => {
  it('is asked for, and the owner answers', () => {
    expect(asked(pair())).toMatchObject({ mac: FAR, legs: EXCHANGE, stops: [] });
  });

  it.each(['REACHABLE', 'STALE', 'DELAY', 'PROBE', 'PERMANENT', 'NOARP'])(
    'is taken from an entry that is %s',
    (state) => {
      const home = {
        links: { eth0: { addresses: ['10.9.0.2/24'] } },
        neighbours: [`10.9.0.3 dev eth0 lladdr 02:00:00:00:77:77 ${state}`],
      };
      expect(asked(topology({ home }))).toMatchObject({ mac: '02:00:00:00:77:77', legs: [] });
    },
  );

  it.each(['INCOMPLETE', 'FAILED'])('is asked for again where the entry is %s', (state) => {
    const built = pair();
    const [home, far] = built.namespaces;
    if (!home || !far) throw new Error('no namespaces');
    const neighbours = [{ family: 4, address: '10.9.0.3', device: 'eth0', state, proxy: false } as const];
    expect(asked({ ...built, namespaces: [{ ...home, neighbours }, far] }).legs).toEqual(EXCHANGE);
  });

  it('of a device without ARP is its own', () => {
    expect(asked(pair({}, { noArp: true }))).toMatchObject({ mac: macOf(0, 2), legs: [] });
  });

  it('is nobody’s where no stack on the segment owns it', () => {
    const lost = asked(pair(), '10.9.0.9');
    expect(lost).toMatchObject({ mac: undefined, stops: ['owner eth0@home'] });
    expect(lost.gates.at(-1)).toMatchObject({ kind: 'owner', target: '10.9.0.9', elsewhere: [], outside: [] });
    const gone = topology({
      home: { links: { eth0: { peer: 'eth0@far', addresses: ['10.9.0.2/24'] } } },
      far: { links: { eth0: { peer: 'eth0@home' } } },
      other: { links: { eth7: { addresses: ['10.9.0.9/24'] } } },
    });
    expect(asked(gone, '10.9.0.9').gates.at(-1)).toMatchObject({ verdict: 'stop', elsewhere: [at('eth7@other')] });
  });

  it('may be that of somebody outside, and that is not known', () => {
    const outside = asked(topology({ home: { links: { eth0: { addresses: ['10.9.0.2/24'] } } } }));
    expect(outside.gates.at(-1)).toMatchObject({ kind: 'owner', verdict: 'unknown', outside: [at('eth0')] });
  });

  it('is answered for by any interface of the owner’s stack', () => {
    expect(asked(pair(), '172.16.0.1')).toMatchObject({ mac: FAR, stops: [] });
  });
});

describe('the owner keeps silent', () => {
  it('with ARP off', () => {
    expect(asked(pair({ noArp: true })).stops).toEqual(['arp-answer noarp eth0@far']);
  });

  it.each([
    [0, '172.16.0.1', true],
    [1, '172.16.0.1', false],
    [1, '10.9.0.3', true],
    [2, '172.16.0.1', false],
    [2, '10.9.0.3', true],
    [3, '10.9.0.3', true],
    [8, '10.9.0.3', false],
  ])('by arp_ignore %i, asked for %s: %s', (arp_ignore, target, answers) => {
    expect(asked(pair({ ipv4: { arp_ignore } }), target).stops).toEqual(
      answers ? [] : ['arp-answer arp_ignore eth0@far'],
    );
    const all = pair({}, {}, { sysctls: { 'ipv4.conf.all.arp_ignore': arp_ignore } });
    expect(asked(all, target).stops).toHaveLength(answers ? 0 : 1);
  });

  it('by arp_ignore 2, asked from another subnet', () => {
    const stranger = { addresses: ['10.8.0.2/24'] };
    const routed = { routes: ['10.8.0.0/24 dev eth0'] };
    const sender = (arp_ignore: number) =>
      asked(pair({ ipv4: { arp_ignore } }, stranger, routed), '10.9.0.3', '10.8.0.2');
    expect(sender(1).stops).toEqual([]);
    expect(sender(2).stops).toEqual(['arp-answer arp_ignore eth0@far']);
  });

  it('by arp_ignore 3, asked for an address of scope host on any device', () => {
    const links = {
      eth0: { peer: 'eth0@home', addresses: ['10.9.0.3/24'], ipv4: { arp_ignore: 3 } },
      eth1: { addresses: ['172.16.0.1/32 scope host', '172.16.0.2/32'] },
    };
    expect(asked(pair({}, {}, { links }), '172.16.0.1').stops).toEqual(['arp-answer arp_ignore eth0@far']);
    expect(asked(pair({}, {}, { links }), '172.16.0.2').stops).toEqual([]);
  });

  it('by arp_filter, when the way back is by another device', () => {
    const elsewhere = { routes: ['10.9.0.2/32 dev eth1'] };
    const filter = { ipv4: { arp_filter: 1 } };
    expect(asked(pair(filter)).stops).toEqual([]);
    expect(asked(pair(filter, {}, elsewhere)).stops).toEqual(['arp-answer arp_filter eth0@far']);
    expect(asked(pair({}, {}, elsewhere)).stops).toEqual([]);
  });

  it('by source validation, when the way back is by another device', () => {
    const elsewhere = { routes: ['10.9.0.2/32 dev eth1'] };
    expect(asked(pair({ ipv4: { rp_filter: 1 } }, {}, elsewhere)).stops).toEqual(['source eth0@far']);
    expect(asked(pair({ ipv4: { rp_filter: 2 } }, {}, elsewhere)).stops).toEqual([]);
  });

  it('not at all while it is not known what its settings are', () => {
    const built = pair();
    const blind = built.namespaces.map((namespace) => ({ ...namespace, sysctls: {} }));
    const { gates } = asked({ ...built, namespaces: blind });
    expect(gates.filter(({ verdict }) => verdict === 'unknown').map(({ kind }) => kind)).toEqual([
      'source',
      'arp-answer',
    ]);
  });
});

describe('a router answers for the owner', () => {
  const router = (ipv4: Record<string, number>, more: NamespaceSketch = {}) => pair({ ipv4 }, {}, more);
  const proxied = { mac: FAR, stops: [] };
  const nobody = { mac: undefined, stops: ['owner eth0@home'] };

  it('by proxy_arp, where it forwards and has a route by another device', () => {
    expect(asked(router({ proxy_arp: 1, forwarding: 1 }), '172.16.0.9')).toMatchObject(proxied);
    expect(asked(router({ proxy_arp: 0, forwarding: 1 }), '172.16.0.9')).toMatchObject(nobody);
    expect(asked(router({ proxy_arp: 1, forwarding: 0 }), '172.16.0.9')).toMatchObject(nobody);
    expect(asked(router({ proxy_arp: 1, forwarding: 1 }), '10.9.0.9')).toMatchObject(nobody);
    expect(asked(router({ proxy_arp: 1, forwarding: 1 }), '198.51.100.1')).toMatchObject(nobody);
  });

  it('by a published entry', () => {
    const published = { neighbours: ['proxy 172.16.0.9 dev eth0'] };
    expect(asked(router({ forwarding: 1 }, published), '172.16.0.9')).toMatchObject(proxied);
    expect(asked(router({ forwarding: 1 }, published), '172.16.0.8')).toMatchObject(nobody);
  });

  it('unless the asker’s address does not pass its source validation', () => {
    const built = router({ proxy_arp: 1, forwarding: 1, rp_filter: 1 }, { routes: ['10.9.0.2/32 dev eth1'] });
    expect(asked(built, '172.16.0.9').stops).toEqual(['source eth0@far']);
  });
});

describe('the asker gives as its address', () => {
  //   eth0 10.9.0.2/24, eth1 172.16.5.1/24: a packet from 172.16.5.1 leaves by eth0
  const announced = (arp_announce: number, source: string, eth0 = ['10.9.0.2/24'], target = '10.9.0.3') => {
    const links = { eth0: { addresses: eth0, ipv4: { arp_announce } }, eth1: { addresses: ['172.16.5.1/24'] } };
    return asked(topology({ home: { links } }), target, source).legs[0]?.split(' ')[1];
  };

  it.each([
    [0, '172.16.5.1', '172.16.5.1'],
    [1, '172.16.5.1', '10.9.0.2'],
    [1, '10.9.0.2', '10.9.0.2'],
    [2, '172.16.5.1', '10.9.0.2'],
    [2, '10.9.0.2', '10.9.0.2'],
    [0, '198.51.100.1', '10.9.0.2'],
  ])('with arp_announce %i and a packet from %s: %s', (announce, source, expected) => {
    expect(announced(announce, source)).toBe(expected);
  });

  it('with arp_announce 2, the address that is nearest to the target, not the packet’s', () => {
    const two = ['10.9.0.2/24', '10.8.0.2/24'];
    expect(announced(2, '10.9.0.2', two, '10.8.0.3')).toBe('10.8.0.2');
    expect(announced(0, '10.9.0.2', two, '10.8.0.3')).toBe('10.9.0.2');
    expect(announced(1, '10.9.0.2', two, '10.8.0.3')).toBe('10.8.0.2');
  });
});
