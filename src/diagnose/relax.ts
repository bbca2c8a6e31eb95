/** Remedies for source validation: the least that makes the packet pass. */
import type { Change } from '../topology/change.ts';
import type { Place } from '../trace/frame.ts';
import type { Claim, Context } from './rule.ts';

/**
 * The given changes alone, or with loose reverse-path filtering, or with none: whichever first lets the packet pass.
 * Loose (2) wins over a strict `all` (1), since the greater of the two counts; off needs both to be 0.
 */
export function relaxations(context: Context, at: Place, why: string, changes: readonly Change[]): Pick<Claim, 'cure'> {
  const loose: Change = { kind: 'interface-sysctl', at, setting: 'rp_filter', value: 2 };
  const off: Change[] = [
    { kind: 'namespace-sysctl', netns: at.netns, setting: 'ipv4.conf.all.rp_filter', value: 0 },
    { kind: 'interface-sysctl', at, setting: 'rp_filter', value: 0 },
  ];
  const tries = [changes, [...changes, loose], [...changes, ...off]].filter((attempt) => attempt.length > 0);
  const enough = tries.find((attempt) => context.passes(attempt));
  return enough ? { cure: { why, changes: enough } } : {};
}
