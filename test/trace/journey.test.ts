import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTracer, type Journey, sightingAt, startNs } from '../../src/trace/journey.ts';
import type { Sighting } from '../../src/trace/sighting.ts';
import { arpReply, arpRequest, at, echo, inOrder, ipv4, probeData, sightings, visitOf, ZERO_NS } from './frames.ts';

//   c1: eth0 ─── vA ┐
//                   br0 (home)
//   c2: eth0 ─── vB ┘
const BROADCAST_WAY = ['eth0@c1 out', 'vA in', 'br0 in', 'vB out', 'eth0@c2 in'];
const request = arpRequest('10.9.0.2', '10.9.0.3');

function traced(all: readonly Sighting[]): readonly Journey[] {
  const tracer = createTracer();
  for (const sighting of inOrder(all)) tracer.add(sighting);
  return tracer.journeys();
}

function visits(journeys: readonly Journey[]): string[][] {
  return journeys.map((journey) => journey.sightings.map(visitOf));
}

describe('one packet', () => {
  it('is one journey across interfaces and namespaces, numbered from 1', () => {
    const journeys = traced(sightings(BROADCAST_WAY, request, 0, 3));
    expect(visits(journeys)).toEqual([BROADCAST_WAY]);
    expect(journeys[0]).toMatchObject({ id: 1, kind: 'arp-request' });
    expect(journeys[0] && startNs(journeys[0])).toBe(ZERO_NS);
  });

  it('seen on port and bridge with one time stamp keeps the order of its stream', () => {
    expect(visits(traced(sightings(BROADCAST_WAY, request)))).toEqual([BROADCAST_WAY]);
  });

  it('flooded to many ports is still one', () => {
    const ports = Array.from({ length: 30 }, (_, port) => [`v${port} out`, `eth0@c${port} in`]).flat();
    expect(visits(traced(sightings(['br0 out', ...ports], request, 0, 1)))).toEqual([['br0 out', ...ports]]);
  });

  it('that comes back by the place it went out is one: out and in are two visits', () => {
    const way = ['vA in', 'br0 in', 'br0 out', 'vA out'];
    expect(visits(traced(sightings(way, request, 0, 3)))).toEqual([way]);
  });

  it('may be stamped a little earlier where it is read later', () => {
    const read = (microseconds: number) => {
      const tracer = createTracer();
      for (const sighting of sightings(['vA in'], request, microseconds)) tracer.add(sighting);
      for (const sighting of sightings(['eth0@c2 in'], request, 0)) tracer.add(sighting);
      return tracer.journeys().length;
    };
    expect(read(200)).toBe(1);
    expect(read(201)).toBe(2);
  });

  it('of no interest is in none', () => {
    expect(traced(sightings(['vA in'], ipv4({ protocol: 6 }, new Uint8Array(20))))).toEqual([]);
  });

  it('keeps its later fragments beside its sightings', () => {
    const data = probeData(1, 1460);
    const first = echo('request', 1, { data, ip: { moreFragments: true } });
    const tracer = createTracer();
    for (const sighting of sightings(['eth0@c1 out', 'vA in'], first, 0, 2)) tracer.add(sighting);
    // The sighter gave them the name of their train: here it is given by hand.
    const [named] = sightings(['vA in'], first);
    for (const tail of sightings(['vA in', 'vA in'], ipv4({ fragmentOffset: 1480 }, data), 5))
      tracer.add({ ...tail, kind: 'echo-request', identity: named?.identity ?? '' });
    expect(visits(tracer.journeys())).toEqual([['eth0@c1 out', 'vA in']]);
    expect(tracer.journeys()[0]?.fragments).toHaveLength(2);
  });
});

