import { describe, expect, it } from 'vitest';
import type { Gate } from '../../src/path/gate.ts';
import { BROADCAST, transmit } from '../../src/path/layer2.ts';
import { createWorld, portAt, type World } from '../../src/path/world.ts';
import type { FdbEntry } from '../../src/topology/model.ts';
import { at } from '../trace/frames.ts';
import { type LinkSketch, macOf, type NamespaceSketch, topology } from './topology.ts';

const UNKNOWN = '02:00:00:00:99:99';

function detailOf(gate: Gate): string {
  return gate.kind === 'macvlan' ? ` ${gate.by}` : 'flag' in gate ? ` ${gate.flag}` : '';
}

/** Every stack a frame comes to: `br0 <- vA`, the gates that stop it behind it. */
function reached(world: World, from: string, destination: string, source = UNKNOWN): string[] {
  const port = portAt(world.topology, at(from));
  if (!port) throw new Error(`no interface ${from}`);
  return transmit(world, port, { source, destination }).map(
    ({ port: { namespace, link }, steps, accepted, reaches }) => {
      const stops = steps.flatMap((step) =>
        step.kind === 'gate' && step.gate.verdict === 'stop'
          ? `${step.gate.kind}${detailOf(step.gate)} at ${step.gate.place.name}`
          : [],
      );
      const name = namespace.id === 'home' ? link.name : `${link.name}@${namespace.id}`;
      const how = reaches === 'stack' ? (accepted ? '' : ' for another') : ` ${reaches}`;
      return `${name}${how}${stops.length > 0 ? `: ${stops.join(', ')}` : ''}`;
    },
  );
}

//   c1: eth0 ─── vA ┐
//   c2: eth0 ─── vB ├ br0 (home)
//   c3: eth0 ─── vC ┘
function bridged(
  ports: Readonly<Record<string, LinkSketch>> = {},
  fdb: readonly Partial<FdbEntry>[] = [],
  bridge: LinkSketch = {},
): World {
  const sketches: Record<string, NamespaceSketch> = {};
  const port = (name: string, netns: string): Readonly<Record<string, LinkSketch>> => ({
    [name]: { peer: `eth0@${netns}`, master: 'br0', ...ports[name] },
  });
  sketches.home = {
    links: { br0: { kind: 'bridge', ...bridge }, ...port('vA', 'c1'), ...port('vB', 'c2'), ...port('vC', 'c3') },
    fdb,
  };
  for (const [netns, name] of [
    ['c1', 'vA'],
    ['c2', 'vB'],
    ['c3', 'vC'],
  ] as const)
    sketches[netns] = { links: { eth0: { peer: `${name}@home` } } };
  return createWorld(topology(sketches));
}
const C2 = macOf(2, 2);
const BRIDGE = macOf(0, 2);

