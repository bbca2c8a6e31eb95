import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearestNames } from '../../src/linux/nearest.ts';

describe('names that could have been meant', () => {
  it.each([
    ['vth0', ['veth0', 'veth1', 'lo', 'br0'], ['veth0']],
    ['Veth0', ['veth0', 'docker0'], ['veth0']],
    ['docker', ['docker0', 'lo'], ['docker0']],
    ['ehn0', ['lo', 'eth1', 'enp3s0'], []],
    ['bleu', ['blue', 'green'], ['blue']],
    ['x', ['lo', 'eth0'], []],
    ['', ['lo'], []],
  ])('%j among %j', (name, candidates, expected) => {
    expect(nearestNames(name, candidates)).toEqual(expected);
  });

  it('are three at most, the nearest first, each once', () => {
    expect(nearestNames('veth00', ['veth9', 'veth00', 'veth01', 'veth02', 'veth02', 'veth03'])).toEqual([
      'veth00',
      'veth01',
      'veth02',
    ]);
  });
});

describe('the edit distance', () => {
  it('counts a swap of neighbours once', () => {
    expect(editDistance('blue', 'bleu')).toBe(1);
    expect(editDistance('br0', 'rb0')).toBe(1);
  });

  it('is symmetric, zero only for equals, and never more than the longer text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), fc.string({ maxLength: 20 }), (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      }),
    );
  });
});
