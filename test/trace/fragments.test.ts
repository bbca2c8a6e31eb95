/** Whether all fragments of a packet came by a place. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lacksFragments } from '../../src/trace/fragments.ts';
import { createTracer } from '../../src/trace/journey.ts';
import { createSighter } from '../../src/trace/sight.ts';
import { echo, frame, ipv4, probeData, RUN } from './frames.ts';

const PIECE = 80;

/** The journey of a packet in `count` fragments, of which `at` were sighted at each place; the first is always there. */
function journeyOf(count: number, visits: Readonly<Record<string, readonly number[]>>) {
  const sight = createSighter(RUN);
  const tracer = createTracer();
  for (const [visit, numbers] of Object.entries(visits))
    for (const number of [0, ...numbers]) {
      const ip = { moreFragments: number < count - 1, fragmentOffset: number * PIECE };
      const packet =
        number === 0
          ? echo('request', 1, { data: probeData(1, PIECE - 8 - 12), ip })
          : ipv4(ip, new Uint8Array(PIECE).fill(number));
      tracer.add(sight(frame(visit, 0, packet)));
    }
  const [journey] = tracer.journeys();
  if (!journey) throw new Error('no journey');
  return journey;
}

const lacking = (journey: ReturnType<typeof journeyOf>) =>
  journey.sightings.filter((sighting) => lacksFragments(journey, sighting)).map(({ frame: { place } }) => place.name);

describe('a packet in fragments', () => {
  it('is whole at a place where all came by, in whatever order, and nowhere else', () => {
    const scene = fc
      .integer({ min: 2, max: 12 })
      .chain((count) =>
        fc.tuple(fc.constant(count), fc.shuffledSubarray([...Array(count - 1).keys()].map((index) => index + 1))),
      );
    fc.assert(
      fc.property(scene, ([count, there]) => {
        const whole = there.length === count - 1;
        expect(lacking(journeyOf(count, { 'vA in': there }))).toEqual(whole ? [] : ['vA']);
      }),
    );
  });

  it('is asked about place by place', () => {
    expect(lacking(journeyOf(3, { 'eth0@c1 out': [1, 2], 'vA in': [1, 2], 'vB out': [1], 'eth0@c2 in': [1] }))).toEqual(
      ['vB', 'eth0'],
    );
  });

  it('whose sender stopped, since the device refused a piece, lost nothing before that device', () => {
    expect(lacking(journeyOf(4, { 'vA in': [1, 2, 3], 'eth0@c2 out': [1] }))).toEqual([]);
    expect(lacking(journeyOf(4, { 'vA in': [1, 2, 3], 'eth0@c2 out': [1, 3] }))).toEqual(['eth0']);
    expect(lacking(journeyOf(4, { 'eth0@c2 out': [1], 'vA in': [] }))).toEqual(['eth0', 'vA']);
  });

  it('that is repeated is no less whole', () => {
    expect(lacking(journeyOf(3, { 'vA in': [1, 1, 2, 2] }))).toEqual([]);
  });

  it('that was put together on its way is whole', () => {
    const sight = createSighter(RUN);
    const tracer = createTracer();
    const data = probeData(1, 400);
    tracer.add(sight(frame('vA in', 0, echo('request', 1, { data, ip: { moreFragments: true } }))));
    tracer.add(sight(frame('vB out', 1, echo('request', 1, { data }))));
    const [journey] = tracer.journeys();
    expect(journey && lacking(journey)).toEqual(['vA']);
  });
});
