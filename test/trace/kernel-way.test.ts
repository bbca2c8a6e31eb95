import { describe, expect, it } from 'vitest';
import { buildExchanges, type EchoExchange } from '../../src/trace/exchange.ts';
import { createTracer } from '../../src/trace/journey.ts';
import type { KernelHop, KernelLife } from '../../src/trace/kernel-life.ts';
import { type KernelWay, kernelWays, livesOf } from '../../src/trace/kernel-way.ts';
import type { Sighting } from '../../src/trace/sighting.ts';
import { at, echo, inOrder, sightings, ZERO_NS } from './frames.ts';

//   c1: eth0 10.9.0.2 ─── vA ┬ br0 ┬ vB ─── c2: eth0 10.9.0.3
const PLACES = ['eth0@c1', 'vA', 'br0', 'vB', 'eth0@c2'].map(at);
const WAY = ['eth0@c1 out', 'vA in', 'vB out', 'eth0@c2 in'];
const BACK = ['eth0@c2 out', 'vB in', 'vA out', 'eth0@c1 in'];
const REQUEST = sightings(WAY, echo('request', 1), 0, 10);
const REPLY = sightings(BACK, echo('reply', 1), 50, 10);

/** `out eth0 98 +3` microseconds after zero. */
function hop(text: string): KernelHop {
  const [way, device = '', length = '', time = '+0'] = text.split(' ');
  if (way !== 'queue' && way !== 'out' && way !== 'in') throw new Error(text);
  const timeNs = ZERO_NS + BigInt(Math.round(Number(time) * 1000));
  return { way, device, lengthBytes: Number(length), timeNs, own: false };
}

const SENT = ZERO_NS - 3000n;
const THERE: KernelLife = {
  hops: ['queue eth0 98 -3', 'out eth0 98 2', 'in vA 84 12', 'queue vB 98 18', 'out vB 98 22', 'in eth0 84 32'].map(
    hop,
  ),
  sentNs: SENT,
};
const HOME: KernelLife = {
  hops: ['queue eth0 98 48', 'out eth0 98 52', 'in vB 84 62', 'out vA 98 72', 'in eth0 84 82'].map(hop),
  sentNs: SENT,
  afterNs: ZERO_NS + 32_000n,
};

function join(lives: readonly KernelLife[], seen: readonly Sighting[], places = PLACES): KernelWay[] {
  const tracer = createTracer();
  for (const sighting of inOrder(seen)) tracer.add(sighting);
  const probes = [{ sequence: 1, sentNs: ZERO_NS - 9000n, doneNs: ZERO_NS + 9000n, replies: [] }];
  const exchanges = buildExchanges(tracer.journeys(), '10.9.0.2', '10.9.0.3', probes);
  const example = exchanges.find((exchange): exchange is EchoExchange => exchange.kind === 'echo');
  if (!example) throw new Error('no echo');
  const context = { example, exchanges, places };
  const ways = kernelWays(lives, context);
  // What is recorded gives the same again.
  expect(kernelWays(livesOf(lives, context), context)).toEqual(ways);
  return ways;
}

const at2 = ({ hops }: KernelWay) => hops.map(({ way, place }) => `${way} ${place?.name ?? '?'}`);
const since = ({ hops }: KernelWay) => hops.map(({ sinceNs }) => sinceNs);

describe("a packet's way in the kernel", () => {
  it('has every hop, the place it was sighted at, and the time since the one before', () => {
    const [there, home, ...more] = join([HOME, THERE], [...REQUEST, ...REPLY]);
    expect(more).toEqual([]);
    expect(there).toMatchObject({ packet: 'echo-request', journey: 1 });
    expect(there && at2(there)).toEqual(['queue eth0', 'out eth0', 'in vA', 'queue vB', 'out vB', 'in eth0']);
    expect(there?.hops.map(({ place }) => place?.netns)).toEqual(
      ['eth0@c1', 'eth0@c1', 'vA', 'vB', 'vB', 'eth0@c2'].map((text) => at(text).netns),
    );
    expect(there && since(there)).toEqual([undefined, 5000, 10_000, 6000, 4000, 10_000]);
    // The answer begins with what it took to make it.
    expect(home).toMatchObject({ packet: 'echo-reply', journey: 2 });
    expect(home && since(home)[0]).toBe(16_000);
  });

  it('goes on where nobody listened, also under a name that is listened to elsewhere', () => {
    const blind = PLACES.filter((place) => place.netns !== at('eth0@c2').netns);
    const seen = REQUEST.slice(0, 3);
    for (const places of [blind, blind.filter(({ name }) => name !== 'vA')]) {
      const [there] = join([THERE], seen, places);
      expect(there && at2(there).at(-1)).toBe('in ?');
      expect(there?.hops.at(-1)?.device).toBe('eth0');
    }
    const { sentNs: _, ...others } = THERE;
    // Somebody else's may have come by.
    expect(join([others], seen, blind)).toEqual([]);
  });

  it("is another packet's where it was neither sent by the probe nor sighted alone", () => {
    const { sentNs: _, ...others } = THERE;
    expect(join([others], REQUEST)).toHaveLength(1);
    // The same names and lengths in another network, at the same time.
    const twin = { hops: others.hops.map((each) => ({ ...each, timeNs: each.timeNs + 1000n })) };
    expect(join([others, twin], REQUEST)).toEqual([]);
    expect(join([THERE, twin], REQUEST)).toHaveLength(1);
    // Sent by this thread, but not in this probe's system call.
    expect(join([{ ...THERE, sentNs: ZERO_NS - 5_000_000n }], REQUEST)).toEqual([]);
  });

  it('begins behind a long silence: before it, the address was another packet had it', () => {
    const old = ['out eth0 98 -15000', 'in vA 84 -14990'].map(hop);
    const [there] = join([{ ...THERE, hops: [...old, ...THERE.hops] }], REQUEST);
    expect(there?.hops).toHaveLength(THERE.hops.length);
    expect(there && since(there)[0]).toBeUndefined();
  });

  it('is left out where its hops were not sighted', () => {
    for (const life of [
      { ...THERE, hops: THERE.hops.map((each) => ({ ...each, lengthBytes: each.lengthBytes + 1 })) },
      { ...THERE, hops: THERE.hops.map((each) => ({ ...each, timeNs: each.timeNs + 30_000_000n })) },
      { ...THERE, hops: [hop('out vX 98 2'), hop('in vY 84 12')] },
    ])
      expect(join([life], REQUEST)).toEqual([]);
  });
});
