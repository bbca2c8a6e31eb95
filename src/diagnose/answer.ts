/** A rule's answer to a situation, made into a finding: with its evidence, and the commands that cure and verify. */
import type { EchoQuery } from '../path/expect.ts';
import { changeCommand } from '../topology/change.ts';
import type { Topology } from '../topology/model.ts';
import { commandIn, netnsArgument, shellWord } from '../topology/naming.ts';
import { linkOf } from '../topology/query.ts';
import { evidenceFor } from './evidence.ts';
import type { Finding } from './finding.ts';
import type { Claim, Context, Rule } from './rule.ts';
import type { Progress } from './walk.ts';

/** What is the same for all situations of one diagnosis. */
export type Shared = Omit<Context, 'situation' | 'passes' | 'best'>;

/** The first rule that has something to say. */
export function firstClaim(rules: readonly Rule[], context: Context): { rule: Rule; claim: Claim } | undefined {
  for (const rule of rules) {
    const claim = rule.evaluate(context);
    if (claim) return { rule, claim };
  }
  return undefined;
}

/** A claim, with the evidence and the commands that go with it. */
export function findingOf(rule: Rule, claim: Claim, context: Context, progress?: Progress): Finding {
  const { situation, topology, query } = context;
  return {
    rule: rule.id,
    severity: claim.severity ?? rule.severity,
    confidence: claim.confidence ?? 'proven',
    title: claim.title,
    summary: claim.summary,
    where: claim.where,
    evidence: [...evidenceFor(context, progress), ...(claim.evidence ?? [])],
    remedies: [...(claim.cure ? [claim.cure] : []), ...(claim.alternatives ?? [])].map(({ why, changes, start }) => ({
      why,
      commands: changes.map((change) => changeCommand(topology, change)),
      verify: verifyCommand(topology, { ...query, start: start ?? query.start }),
    })),
    ...(situation.kind === 'overall'
      ? {}
      : { blocks: situation.kind === 'stopped' ? situation.blocks : ('now' as const) }),
  };
}

/** The command that traces again, from the namespace vdiag was started in. */
function verifyCommand(topology: Topology, { start, destination, sizeBytes, dontFragment }: EchoQuery): string {
  const own = linkOf(topology, start)?.addresses.some(({ address }) => address === destination);
  // vdiag refuses to trace to an interface's own address: ping shows it.
  if (own) return commandIn(topology, start.netns, ['ping', '-c', '3', destination]);
  const words = ['vdiag', 'ping-trace', start.name, destination];
  if (start.netns !== topology.home) words.push('--netns', netnsArgument(topology, start.netns));
  if (sizeBytes !== undefined) words.push('-s', String(sizeBytes));
  if (dontFragment !== undefined) words.push('-M', dontFragment);
  // A name that looks like an option is none behind two dashes.
  if (start.name.startsWith('-')) words.push('--', ...words.splice(2, 2));
  return words.map(shellWord).join(' ');
}
