import { describe, expect, it } from 'vitest';
import { chooser } from '../../src/session/record-choice.ts';
import { asCaptured } from '../../src/trace/captured-packet.ts';
import type { Place } from '../../src/trace/frame.ts';
import { ARP_REQUEST, frameOf } from '../capfile/frames.ts';

const RED: Place = { netns: 'red', name: 'eth0' };
const BLUE: Place = { netns: 'blue', name: 'eth0' };
const packet = (place: Place, timeNs: bigint) => asCaptured(frameOf(place, timeNs, ARP_REQUEST));

describe('what a recording takes', () => {
  it('is the places wanted alone, by namespace and name', () => {
    const choice = chooser([{ netns: 'blue', name: 'eth0' }]);
    const places = [RED, BLUE, RED, { ...BLUE }, { netns: 'blue', name: 'eth1' }];
    expect(places.map((place) => choice.takes(packet(place, 1n)))).toEqual([false, true, false, true, false]);
    expect(choice.isFull).toBe(false);
  });

  it('is no more than wanted', () => {
    const choice = chooser(undefined, 2);
    expect([3n, 4n, 5n].map((timeNs) => choice.takes(packet(RED, timeNs)))).toEqual([true, true, false]);
    expect([choice.isFull, choice.lastNs]).toEqual([true, 4n]);
  });
});
