import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Drop, isAfter, joinDrops, possibleDrops } from '../../src/trace/drop.ts';
import { buildExchanges } from '../../src/trace/exchange.ts';
import type { ProbeResult } from '../../src/trace/frame.ts';
import { createTracer } from '../../src/trace/journey.ts';
import type { KernelDrop, KernelHop } from '../../src/trace/kernel-life.ts';
import type { Sighting } from '../../src/trace/sighting.ts';
import { arpRequest, at, echo, inOrder, sightings, ZERO_NS } from './frames.ts';

//   c1: eth0 10.9.0.2 ─── vA ┬ br0 ┬ vB ─── c2: eth0 10.9.0.3
const PLACES = ['eth0@c1', 'vA', 'br0', 'vB', 'eth0@c2', 'lo@c2'].map(at);
const WAY = ['eth0@c1 out', 'vA in', 'vB out', 'eth0@c2 in'];

/** Any drop that is surely of these packets. */
const isSure = (...given: Parameters<typeof join>) => join(...given).some(({ sure }) => sure);

/** `out eth0 98 +3` microseconds after zero. */
function hop(text: string, own = false): KernelHop {
  const [way, device = '', length = '', time = '+0'] = text.split(' ');
  if (way !== 'queue' && way !== 'out' && way !== 'in') throw new Error(text);
  return { way, device, lengthBytes: Number(length), timeNs: ZERO_NS + BigInt(Math.round(Number(time) * 1000)), own };
}

function dropped(hops: readonly KernelHop[], more: Partial<KernelDrop> = {}): KernelDrop {
  return {
    timeNs: (hops.at(-1)?.timeNs ?? ZERO_NS) + 2000n,
    reason: 'IP_RPFILTER',
    function: 'ip_rcv_finish_core',
    protocol: 0x0800,
    hops,
    own: false,
    rivals: [],
    doubtful: false,
    ...more,
  };
}

function join(...given: Parameters<typeof contextOf>): Drop[] {
  const [drops] = given;
  const context = contextOf(...given);
  const joined = joinDrops(drops, context);
  // What is recorded of a run gives the same again.
  expect(joinDrops(possibleDrops(drops, context), context)).toEqual(joined);
  return joined;
}

function contextOf(_drops: readonly KernelDrop[], seen: readonly Sighting[], sent: readonly number[] = []) {
  const tracer = createTracer();
  for (const sighting of inOrder(seen)) tracer.add(sighting);
  const probes: ProbeResult[] = sent.map((microseconds, index) => ({
    sequence: index + 1,
    sentNs: ZERO_NS + BigInt(microseconds) * 1000n,
    doneNs: ZERO_NS + BigInt(microseconds + 20) * 1000n,
    replies: [],
  }));
  const exchanges = buildExchanges(tracer.journeys(), '10.9.0.2', '10.9.0.3', probes);
  return { exchanges, probes, start: at('eth0@c1'), places: PLACES };
}

const REQUEST = sightings(WAY, echo('request', 1), 0, 10);
/** The request's own hops, each reported two microseconds after its frame was stamped. */
const HOPS = [
  hop('queue eth0 98 -3', true),
  hop('out eth0 98 2'),
  hop('in vA 84 12'),
  hop('out vB 98 22'),
  hop('in eth0 84 32'),
];
const foreign = HOPS.map((each) => ({ ...each, own: false }));

