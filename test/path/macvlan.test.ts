import { describe, expect, it } from 'vitest';
import type { MacvlanGate } from '../../src/path/gate.ts';
import { BROADCAST, transmit } from '../../src/path/layer2.ts';
import { createWorld, portAt } from '../../src/path/world.ts';
import { at } from '../trace/frames.ts';
import { type LinkSketch, macOf, topology } from './topology.ts';

//   c1: m1 ┐
//          ├ low (node) ─── far (wire), a host or a port of a bridge there
//   c2: m2 ┘
function node(m1: Partial<LinkSketch>, m2: Partial<LinkSketch>, far: LinkSketch = {}) {
  const switched = far.master !== undefined;
  return topology({
    node: { links: { low: { peer: 'far@wire' } } },
    c1: { links: { m1: { on: 'low@node', ...m1 } } },
    c2: { links: { m2: { on: 'low@node', ...m2 } } },
    wire: { links: { far: { peer: 'low@node', ...far }, ...(switched ? { sw: { kind: 'bridge' } } : {}) } },
  });
}

const LOW = macOf(0, 2);
const M1 = macOf(1, 2);
const M2 = macOf(2, 2);

/** The gates of macvlans on the way of a frame with the fewest stops to `to`; `nobody` where it does not come there at all. */
function kept(world: ReturnType<typeof node>, from: string, to: string, destination: string): string[] | 'nobody' {
  const port = portAt(world, at(from));
  if (!port) throw new Error(`no interface ${from}`);
  const frame = { source: port.link.mac, destination };
  const arrivals = transmit(createWorld(world), port, frame)
    .filter((arrival) => `${arrival.port.link.name}@${arrival.port.namespace.id}` === to)
    .sort((a, b) => a.stops - b.stops);
  return (
    arrivals[0]?.steps.flatMap((step) =>
      step.kind === 'gate' && step.gate.kind === 'macvlan' ? [word(step.gate)] : [],
    ) ?? 'nobody'
  );
}

const word = ({ by, verdict }: MacvlanGate) => `${by} ${verdict}`;

describe('what a macvlan gets', () => {
  it.each([
    ['bridge', 'bridge', []],
    ['bridge', 'private', ['private stop']],
    ['private', 'bridge', ['private stop']],
    ['vepa', 'vepa', ['vepa stop']],
    ['bridge', 'vepa', ['vepa stop']],
  ])('of a sibling, %s to %s', (one, other, expected) => {
    const world = node({ mode: one }, { mode: other });
    expect(kept(world, 'm1@c1', 'm2@c2', BROADCAST)).toEqual(expected);
    expect(kept(world, 'm1@c1', 'm2@c2', M2)).toEqual(expected);
  });

  it('of a sibling that relies on a switch, from one that sends back', () => {
    const hairpin = node({ mode: 'vepa' }, { mode: 'vepa' }, { master: 'sw', port: { hairpin: true } });
    expect(kept(hairpin, 'm1@c1', 'm2@c2', BROADCAST)).toEqual([]);
    expect(kept(hairpin, 'm1@c1', 'm2@c2', M2)).toEqual([]);
    const both = node({ mode: 'private' }, { mode: 'vepa' }, { master: 'sw', port: { hairpin: true } });
    expect(kept(both, 'm1@c1', 'm2@c2', BROADCAST)).toEqual(['private stop']);
  });

  it('of the device below it, and that of it: nothing, but by a switch that sends back', () => {
    const alone = node({}, {});
    expect(kept(alone, 'low@node', 'm1@c1', BROADCAST)).toEqual(['parent stop']);
    expect(kept(alone, 'low@node', 'm1@c1', M1)).toEqual(['parent stop']);
    expect(kept(alone, 'm1@c1', 'low@node', BROADCAST)).toEqual(['parent stop']);
    expect(kept(alone, 'm1@c1', 'low@node', LOW)).toEqual(['parent stop']);
    const hairpin = node({ mode: 'vepa' }, {}, { master: 'sw', port: { hairpin: true } });
    expect(kept(hairpin, 'low@node', 'm1@c1', BROADCAST)).toEqual([]);
    expect(kept(hairpin, 'm1@c1', 'low@node', BROADCAST)).toEqual([]);
  });

  it('from the wire, whatever its mode but for senders that are not listed', () => {
    for (const mode of ['bridge', 'private', 'vepa'])
      expect(kept(node({ mode }, {}), 'far@wire', 'm1@c1', BROADCAST)).toEqual([]);
    const far = macOf(3, 2);
    expect(kept(node({ mode: 'source' }, {}), 'far@wire', 'm1@c1', BROADCAST)).toEqual(['source stop']);
    const listed = { mode: 'source', data: { macaddr_data: [far.toUpperCase()] } };
    expect(kept(node(listed, {}), 'far@wire', 'm1@c1', M1)).toEqual([]);
  });

  it('in mode passthru is all that is for the device below it', () => {
    const world = topology({
      node: { links: { low: { peer: 'far@wire' } } },
      c1: { links: { m1: { on: 'low@node', mode: 'passthru', mac: LOW } } },
      wire: { links: { far: { peer: 'low@node' } } },
    });
    expect(kept(world, 'far@wire', 'm1@c1', LOW)).toEqual([]);
    expect(kept(world, 'far@wire', 'low@node', LOW)).toEqual(['passthru stop']);
    expect(kept(world, 'far@wire', 'low@node', BROADCAST)).toEqual([]);
  });
});
