/** Frames of several rings, as the rings hand them over, come out in order of time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orderedFrames } from '../../src/session/frame-order.ts';
import type { Frame, Place } from '../../src/trace/frame.ts';
import { ARP_REQUEST, frameOf } from '../capfile/frames.ts';

const RED: Place = { netns: 'red', name: 'eth0' };
const BLUE: Place = { netns: 'blue', name: 'eth0' };

describe('frames in order', () => {
  it('whatever the order of the rings, none lost, none twice', () => {
    const ring = (place: Place) =>
      fc
        .array(fc.nat(1000))
        .map((times) => times.toSorted((a, b) => a - b).map((time) => frameOf(place, BigInt(time), ARP_REQUEST)));
    // Each step: how many frames of each ring are handed over before the next take.
    const steps = fc.array(fc.tuple(fc.nat(10), fc.nat(10)), { maxLength: 20 });
    fc.assert(
      fc.property(ring(RED), ring(BLUE), steps, (red, blue, portions) => {
        const frames = orderedFrames();
        const out: Frame[] = [];
        let [reds, blues] = [0, 0];
        for (const [ofRed, ofBlue] of portions) {
          for (const frame of red.slice(reds, reds + ofRed)) frames.add(frame);
          for (const frame of blue.slice(blues, blues + ofBlue)) frames.add(frame);
          reds += ofRed;
          blues += ofBlue;
          // Complete is what no ring can bring anything earlier of.
          const bounds = [red[reds]?.timeNs, blue[blues]?.timeNs].filter((bound) => bound !== undefined);
          const [earliest = 1001n] = bounds.toSorted((a, b) => Number(a - b));
          frames.take(earliest - 1n, (frame) => out.push(frame));
        }
        for (const frame of [...red.slice(reds), ...blue.slice(blues)]) frames.add(frame);
        frames.take(undefined, (frame) => out.push(frame));
        expect(new Set(out)).toEqual(new Set([...red, ...blue]));
        expect(out).toHaveLength(red.length + blue.length);
        for (const [index, frame] of out.entries())
          expect(frame.timeNs).toBeGreaterThanOrEqual(out[index - 1]?.timeNs ?? 0n);
      }),
    );
  });

  it('hands over the earliest first, and keeps what comes later than asked', () => {
    const frames = orderedFrames();
    for (const time of [5n, 3n, 4n]) frames.add(frameOf(RED, time, ARP_REQUEST));
    const out: bigint[] = [];
    frames.take(4n, ({ timeNs }) => out.push(timeNs));
    expect(out).toEqual([3n, 4n]);
  });
});
