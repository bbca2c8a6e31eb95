/** The search for the largest packet that passes, without a network. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { searchMtu, type Trial } from '../../src/session/mtu-search.ts';

/** A path that takes `limit` bytes, and the lengths that were tried on it. */
function path(limit: number, tells = false): { tried: number[]; tryOut: (length: number) => Promise<Trial> } {
  const tried: number[] = [];
  return {
    tried,
    tryOut: async (length) => {
      tried.push(length);
      if (length <= limit) return { passes: true };
      return tells ? { passes: false, told: limit } : { passes: false };
    },
  };
}

describe('the largest packet that passes', () => {
  it('is found whatever the path takes, whatever is guessed, and in few tries', async () => {
    const scene = fc.record({
      limit: fc.integer({ min: 84, max: 9000 }),
      most: fc.integer({ min: 84, max: 9000 }),
      guesses: fc.array(fc.integer({ min: 1, max: 9100 }), { maxLength: 6 }),
      tells: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(scene, async ({ limit, most, guesses, tells }) => {
        const { tried, tryOut } = path(limit, tells);
        const found = await searchMtu(84, most, guesses, tryOut);
        expect(found?.passes).toBe(Math.min(limit, most));
        expect(found?.fails).toBe(limit < most ? limit + 1 : undefined);
        expect(tried.length).toBeLessThanOrEqual(34);
        expect(new Set(tried).size).toBe(tried.length);
      }),
    );
  });

  it('takes two tries where all passes, and three where a router says what does', async () => {
    const wide = path(1500);
    expect(await searchMtu(84, 1500, [1500], wide.tryOut)).toEqual({ passes: 1500, tried: 2 });
    const narrow = path(1400, true);
    expect(await searchMtu(84, 1500, [], narrow.tryOut)).toEqual({ passes: 1400, fails: 1401, tried: 3 });
    expect(narrow.tried).toEqual([84, 1500, 1400]);
  });

  it('takes a guess first where nobody says anything', async () => {
    const { tried, tryOut } = path(1284);
    expect(await searchMtu(84, 1500, [1280, 1284], tryOut)).toEqual({ passes: 1284, fails: 1285, tried: 4 });
    expect(tried).toEqual([84, 1500, 1284, 1285]);
  });

  it('goes on behind a router that says more than the path takes', async () => {
    const tryOut = async (length: number): Promise<Trial> =>
      length > 1480 ? { passes: false, told: 1480 } : length > 1300 ? { passes: false, told: 1300 } : { passes: true };
    expect(await searchMtu(84, 1500, [], tryOut)).toEqual({ passes: 1300, fails: 1301, tried: 4 });
  });

  it('ends where a router says what cannot be', async () => {
    const tryOut = async (length: number): Promise<Trial> =>
      length > 700 ? { passes: false, told: length } : { passes: true };
    expect(await searchMtu(84, 1500, [], tryOut)).toMatchObject({ passes: 700, fails: 701 });
  });

  it('is nothing where not even the smallest passes', async () => {
    expect(await searchMtu(84, 1500, [], async () => ({ passes: false }))).toBeUndefined();
  });
});
