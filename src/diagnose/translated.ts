/** Where an address of the path comes from that nobody wrote: the translation that put it there. */
import type { TranslationGate } from '../path/gate.ts';
import type { Path } from '../path/model.ts';
import { stopperText } from '../path/ruleset.ts';
import type { Topology } from '../topology/model.ts';
import { placeName } from '../topology/naming.ts';

/** The gate that gave the request this source or destination; undefined where it has it from its sender. */
export function translationInto(
  { legs }: Path,
  side: 'source' | 'destination',
  address: string,
): TranslationGate | undefined {
  return legs
    .filter(({ kind }) => kind === 'echo-request')
    .flatMap(({ steps }) => steps)
    .flatMap((step) => (step.kind === 'gate' && step.gate.kind === 'translation' ? [step.gate] : []))
    .find(({ reason, from, to }) => reason === 'translated' && from[side] !== to[side] && to[side] === address);
}

/** "rule 1 (handle 4) of chain ip nat pre, where up0 is, turns 198.51.100.7 into 10.9.0.2" */
export function translationText(topology: Topology, gate: TranslationGate, side: 'source' | 'destination'): string {
  const { rule, from, to, place } = gate;
  const who = rule ? stopperText(rule) : 'a rule';
  return `${who}, where ${placeName(topology, place)} is, turns ${from[side]} into ${to[side]}`;
}
