import { describe, expect, it } from 'vitest';
import { FrameWindow, MOST_BYTES, MOST_FRAMES } from '../../src/watch/window.ts';
import { echo, frame } from '../trace/frames.ts';

const FRAME = frame('eth0 out', 0, echo('request', 1));

describe('the last minute', () => {
  it('has copies of its own of the bytes', () => {
    const window = new FrameWindow();
    const bytes = FRAME.bytes.slice();
    window.add({ ...FRAME, bytes }, { ns: 0, kept: true }, 0);
    bytes.fill(0xa5);
    expect(window.between(0, 1)[0]?.frame.bytes).toEqual(FRAME.bytes);
  });

  it('forgets what is older', () => {
    const window = new FrameWindow();
    for (let second = 0; second < 100; second++) window.add(FRAME, { ns: second * 1e9, kept: true }, second * 1e9);
    window.forget(100e9);
    expect(window.size).toBe(60);
    expect(window.between(0, 200e9)).toHaveLength(60);
  });

  it('hands over exchanges by when they began, also what of them came later', () => {
    const window = new FrameWindow();
    const [first, second] = [
      { ns: 0, kept: true },
      { ns: 5, kept: true },
    ];
    window.add(FRAME, first, 0);
    window.add(FRAME, second, 5);
    window.add(FRAME, first, 9);
    expect(window.between(0, 5).map(({ ns }) => ns)).toEqual([0, 9]);
    expect(window.between(5, 9).map(({ ns }) => ns)).toEqual([5]);
  });

  it('hands over nothing of an exchange whose beginning was forgotten', () => {
    const window = new FrameWindow();
    const root = { ns: 0, kept: true };
    window.add(FRAME, root, 0);
    window.add(FRAME, root, 50e9);
    window.forget(61e9);
    expect(window.size).toBe(1);
    expect(window.between(0, 100e9)).toEqual([]);
  });

  it('admits so many exchanges of one owner in a second, and of all', () => {
    const window = new FrameWindow();
    const own = Array.from({ length: 100 }, () => window.admit(0, 'one')).filter(Boolean);
    expect(own).toHaveLength(40);
    const all = Array.from({ length: 5000 }, (_, owner) => window.admit(0, owner)).filter(Boolean);
    expect(all).toHaveLength(1500 - 40);
    expect(window.leftOut).toBe(5100 - 1500);
    expect(window.admit(1e9, 'one')).toBe(true);
  });

  it('is bounded in frames and in bytes', () => {
    const many = new FrameWindow();
    for (let count = 0; count < MOST_FRAMES + 5000; count++) many.add(FRAME, { ns: count, kept: true }, count);
    expect(many.size).toBe(MOST_FRAMES);
    const large = new FrameWindow();
    const bytes = new Uint8Array(1 << 20);
    for (let count = 0; count < 50; count++) large.add({ ...FRAME, bytes }, { ns: count, kept: true }, count);
    expect(large.bytes).toBe(MOST_BYTES);
  });
});
