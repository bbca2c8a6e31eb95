/** The model alone: what would stop a packet that nobody has sent. The same gates and the same rules as a trace has. */
import { type EchoQuery, expectPath } from '../path/expect.ts';
import type { Path } from '../path/model.ts';
import type { Topology } from '../topology/model.ts';
import type { Coverage } from '../trace/frame.ts';
import { findingOf, firstClaim } from './answer.ts';
import type { DiagnosisInput } from './engine.ts';
import type { Diagnosis, Finding, Outcome } from './finding.ts';
import { nextCauses } from './next-causes.ts';
import { RULES } from './registry.ts';
import type { Rule } from './rule.ts';
import { NO_TRIAL, trial } from './trial.ts';

/** Nothing was listened to. */
const NO_COVERAGE: Coverage = {
  engine: 'packet-ring',
  places: [],
  fromNs: 0n,
  untilNs: 0n,
  framesCaptured: 0,
  lost: [],
  gaps: [],
};

/**
 * The expected path, the first gate that stops as the cause, and what would stop the packet after it.
 * No finding is more than `likely`: no packet has shown it. `inconclusive` where a gate could not be decided.
 */
export function predict(asked: EchoQuery, before: Topology, rules: readonly Rule[] = RULES): Diagnosis {
  const query = { ...asked, rulesets: new WeakMap() };
  const path = expectPath(before, query);
  const input: DiagnosisInput = { query, before, exchanges: [], coverage: NO_COVERAGE };
  const shared = { query, topology: before, path, exchanges: [], coverage: NO_COVERAGE, rules };
  const none: ReadonlySet<string> = new Set();
  const causes: Finding[] = [];
  let undecided = false;
  for (const leg of path.legs) {
    const stop = leg.steps.find((step) => step.kind === 'gate' && step.gate.verdict === 'stop');
    if (stop?.kind !== 'gate') continue;
    // Where a gate before it may have taken the packet elsewhere (a bridge that answers ARP itself), it is not known to come there.
    if (
      leg.steps
        .slice(0, leg.steps.indexOf(stop))
        .some((step) => step.kind === 'gate' && step.gate.verdict === 'unknown')
    ) {
      undecided = true;
      break;
    }
    const { gate } = stop;
    const context = {
      ...shared,
      situation: { kind: 'stopped', gate, blocks: 'now', leg } as const,
      ...trial(before, query, gate, none),
    };
    const answer = firstClaim(rules, context);
    if (answer) {
      causes.push(findingOf(answer.rule, { ...answer.claim, confidence: 'likely' }, context));
      causes.push(...nextCauses(input, shared, rules, none, gate, answer));
    }
    break;
  }
  const overall = rules.flatMap((rule): Finding[] => {
    const context = { ...shared, situation: { kind: 'overall' } as const, ...NO_TRIAL };
    const claim = rule.evaluate(context);
    return claim ? [findingOf(rule, { ...claim, confidence: 'likely' }, context)] : [];
  });
  const findings = [...causes, ...overall];
  return {
    outcome: undecided ? 'inconclusive' : outcomeOf(path, findings),
    findings,
    path,
    exchanges: [],
    coverage: NO_COVERAGE,
    before,
  };
}

function outcomeOf({ end }: Path, findings: readonly Finding[]): Outcome {
  if (end === 'stopped' || findings.some(({ severity }) => severity !== 'note')) return 'fault';
  return end === 'delivered' ? 'healthy' : 'inconclusive';
}
