/** ARP that only repeats itself: the first ones of each place are kept, and the kernel's own pace is. */
import { describe, expect, it } from 'vitest';
import { createRepeats } from '../../src/session/repeats.ts';
import type { Frame } from '../../src/trace/frame.ts';
import { arp, echo, HOME, sighted } from './repeats-frames.ts';

describe('ARP frames that repeat others', () => {
  it('are kept at the pace of a kernel that asks, for as long as it asks', () => {
    const repeats = createRepeats();
    for (let second = 0; second < 900; second++) expect(repeats.isNew(sighted(arp(1), HOME, second * 1000))).toBe(true);
    expect(repeats.gaps()).toEqual([]);
  });

  it('are left out of a flood, and counted', () => {
    const repeats = createRepeats();
    let kept = 0;
    for (let number = 0; number < 100_000; number++) if (repeats.isNew(sighted(arp(1), HOME, number / 100))) kept++;
    // 64 at first, and 8 in its one second.
    expect(kept).toBe(72);
    expect(repeats.gaps()).toEqual(['99928 ARP frames that only repeat others were left out']);
  });

  it('are told apart by place, direction and content', () => {
    const repeats = createRepeats();
    const all: Frame[] = [];
    for (let number = 0; number < 64; number++)
      for (const place of [HOME, { netns: 'c1', name: 'eth0' }])
        for (const direction of ['in', 'out'] as const)
          for (const target of [1, 2]) all.push({ ...sighted(arp(target), place, 0), direction });
    expect(all.filter((frame) => !repeats.isNew(frame))).toEqual([]);
    expect(all.filter((frame) => repeats.isNew(frame))).toEqual([]);
  });

  it('are ARP alone: every echo is kept', () => {
    const repeats = createRepeats();
    for (let number = 0; number < 1000; number++) expect(repeats.isNew(sighted(echo(), HOME, 0))).toBe(true);
  });
});
