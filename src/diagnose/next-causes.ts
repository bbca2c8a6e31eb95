/** After the first cause the walk goes on as if it were cured, so that a user cures all of them in one go. */
import { type EchoQuery, expectPath } from '../path/expect.ts';
import { type Gate, gateKey } from '../path/gate.ts';
import { applyChanges } from '../topology/apply-changes.ts';
import type { Topology } from '../topology/model.ts';
import type { Place } from '../trace/frame.ts';
import { findingOf, firstClaim, type Shared } from './answer.ts';
import type { Finding } from './finding.ts';
import type { Claim, Context, Rule } from './rule.ts';
import { trial } from './trial.ts';

/** Causes named one behind the other before the engine stops looking. */
const MAX_CAUSES = 8;

/** Makes the cures on the model, one after the other, and names what would stop the packet then. */
export function nextCauses(
  input: { readonly query: EchoQuery; readonly before: Topology },
  shared: Shared,
  rules: readonly Rule[],
  overruled: ReadonlySet<string>,
  first: Gate,
  firstClaimed: { readonly rule: Rule; readonly claim: Claim },
): Finding[] {
  const findings: Finding[] = [];
  // One gate may have several causes, one behind the other; one rule names it once.
  const named = new Set([`${firstClaimed.rule.id} ${gateKey(first)}`]);
  let topology = input.before;
  let query = input.query;
  let claimed = firstClaimed.claim;
  while (findings.length < MAX_CAUSES && claimed.cure) {
    topology = applyChanges(topology, claimed.cure.changes);
    query = claimed.cure.start ? movedTo(query, claimed.cure.start) : query;
    const path = expectPath(topology, query);
    const stopped = path.legs
      .flatMap((leg) => leg.steps.map((step) => ({ leg, step })))
      .find(
        ({ step }) =>
          step.kind === 'gate' &&
          step.gate.verdict === 'stop' &&
          !overruled.has(gateKey(step.gate)) &&
          // Its sender is told, and what it sends then passes.
          !(step.gate.kind === 'mtu' && step.gate.heals),
      );
    if (stopped?.step.kind !== 'gate') break;
    const { gate } = stopped.step;
    const context: Context = {
      ...shared,
      topology,
      query,
      path,
      situation: { kind: 'stopped', gate, blocks: 'next', leg: stopped.leg },
      ...trial(topology, query, gate, overruled),
    };
    const answer = firstClaim(rules, context);
    const name = answer && `${answer.rule.id} ${gateKey(gate)}`;
    if (!answer || !name || named.has(name)) break;
    named.add(name);
    findings.push(findingOf(answer.rule, { confidence: 'likely', ...answer.claim }, context));
    claimed = answer.claim;
  }
  return findings;
}

/** From another interface another source address is chosen. */
function movedTo({ source: _, ...query }: EchoQuery, start: Place): EchoQuery {
  return { ...query, start };
}
