/**
 * Probes that met different fates. What some have passed stops the others only if it changed meanwhile, or if it lets some
 * pass by its nature: a setting stops all.
 */

import { expectPath } from '../path/expect.ts';
import { type Gate, gateKey } from '../path/gate.ts';
import type { Path } from '../path/model.ts';
import type { Drop } from '../trace/drop.ts';
import type { Shared } from './answer.ts';
import type { Evidence, Finding } from './finding.ts';
import { confirms } from './kernel-word.ts';
import { patternText } from './partial-loss.ts';

/** What the kernel learns and forgets while packets pass: one may be stopped where another was not. */
const LEARNT: ReadonlySet<Gate['kind']> = new Set(['fdb', 'twin', 'neighbour', 'neighbour-table', 'conntrack']);
/** What is said where no state explains it. */
const UNEXPLAINED: ReadonlySet<string> = new Set(['loss-partial', 'request-lost', 'reply-lost', 'not-captured']);

/** A gate that stops and that answered probes have passed is undecided: what was sighted outranks the model. */
export function gateAsPassed(gate: Gate, shared: Shared, word: Drop | undefined): Gate {
  if (!shared.partial || gate.verdict !== 'stop' || LEARNT.has(gate.kind)) return gate;
  if (gate.kind === 'mtu' && gate.noted) return gate;
  if (word && confirms(word, gate) === 'yes') return gate;
  return hasChanged(gate, shared) ? gate : { ...gate, verdict: 'unknown' };
}

/** It stops in one of the two states, and not in the other. */
function hasChanged(gate: Gate, { after, topology, query }: Shared): boolean {
  if (!after) return false;
  const key = gateKey(gate);
  return (
    stopsOf(expectPath(topology, query)).has(key) !== stopsOf(expectPath(after, query)).has(key) || topology === after
  );
}

/** It stopped before, and does no more. */
export function hasHealed(gate: Gate, { after, topology, query, partial }: Shared): boolean {
  return (
    partial !== undefined &&
    after !== undefined &&
    after !== topology &&
    !stopsOf(expectPath(after, query)).has(gateKey(gate))
  );
}

/**
 * Something stops on the way afterwards that did not before. Where a device or a namespace is gone, the model of what is left
 * would name what follows from that.
 */
export function hasBegun(before: Path, after: Path, { changes = [], partial }: Shared): boolean {
  if (changes.length === 0 || partial?.pattern === 'healed') return false;
  if (changes.some(({ kind }) => kind === 'link-gone' || kind === 'link-renamed' || kind === 'namespace-gone'))
    return false;
  const stopped = stopsOf(before);
  return [...stopsOf(after)].some((key) => !stopped.has(key));
}

function stopsOf({ legs }: Path): Set<string> {
  return new Set(
    legs.flatMap(({ steps }) =>
      steps.flatMap((step) => (step.kind === 'gate' && step.gate.verdict === 'stop' ? [gateKey(step.gate)] : [])),
    ),
  );
}

export function isUnexplained([first]: readonly Finding[]): boolean {
  return first === undefined || UNEXPLAINED.has(first.rule);
}

/** Probes were lost, and that is nobody's fault. */
export function isExcused(causes: readonly Finding[]): boolean {
  return causes.length > 0 && causes.every(({ severity }) => severity === 'note');
}

/** The cause, with how many probes it took, and what changed meanwhile. */
export function withFates(finding: Finding, { partial, changes = [] }: Shared): Finding {
  const evidence = [
    ...finding.evidence,
    ...changes.map(({ text }): Evidence => ({ kind: 'state', text: `during the trace ${text}` })),
  ];
  if (finding.blocks === 'next' || finding.severity === 'note') return finding;
  if (!partial || UNEXPLAINED.has(finding.rule)) return { ...finding, evidence };
  return {
    ...finding,
    title: `${finding.title}: ${partial.lost.length} of ${partial.sent} probes lost`,
    summary: `${finding.summary} ${patternText(partial)}`,
    evidence,
  };
}

/** The commands that cure the cause take care of this warning, too. */
export function isCuredBy(cause: Finding | undefined, { remedies }: Finding): boolean {
  const [commands, cure] = [cause?.remedies[0]?.commands ?? [], remedies[0]?.commands ?? []];
  return cure.length > 0 && cure.every((command) => commands.includes(command));
}