describe('a drop', () => {
  it('of somebody else is not kept', () => {
    const context = contextOf([], REQUEST);
    const stranger = dropped(foreign.map((each) => ({ ...each, lengthBytes: each.lengthBytes + 4 })));
    const ordinary = dropped(foreign, { reason: 'NO_SOCKET', function: 'ping_rcv' });
    expect(possibleDrops([stranger, dropped(foreign), ordinary], context)).toEqual([dropped(foreign)]);
  });

  it('belongs to the packet whose sightings account for every hop', () => {
    const [drop] = join([dropped(foreign)], REQUEST);
    expect(drop).toMatchObject({ packet: 'echo-request', sequence: 1, journey: 1, sure: true, place: at('eth0@c2') });
    expect(drop && isAfter(drop, at('eth0@c2'), 'in')).toBe(true);
    expect(drop && isAfter(drop, at('eth0@c1'), 'out')).toBe(false);
  });

  it('came on the way: after the last hop it had', () => {
    expect(join([dropped(foreign.slice(0, 3))], REQUEST)[0]?.after?.frame.place).toEqual(at('vA'));
  });

  it('is at the device it was queued on, in the namespace where it was sighted before', () => {
    const [drop] = join([dropped([...foreign, hop('queue up0 98 40')])], REQUEST);
    expect(drop).toMatchObject({ place: at('up0@c2'), sure: true });
  });

  it.each([
    ['another length', [hop('out eth0 99 2')]],
    ['another time', [hop('out eth0 98 30000')]],
    ['a time before the frame was stamped', [hop('out eth0 98 -300')]],
    ['another direction', [hop('in eth0 98 2')]],
    ['a hop that was listened to and not sighted', [hop('out eth0 98 2'), hop('in br0 84 12')]],
    ['no hop at all', []],
  ])('with %s is not its', (_, hops) => {
    expect(join([dropped(hops)], REQUEST.slice(0, 1))).toEqual([]);
  });

  it('of another protocol at the same place is not sure', () => {
    expect(isSure([dropped(foreign, { protocol: 0x0806 })], REQUEST)).toBe(false);
  });

  it('is not sure beside a rival that the sightings account for as well', () => {
    const twin = [hop('out eth0 98 1000')];
    expect(isSure([dropped([hop('out eth0 98 2')], { rivals: [twin] })], REQUEST)).toBe(false);
    // One that also was where the packet was not, is none.
    const other = [...twin, hop('in br0 84 1010')];
    expect(isSure([dropped([hop('out eth0 98 2')], { rivals: [other] })], REQUEST)).toBe(true);
    // Nor is there any to what this very thread has sent, in the system call of the probe.
    const own = [dropped([hop('out eth0 98 2', true)], { rivals: [twin] })];
    expect(isSure(own, REQUEST, [-9])).toBe(true);
    expect(isSure(own, REQUEST, [-9000])).toBe(false);
  });

  it('is not its where an end went unseen and the address was used again', () => {
    const again = [hop('queue va 98 90'), hop('out eth0 98 92'), hop('in vA 84 95')];
    expect(join([dropped([...HOPS.slice(0, 3), ...again])], REQUEST)).toEqual([]);
    // A rival of which that is true stays one.
    const stale = [hop('out vB 98 -900'), hop('in br0 84 -890'), hop('queue eth0 98 0'), hop('out eth0 98 1000')];
    expect(isSure([dropped([hop('out eth0 98 2')], { rivals: [stale] })], REQUEST)).toBe(false);
  });

  it('is not sure where the tracker doubts', () => {
    expect(isSure([dropped(foreign, { doubtful: true })], REQUEST)).toBe(false);
  });

  it('is not sure where two probes were there together', () => {
    const both = [...REQUEST, ...sightings(WAY, echo('request', 2), 5, 10)];
    expect(isSure([dropped(foreign)], both)).toBe(false);
  });

  //   c1: eth0 ─── eth0 :c2     request and reply are alike in everything but the order
  it('tells a request from its reply by the order they were sent in', () => {
    const seen = [
      ...sightings(['eth0@c1 out', 'eth0@c2 in'], echo('request', 1), 0, 10),
      ...sightings(['eth0@c2 out', 'eth0@c1 in'], echo('reply', 1), 30, 10),
    ];
    const packetOf = (hops: KernelHop[]) => join([dropped(hops)], seen).map(({ packet, sure }) => ({ packet, sure }));
    expect(packetOf([hop('out eth0 98 2'), hop('in eth0 84 12')])).toEqual([{ packet: 'echo-request', sure: true }]);
    expect(packetOf([hop('out eth0 98 32'), hop('in eth0 84 42')])).toEqual([{ packet: 'echo-reply', sure: true }]);
  });

  it('in the system call that sent a probe is that probe, though it was sighted nowhere', () => {
    const unsent = dropped([], {
      own: true,
      timeNs: ZERO_NS + 250_000_000n,
      reason: 'NETFILTER_DROP',
      function: 'nf_hook_slow',
    });
    expect(join([unsent], [], [0, 249_990])).toMatchObject([{ packet: 'echo-request', sequence: 2, sure: true }]);
    expect(join([{ ...unsent, timeNs: ZERO_NS + 400_000_000n }], [], [0, 249_990])).toEqual([]);
    const arp = { ...unsent, hops: [hop('queue eth0 42 249995', true)], protocol: 0x0806, resolving: '10.9.0.3' };
    expect(join([arp], [], [0, 249_990])).toMatchObject([{ packet: 'arp-request', target: '10.9.0.3', sure: true }]);
    const solicitation = { ...unsent, protocol: 0x86dd, resolving: 'fd00:0000:0000:0000:0000:0000:0000:0003' };
    expect(join([solicitation], [], [0, 249_990])).toMatchObject([
      { packet: 'neighbour-solicitation', target: 'fd00::3', sure: true },
    ]);
    expect(join([{ ...unsent, protocol: 0x86dd }], [], [0, 249_990])).toMatchObject([{ packet: 'echo-request' }]);
  });

  it('of an answer is known by the packet that was being received', () => {
    const answer = (device: string, length: number, more: Partial<KernelDrop> = {}) =>
      join([dropped([hop(`queue ${device} ${length} 40`)], { parent: foreign, ...more })], REQUEST);
    expect(answer('eth0', 98)).toMatchObject([{ packet: 'echo-reply', sequence: 1, sure: true, place: at('eth0@c2') }]);
    expect(answer('lo', 98)).toMatchObject([{ packet: 'echo-reply', place: at('lo@c2') }]);
    // An error is longer, a flooded copy leaves elsewhere, an ARP request says for whom.
    expect(answer('eth0', 126)).toMatchObject([{ packet: 'other', sure: false }]);
    expect(answer('vC', 98)).toMatchObject([{ packet: 'other', sure: false }]);
    expect(answer('up0', 42, { protocol: 0x0806, resolving: '192.0.2.2' })).toMatchObject([
      { packet: 'arp-request', target: '192.0.2.2', sure: true },
    ]);
    expect(answer('up0', 42, { protocol: 0x0806 })).toMatchObject([{ packet: 'other', sure: false }]);
    expect(answer('up0', 86, { protocol: 0x86dd, resolving: 'fe80::1' })).toMatchObject([
      { packet: 'neighbour-solicitation', target: 'fe80::1', sure: true },
    ]);
    expect(answer('up0', 86, { protocol: 0x86dd })).toMatchObject([{ packet: 'other', sure: false }]);
  });

  it('that is not sure is left out where the packet went on', () => {
    const early = dropped(foreign.slice(0, 2), { doubtful: true });
    expect(join([early], REQUEST.slice(0, 1))).toHaveLength(1);
    expect(join([early], REQUEST)).toEqual([]);
  });

  it('that happens on every machine is no drop of ours', () => {
    expect(join([dropped(foreign, { reason: 'NO_SOCKET', function: 'ping_rcv' })], REQUEST)).toEqual([]);
  });

  it('of ARP goes by the same rules', () => {
    const seen = sightings(['eth0@c1 out', 'vA in'], arpRequest('10.9.0.2', '10.9.0.3'), 0, 10);
    const drop = dropped([hop('out eth0 42 2'), hop('in vA 28 12')], { protocol: 0x0806 });
    expect(join([drop], seen)).toMatchObject([{ packet: 'arp-request', sure: true }]);
  });

  it('of somebody else is never surely ours, wherever and whenever it came', () => {
    // A foreign packet of the same length at places with the same names: never at all of ours, and in our order, in time.
    const step = fc.record({
      way: fc.constantFrom('queue', 'out', 'in'),
      device: fc.constantFrom('eth0', 'vA', 'br0', 'vB', 'up0'),
      time: fc.integer({ min: -30_000, max: 30_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
        const hops = steps
          .sort((a, b) => a.time - b.time)
          .map(({ way, device, time }) => hop(`${way} ${device} ${way === 'in' ? 84 : 98} ${time}`));
        // Ours is on the machine too, so the tracker names it as a rival wherever they could be confused.
        const sure = join(
          [dropped(hops, { rivals: [foreign, ...foreign.map((_, index) => foreign.slice(0, index + 1))] })],
          REQUEST,
        ).filter((drop) => drop.sure);
        expect(sure).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });
});
