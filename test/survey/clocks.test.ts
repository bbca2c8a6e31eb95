/** How two recorders' clocks differ, told by what both saw. */
import { describe, expect, it } from 'vitest';
import { AddressTable } from '../../src/survey/addresses.ts';
import { type ClockDifference, ClockSample } from '../../src/survey/clocks.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import type { Packet } from '../../src/wire/packet.ts';
import { arpReply, arpRequest, echo } from '../trace/frames.ts';

const MS = 1e6;
const ETHERNET = 1;

/** A packet, and when each of the two saw it by its own clock. */
type Seen = readonly [packet: Packet, here: number, there: number];

function difference(seen: readonly Seen[]): ClockDifference | undefined {
  const addresses = new AddressTable();
  const [here, there] = [new ClockSample(addresses), new ClockSample(addresses)];
  for (const [packet, a, b] of seen) {
    const bytes = encodeFrame(packet);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (!Number.isNaN(a)) here.add(view, 0, bytes.length, ETHERNET, a);
    if (!Number.isNaN(b)) there.add(view, 0, bytes.length, ETHERNET, b);
  }
  return here.difference(there);
}

/** Pings a second apart from here to there, `way` to get there, `clock` ahead there, answered at once. */
function pings(clock: number, way: number, count = 4): Seen[] {
  return Array.from({ length: count }, (_, n) => {
    const sent = n * 1000 * MS;
    const jitter = n * 0.01 * MS;
    return [
      [echo('request', n + 1), sent, sent + way + jitter + clock],
      [echo('reply', n + 1), sent + 2 * way + 2 * jitter, sent + way + jitter + clock],
    ] satisfies Seen[];
  }).flat();
}

describe('the difference of two clocks', () => {
  it.each([3_700, -3_700, 86_400_000, 12])('of %i ms is found by packets both ways', (ms) => {
    const found = difference(pings(ms * MS, 0.4 * MS));
    expect(found?.packets).toBe(8);
    expect(Math.abs((found?.offsetNs ?? 0) - ms * MS)).toBeLessThan(0.05 * MS);
    expect(found?.uncertaintyNs).toBeLessThan(1 * MS);
  });

  it('is none where the way explains it: one clock, and a slow way', () => {
    expect(difference(pings(0, 0.02 * MS))?.offsetNs).toBe(0);
    expect(difference(pings(0, 30 * MS))?.offsetNs).toBe(0);
    expect(difference(pings(0.5 * MS, 0.02 * MS))?.offsetNs).toBe(0);
  });

  it('is found with packets of one direction, when it is too long for a way', () => {
    const oneWay = (clock: number): Seen[] => pings(clock, 0.4 * MS).filter((_, index) => index % 2 === 0);
    expect(difference(oneWay(3_700 * MS))).toMatchObject({ offsetNs: 3_700.4 * MS, uncertaintyNs: 50 * MS });
    expect(difference(oneWay(20 * MS))).toMatchObject({ offsetNs: 0 });
    expect(difference(oneWay(-3_700 * MS))?.offsetNs).toBeLessThan(-3_699 * MS);
  });

  it('is unknown where both saw too little', () => {
    expect(difference([])).toBeUndefined();
    expect(difference(pings(3_700 * MS, 1 * MS, 1))).toBeUndefined();
    // Nothing in common.
    expect(difference(pings(0, 0).map(([packet, here]) => [packet, here, Number.NaN]))).toBeUndefined();
  });

  it('is told by ARP that both heard once, and by nothing that was said again', () => {
    const clock = 5_000 * MS;
    const said: Seen[] = [
      [arpRequest('10.0.0.1', '10.0.0.2'), 0, clock],
      [arpReply('10.0.0.2', '10.0.0.1'), 1 * MS, 1.2 * MS + clock],
    ];
    expect(difference(said)).toMatchObject({ packets: 2 });
    expect(Math.abs((difference(said)?.offsetNs ?? 0) - clock)).toBeLessThan(1 * MS);
    const again: Seen[] = [...said, ...said.map(([packet, a, b]): Seen => [packet, a + 1000 * MS, b + 1000 * MS])];
    expect(difference(again)).toBeUndefined();
  });

  it('needs a bounded number of frames', () => {
    const sample = new ClockSample(new AddressTable());
    const view = new DataView(new ArrayBuffer(20));
    for (let n = 0; n < 200_000; n++) sample.add(view, 0, 20, ETHERNET, n);
    expect(sample.full).toBe(true);
  });
});
