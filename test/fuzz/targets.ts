/** All fuzz targets, and the input that a seed and an index stand for. */
import { Random } from './random.ts';
import type { Seeds } from './seeds.ts';
import type { Input, Target } from './target.ts';
import { CAPTURE_TARGETS } from './targets-captures.ts';
import { KERNEL_TARGETS } from './targets-kernel.ts';
import { STATE_TARGETS } from './targets-state.ts';

export const TARGETS: readonly Target[] = [...CAPTURE_TARGETS, ...KERNEL_TARGETS, ...STATE_TARGETS];

/** @param only the target; by its share when absent */
export function inputAt(seeds: Seeds, seed: number, index: number, only?: Target): { target: Target; input: Input } {
  const random = new Random(seed, index);
  const target = only ?? drawn(random);
  return { target, input: target.make(random, seeds) };
}

function drawn(random: Random): Target {
  let left = random.below(TARGETS.reduce((sum, { share }) => sum + share, 0));
  for (const target of TARGETS) {
    left -= target.share;
    if (left < 0) return target;
  }
  return random.of(TARGETS);
}
