/** Gates whose state alone does not say what becomes of a packet: they are named where nothing else can have taken it. */
import type { Gate } from '../path/gate.ts';
import type { Context } from './rule.ts';

type OfKind<K extends Gate['kind']> = Extract<Gate, { kind: K }>;

/** The gate of this kind that stops the packet, or that is the only suspect where it vanished. */
export function culprit<K extends Gate['kind']>(
  { situation, drop }: Context,
  kind: K,
): { readonly gate: OfKind<K>; readonly certain: boolean } | undefined {
  const is = (gate: Gate): gate is OfKind<K> => gate.kind === kind;
  if (situation.kind === 'stopped') return is(situation.gate) ? { gate: situation.gate, certain: true } : undefined;
  if (situation.kind !== 'lost' || !situation.covered) return undefined;
  const [gate, ...others] = situation.undecided;
  return gate && others.length === 0 && is(gate) ? { gate, certain: drop !== undefined } : undefined;
}
