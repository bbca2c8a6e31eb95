/** ARP that only repeats itself: the first ones of each place are kept, and the kernel's own pace is. */
import { describe, expect, it } from 'vitest';
import { createRepeats } from '../../src/session/repeats.ts';
import type { Frame } from '../../src/trace/frame.ts';
import { arpRequest, echo, frame } from '../trace/frames.ts';

const request = (last = 9) => arpRequest('10.0.0.1', `10.0.0.${last}`);

describe('ARP frames that repeat others', () => {
  it('are kept at the pace of a kernel that asks, for as long as it asks', () => {
    const repeats = createRepeats();
    for (let second = 0; second < 900; second++)
      expect(repeats.isNew(frame('br0 in', second * 1_000_000, request()))).toBe(true);
    expect(repeats.gaps()).toEqual([]);
  });

  it('are left out of a flood, and counted', () => {
    const repeats = createRepeats();
    let kept = 0;
    for (let number = 0; number < 100_000; number++) if (repeats.isNew(frame('br0 in', number * 10, request()))) kept++;
    // 64 at first, and 8 in its one second.
    expect(kept).toBe(72);
    expect(repeats.gaps()).toEqual(['99928 ARP frames that only repeat others were left out']);
  });

  it('are told apart by place, direction and content', () => {
    const repeats = createRepeats();
    const all: Frame[] = [];
    for (let number = 0; number < 64; number++)
      for (const visit of ['br0 in', 'br0 out', 'eth0@c1 in'])
        for (const target of [7, 8]) all.push(frame(visit, 0, request(target)));
    expect(all.filter((each) => !repeats.isNew(each))).toEqual([]);
    expect(all.filter((each) => repeats.isNew(each))).toEqual([]);
  });

  it('are ARP alone: every echo is kept', () => {
    const repeats = createRepeats();
    for (let number = 0; number < 1000; number++)
      expect(repeats.isNew(frame('br0 in', 0, echo('request', 1)))).toBe(true);
  });
});