describe('retries, identical byte for byte', () => {
  const retry = (count: number, way: readonly string[]) =>
    Array.from({ length: count }, (_, k) => sightings(way, request, k * 1_000_000, 3));

  it('are as many journeys: the k-th at one place goes with the k-th at the next', () => {
    expect(visits(traced(retry(3, BROADCAST_WAY).flat()))).toEqual([BROADCAST_WAY, BROADCAST_WAY, BROADCAST_WAY]);
  });

  it.each([0, 1, 2])('number %i lost at the second place leaves the others whole', (lost) => {
    const all = retry(3, BROADCAST_WAY).map((one, k) => (k === lost ? one.slice(0, 2) : one));
    const expected = [0, 1, 2].map((k) => (k === lost ? BROADCAST_WAY.slice(0, 2) : BROADCAST_WAY));
    expect(visits(traced(all.flat()))).toEqual(expected);
  });

  it('100 ms apart, as a program sends them, do not take over what an earlier one lost', () => {
    const lost = sightings(BROADCAST_WAY.slice(0, 2), request, 0, 3);
    const whole = sightings(BROADCAST_WAY, request, 100_000, 3);
    expect(visits(traced([...lost, ...whole]))).toEqual([BROADCAST_WAY.slice(0, 2), BROADCAST_WAY]);
  });

  it('in one burst go first in, first out', () => {
    const burst = [
      ...sightings(['eth0@c1 out', 'eth0@c1 out', 'eth0@c1 out'], request, 0, 100),
      ...sightings(['vA in', 'vA in', 'vA in'], request, 400, 100),
    ];
    const journeys = traced(burst);
    expect(visits(journeys)).toEqual(Array(3).fill(['eth0@c1 out', 'vA in']));
    const times = journeys.map((journey) => journey.sightings.map(({ frame }) => (frame.timeNs - ZERO_NS) / 1000n));
    expect(times).toEqual([
      [0n, 400n],
      [100n, 500n],
      [200n, 600n],
    ]);
  });

  it('seen at the second place half a second later are other packets, but not a probe with its own number', () => {
    const late = (packet: Parameters<typeof sightings>[1], microseconds: number) =>
      visits(traced([...sightings(['vA in'], packet), ...sightings(['vB out'], packet, microseconds)]));
    expect(late(request, 500_000)).toEqual([['vA in', 'vB out']]);
    expect(late(request, 500_001)).toEqual([['vA in'], ['vB out']]);
    expect(late(echo('request', 1), 60_000_000)).toEqual([['vA in', 'vB out']]);
    expect(late(echo('request', 1), 60_000_001)).toEqual([['vA in'], ['vB out']]);
  });
});

describe('a duplicate', () => {
  it('is another journey from the place on where it is seen twice', () => {
    const reply = echo('reply', 1);
    const all = [...sightings(['eth0@c2 out', 'vB in', 'br0 in'], reply, 0, 3), ...sightings(['br0 in'], reply, 20)];
    expect(visits(traced(all))).toEqual([['eth0@c2 out', 'vB in', 'br0 in'], ['br0 in']]);
  });

  it('does not touch packets of another identity beside it', () => {
    const other = arpRequest('10.9.0.4', '10.9.0.3');
    const answer = arpReply('10.9.0.3', '10.9.0.2');
    const all = [
      ...sightings(BROADCAST_WAY, request, 0, 10),
      ...sightings(BROADCAST_WAY, other, 5, 10),
      ...sightings(['eth0@c2 out', 'vB in'], answer, 60, 3),
    ];
    expect(visits(traced(all))).toEqual([BROADCAST_WAY, BROADCAST_WAY, ['eth0@c2 out', 'vB in']]);
  });

  it('storm is kept in bounded work: what is too many journeys ago is not looked at, and nothing is lost', () => {
    const storm = Array.from({ length: 500 }, (_, k) => sightings(['vA in'], request, k));
    expect(traced(storm.flat())).toHaveLength(500);
  });
});

describe('equal times', () => {
  // Ring order is kept inside a place; places may be interleaved in any way.
  const interleaved = fc.shuffledSubarray(
    Array.from({ length: 3 }, (_, round) => BROADCAST_WAY.map((visit) => ({ visit, round }))).flat(),
    { minLength: 15 },
  );

  it('in any interleaving of places never lose a sighting, and make as many journeys as there are packets', () => {
    fc.assert(
      fc.property(interleaved, (order) => {
        const journeys = traced(order.flatMap(({ visit }) => sightings([visit], request)));
        const seen = journeys.flatMap((journey) => journey.sightings.map(visitOf));
        expect(seen.sort()).toEqual([...BROADCAST_WAY, ...BROADCAST_WAY, ...BROADCAST_WAY].sort());
        expect(journeys).toHaveLength(3);
      }),
    );
  });

  it('of probes with numbers of their own never mix two probes', () => {
    const way = ['eth0@c1 out', 'vA in', 'vB out'];
    const all = [1, 2, 3].flatMap((sequence) => way.map((visit) => ({ visit, sequence })));
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (order) => {
        const journeys = traced(order.flatMap(({ visit, sequence }) => sightings([visit], echo('request', sequence))));
        expect(journeys.map(({ sequence }) => sequence).sort()).toEqual([1, 2, 3]);
        for (const { sightings: seen } of journeys) expect(seen.map(visitOf).sort()).toEqual([...way].sort());
      }),
    );
  });
});

describe('the sighting at a place', () => {
  const [journey] = traced(sightings(['vA in', 'br0 out', 'vA out'], request, 0, 3));

  it('is found by direction, or the first in either', () => {
    if (!journey) throw new Error('no journey');
    expect(sightingAt(journey, at('vA'))).toBe(journey.sightings[0]);
    expect(sightingAt(journey, at('vA'), 'out')).toBe(journey.sightings[2]);
    expect(sightingAt(journey, at('br0'), 'in')).toBeUndefined();
    expect(sightingAt(journey, at('vA@c1'))).toBeUndefined();
  });

  it('counts for both directions where the recording names none', () => {
    const [unknown] = traced(sightings(['vA ?'], request));
    expect(unknown && sightingAt(unknown, at('vA'), 'out')).toBe(unknown?.sightings[0]);
  });
});