describe('a frame over a bridge', () => {
  it('to everybody comes up to the bridge and out of every other port', () => {
    expect(reached(bridged(), 'eth0@c1', BROADCAST)).toEqual(['br0', 'eth0@c2', 'eth0@c3']);
    expect(reached(bridged(), 'br0', BROADCAST)).toEqual(['eth0@c1', 'eth0@c2', 'eth0@c3']);
  });

  it('to an unknown address is flooded, and taken by its owner alone', () => {
    expect(reached(bridged(), 'eth0@c1', C2)).toEqual(['eth0@c2', 'eth0@c3 for another']);
    expect(reached(bridged(), 'eth0@c1', BRIDGE)).toEqual(['br0']);
  });

  it('goes where the address was seen', () => {
    const learnt = bridged({}, [{ mac: C2, device: 'vB', master: 'br0' }]);
    expect(reached(learnt, 'eth0@c1', C2)).toEqual(['eth0@c2']);
    const world = bridged();
    reached(world, 'eth0@c2', BROADCAST, C2);
    expect(reached(world, 'eth0@c1', C2)).toEqual(['eth0@c2']);
  });

  it('follows an address that moved, unless the entry is sticky', () => {
    const entry = { mac: C2, device: 'vC', master: 'br0', state: 'static' };
    const moved = (flags: readonly string[]) => {
      const world = bridged({}, [{ ...entry, flags }]);
      expect(reached(world, 'eth0@c1', C2)).toEqual(['eth0@c2: fdb at vC']);
      reached(world, 'eth0@c2', BROADCAST, C2);
      return reached(world, 'eth0@c1', C2);
    };
    expect(moved([])).toEqual(['eth0@c2']);
    expect(moved(['sticky'])).toEqual(['eth0@c2: fdb at vC']);
  });

  it("to a permanent entry goes up to the host, which takes it for somebody else's; from the host it goes to the port", () => {
    const of = (mac: string) => bridged({}, [{ mac, device: 'vB', master: 'br0', state: 'permanent' }]);
    expect(reached(of(UNKNOWN), 'eth0@c1', UNKNOWN)).toEqual(['br0 for another']);
    expect(reached(of(C2), 'eth0@c1', C2)).toEqual(['eth0@c2: fdb at vB']);
    expect(reached(of(C2), 'br0', C2)).toEqual(['eth0@c2']);
  });

  it('to another port comes up to the bridge for somebody else, to its own port for the host', () => {
    expect(reached(bridged(), 'eth0@c1', macOf(0, 4))).toEqual(['br0 for another']);
    expect(reached(bridged(), 'eth0@c1', macOf(0, 3))).toEqual(['br0']);
  });

  it('that no port may have ends in the bridge', () => {
    const entry = { mac: UNKNOWN, device: 'vA', master: 'br0' };
    expect(reached(bridged({}, [entry]), 'eth0@c1', UNKNOWN)).toEqual(['br0 nobody']);
    const hairpin = bridged({ vA: { port: { hairpin: true } } }, [entry]);
    expect(reached(hairpin, 'eth0@c1', UNKNOWN)).toEqual(['eth0@c1 for another']);
    expect(reached(bridged({}, [{ ...entry, mac: C2 }]), 'eth0@c1', C2)).toEqual(['eth0@c2: fdb at vA']);
  });

  it('does not pass between isolated ports, but to and from others', () => {
    const isolated = { port: { isolated: true } };
    const world = bridged({ vA: isolated, vB: isolated });
    expect(reached(world, 'eth0@c1', BROADCAST)).toEqual(['br0', 'eth0@c2: port-flag isolated at vB', 'eth0@c3']);
    expect(reached(world, 'br0', BROADCAST)).toEqual(['eth0@c1', 'eth0@c2', 'eth0@c3']);
  });

  it('is not flooded out of a port that wants no floods', () => {
    const noBroadcast = bridged({ vB: { port: { bcastFlood: false } } });
    expect(reached(noBroadcast, 'eth0@c1', BROADCAST)[1]).toBe('eth0@c2: port-flag bcast_flood at vB');
    expect(reached(noBroadcast, 'br0', BROADCAST)[1]).toBe('eth0@c2');
    expect(reached(noBroadcast, 'eth0@c1', C2)[0]).toBe('eth0@c2');
    const noUnicast = { vB: { port: { flood: false } } };
    expect(reached(bridged(noUnicast), 'eth0@c1', C2)[0]).toBe('eth0@c2: port-flag flood at vB');
    expect(reached(bridged(noUnicast, [{ mac: C2, device: 'vB', master: 'br0' }]), 'eth0@c1', C2)).toEqual(['eth0@c2']);
    expect(reached(bridged(noUnicast), 'eth0@c1', BROADCAST)[1]).toBe('eth0@c2');
  });

  it.each(['listening', 'learning', 'blocking', 'disabled'] as const)('stops at a port that is %s', (state) => {
    expect(reached(bridged({ vA: { port: { state } } }), 'eth0@c1', BROADCAST)[0]).toBe('br0: port-state at vA');
    expect(reached(bridged({ vB: { port: { state } } }), 'eth0@c1', BROADCAST)[1]).toBe('eth0@c2: port-state at vB');
  });

  it('stops at a bridge that is down, and at a device that is down for that reason alone', () => {
    expect(reached(bridged({}, [], { down: true }), 'eth0@c1', BROADCAST)[0]).toBe('br0: port-state at vA');
    const portDown = bridged({ vB: { down: true, port: { state: 'disabled' } } });
    expect(reached(portDown, 'eth0@c1', BROADCAST)[1]).toBe('eth0@c2: device at vB');
  });
});

