import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openLedger } from '../../src/session/ledger.ts';
import type { Frame } from '../../src/trace/frame.ts';
import { arpReply, arpRequest, at, echo, frame, probeData, RUN, visitOf, ZERO_NS } from '../trace/frames.ts';

//   c1: eth0 10.9.0.2 ─── vA ┬ br0 ┬ vB ─── c2: eth0 10.9.0.3      one ring per namespace
const request = arpRequest('10.9.0.2', '10.9.0.3');
const HOME = [frame('vA in', 3, request), frame('br0 in', 3, request), frame('vB out', 5, request)];
const C1 = [frame('eth0@c1 out', 1, request), frame('eth0@c1 in', 20, arpReply('10.9.0.3', '10.9.0.2'))];
const C2 = [frame('eth0@c2 in', 7, request), frame('eth0@c2 out', 9, arpReply('10.9.0.3', '10.9.0.2'))];
const ms = (milliseconds: number) => ZERO_NS + BigInt(milliseconds) * 1_000_000n;

function journeysOf(frames: readonly Frame[]): string[][] {
  const ledger = openLedger(RUN);
  for (const one of frames) ledger.add(one);
  return ledger.journeys().map(({ sightings }) => sightings.map(visitOf));
}

describe('the ledger', () => {
  const expected = [
    ['eth0@c1 out', 'vA in', 'br0 in', 'vB out', 'eth0@c2 in'],
    ['eth0@c2 out', 'eth0@c1 in'],
  ];

  it('joins frames of several rings, whichever is read first', () => {
    for (const rings of [
      [HOME, C1, C2],
      [C2, C1, HOME],
      [C1, C2, HOME],
      [C2, HOME, C1],
    ])
      expect(journeysOf(rings.flat())).toEqual(expected);
  });

  it('does so for any way the rings take turns', () => {
    const turns = fc.shuffledSubarray([0, 0, 0, 1, 1, 2, 2], { minLength: 7 });
    fc.assert(
      fc.property(turns, (order) => {
        const rings = [[...HOME], [...C1], [...C2]];
        expect(journeysOf(order.flatMap((ring) => rings[ring]?.shift() ?? []))).toEqual(expected);
      }),
    );
  });

  it('holds young frames back, so that earlier ones of another ring still come before them', () => {
    const ledger = openLedger(RUN);
    for (const one of HOME) ledger.add(one);
    expect(ledger.journeys(ms(29))).toEqual([]);
    expect(ledger.frames()).toEqual([]);
    for (const one of [...C1, ...C2]) ledger.add(one);
    expect(ledger.journeys(ms(40)).map(({ sightings }) => sightings.map(visitOf))).toEqual(expected);
  });

  it('settles all that is left at the end, in order of time', () => {
    const ledger = openLedger(RUN);
    for (const one of [...HOME, ...C2, ...C1]) ledger.add(one);
    expect(ledger.exchanges('10.9.0.2', '10.9.0.3', []).map(({ kind }) => kind)).toEqual(['arp']);
    const times = ledger.frames().map(({ timeNs }) => timeNs);
    expect(times).toEqual([...times].sort((a, b) => Number(a - b)));
    expect(times).toHaveLength(7);
  });

  it('keeps a frame that comes too late: it is sighted all the same', () => {
    const ledger = openLedger(RUN);
    for (const one of C1) ledger.add(one);
    expect(ledger.journeys(ms(100))).toHaveLength(2);
    ledger.add(frame('vA in', 3, request));
    expect(ledger.journeys().flatMap(({ sightings }) => sightings.map(visitOf))).toContain('vA in');
  });

  it('counts unfinished checksums by place, held back or not', () => {
    const ledger = openLedger(RUN);
    const unfinished = (visit: string) => ({ ...frame(visit, 0, echo('request', 1)), checksumNotReady: true });
    for (const visit of ['vA in', 'vA out', 'eth0@c1 out']) ledger.add(unfinished(visit));
    ledger.add(frame('vB out', 0, echo('request', 1)));
    expect([...ledger.unfinishedChecksums().values()]).toEqual([
      { place: at('vA'), frames: 2 },
      { place: at('eth0@c1'), frames: 1 },
    ]);
  });

  it('joins the fragments of each place to their packet, whatever comes between them', () => {
    const first = echo('request', 1, { data: probeData(1, 1460), ip: { moreFragments: true } });
    const { icmp: _, ...rest } = first;
    const tail = { ...rest, ...(first.ip ? { ip: { ...first.ip, moreFragments: false, fragmentOffset: 1480 } } : {}) };
    const ledger = openLedger(RUN);
    for (const visit of ['eth0@c1 out', 'vA in']) {
      ledger.add(frame(visit, 1, first));
      ledger.add(frame(visit, 1, { ...tail, payload: new Uint8Array(64) }));
    }
    const [journey, ...more] = ledger.journeys();
    expect(more).toEqual([]);
    expect(journey?.sightings.map(visitOf)).toEqual(['eth0@c1 out', 'vA in']);
    expect(journey?.fragments).toHaveLength(2);
  });
});
