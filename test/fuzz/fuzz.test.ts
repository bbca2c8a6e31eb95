/** A few inputs of every fuzz target at every run of the tests; npm run fuzz runs a million. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { VdiagError } from '../../src/linux/error.ts';
import { Random } from './random.ts';
import { readSeeds } from './seeds.ts';
import { demandPrintable, type Target } from './target.ts';
import { inputAt, TARGETS } from './targets.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** The project's own files alone: the same inputs on every machine. */
const seeds = readSeeds(root, join(root, 'none'));
const SEED = 7;

async function refusals(target: Target, inputs: number): Promise<number> {
  let refused = 0;
  for (let index = 0; index < inputs; index++) {
    try {
      await target.run(inputAt(seeds, SEED, index, target).input);
    } catch (error) {
      if (!(error instanceof VdiagError)) throw new Error(`input ${index} of seed ${SEED}`, { cause: error });
      refused++;
    }
  }
  return refused;
}

describe('any input', () => {
  it.each(TARGETS.map((target) => [target.name, target] as const))('of the target %s', async (_, target) => {
    // What is refused at the door tests nothing behind it.     // The heavy ones have small shares.
    const inputs = target.share <= 4 ? 20 : 100;
    expect(await refusals(target, inputs)).toBeLessThan(inputs);
  });
});

describe('the fuzzer', () => {
  it('makes the same input of the same seed and index, and others of others', () => {
    const made = (seed: number, index: number) => {
      const { target, input } = inputAt(seeds, seed, index);
      return `${target.name} ${input.map((part) => Buffer.from(part).toString('hex')).join(' ')}`;
    };
    for (let index = 0; index < 50; index++) expect(made(3, index)).toBe(made(3, index));
    expect(new Set(Array.from({ length: 50 }, (_, index) => made(3, index))).size).toBe(50);
    expect(made(4, 0)).not.toBe(made(3, 0));
  });

  it('draws numbers that are spread over their range', () => {
    const random = new Random(1, 1);
    const counts = new Array<number>(8).fill(0);
    for (let drawn = 0; drawn < 8000; drawn++) {
      const number = random.below(8);
      counts[number] = (counts[number] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(200);
  });

  it('would notice what reaches a terminal', () => {
    expect(() => demandPrintable('frame', 'a\u001b[2Jb')).toThrow('frame prints');
    expect(() => demandPrintable('frame', 'line\nline')).not.toThrow();
  });
});