describe('a frame', () => {
  it('over a veth pair needs both ends up', () => {
    const pair = (a: LinkSketch, b: LinkSketch) =>
      reached(
        createWorld(
          topology({
            home: { links: { v0: { peer: 'v1@c1', ...a } } },
            c1: { links: { v1: { peer: 'v0@home', ...b } } },
          }),
        ),
        'v0',
        BROADCAST,
      );
    expect(pair({}, {})).toEqual(['v1@c1']);
    expect(pair({ down: true }, {})).toEqual(['v1@c1: device at v0']);
    expect(pair({}, { down: true })).toEqual(['v1@c1: device at v1']);
  });

  it('leaves this machine by a device without a known other end', () => {
    const world = createWorld(
      topology({ home: { links: { up0: {}, cut: { noCarrier: true }, v0: { kind: 'veth' } } } }),
    );
    expect(reached(world, 'up0', BROADCAST)).toEqual(['up0 outside']);
    expect(reached(world, 'cut', BROADCAST)).toEqual(['cut outside: device at cut']);
    expect(reached(world, 'v0', BROADCAST)).toEqual(['v0 outside']);
  });

  //   br0 ┬ a0 ─── a1 ┬ br1      two bridges, joined twice: a loop
  //       └ b0 ─── b1 ┘
  it('in a loop of bridges comes to an end', () => {
    const port = (peer: string, master: string) => ({ peer, master });
    const bridge = { kind: 'bridge' };
    const links = {
      br0: bridge,
      br1: bridge,
      a0: port('a1@home', 'br0'),
      a1: port('a0@home', 'br1'),
      b0: port('b1@home', 'br0'),
      b1: port('b0@home', 'br1'),
    };
    const stacks = reached(createWorld(topology({ home: { links } })), 'br0', BROADCAST);
    expect(new Set(stacks)).toEqual(new Set(['br0', 'br1']));
    expect(stacks.length).toBeLessThan(20);
  });

  //   home: up0 ┬ m1 (c1)      macvlans on one device, whose wire leaves the machine
  //             └ m2 (c2)
  it('between macvlans goes inside the driver, and never to their own device', () => {
    const world = createWorld(
      topology({
        home: { links: { up0: {} } },
        c1: { links: { m1: { on: 'up0@home' } } },
        c2: { links: { m2: { on: 'up0@home' } } },
      }),
    );
    expect(reached(world, 'm1@c1', BROADCAST)).toEqual(['m2@c2', 'up0: macvlan parent at up0', 'up0 outside']);
    expect(reached(world, 'm1@c1', macOf(2, 2))).toEqual(['m2@c2']);
    expect(reached(world, 'm1@c1', macOf(0, 2))).toEqual(['up0: macvlan parent at up0', 'up0 outside']);
    expect(reached(world, 'up0', macOf(1, 2))).toEqual(['m1@c1: macvlan parent at m1', 'up0 outside']);
  });

  it.each([
    ['private', (to: string) => [`${to}: macvlan private at ${to.slice(0, 2)}`, 'up0 outside']],
    // What a switch beyond the machine does is not known.
    ['vepa', (to: string) => ['up0 outside', to]],
  ])('between macvlans of mode %s goes by the wire', (mode, expected) => {
    const world = createWorld(
      topology({
        home: { links: { up0: {}, m1: { on: 'up0@home', mode } } },
        c2: { links: { m2: { on: 'up0@home' } } },
      }),
    );
    for (const [from, to] of [
      ['m1', 'm2@c2'],
      ['m2@c2', 'm1'],
    ] as const)
      expect(reached(world, from, BROADCAST)).toEqual(['up0: macvlan parent at up0', ...expected(to)]);
  });

  //   far: w0 ─── w1 with m1 (c1) on it
  it('from the wire comes to the macvlan it is for, and to all when it is for everybody', () => {
    const world = createWorld(
      topology({
        home: { links: { w1: { peer: 'w0@far' } } },
        far: { links: { w0: { peer: 'w1@home' } } },
        c1: { links: { m1: { on: 'w1@home' } } },
      }),
    );
    expect(reached(world, 'w0@far', BROADCAST)).toEqual(['w1', 'm1@c1']);
    expect(reached(world, 'w0@far', macOf(2, 2))).toEqual(['w1 for another', 'm1@c1']);
    expect(reached(world, 'w0@far', macOf(0, 2))).toEqual(['w1']);
  });
});
