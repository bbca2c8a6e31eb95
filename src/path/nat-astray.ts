/** Answers that come back as nobody waits for them: round the namespace that translated their request, or to somebody else. */
import { placeName } from '../topology/naming.ts';
import type { Connection, Ends } from './connection.ts';
import { isLocal } from './fib.ts';
import type { Walk } from './forward.ts';
import type { TranslationGate } from './gate.ts';
import { endsText } from './nat-facts.ts';
import { type Port, placeOf } from './world.ts';

/** @param arrived where the answer was delivered */
export function untranslatedGate(
  { world, query }: Walk,
  start: Port,
  arrived: Port,
  answer: Ends,
): TranslationGate | undefined {
  const all = [...world.connections.values()].flat();
  const { topology } = world;
  if (arrived.namespace.id === start.namespace.id && isLocal(start.namespace, answer.destination)) {
    if (answer.source === query.destination) return undefined;
    const by = all.find((one) => one.answer.source === answer.source && one.opened.destination !== answer.source);
    if (!by) return undefined;
    const to = { ...answer, source: by.opened.destination };
    const text = `the reply ${endsText(answer)} does not come by ${placeName(topology, by.at)}, where the request was translated: nobody turns it into ${endsText(to)}`;
    return gate('bypassed', placeOf(start), by, answer, to, text);
  }
  if (isLocal(start.namespace, answer.destination)) return undefined;
  const by = all.find(
    (one) => one.answer.destination === answer.destination && one.opened.source !== answer.destination,
  );
  if (!by) return undefined;
  const to = { ...answer, destination: by.opened.source };
  const text = `${answer.destination} is an address of ${placeName(topology, placeOf(arrived))}: the reply ends there, and not at ${placeName(topology, by.at)}, where the request got that source`;
  return gate('elsewhere', placeOf(arrived), by, answer, to, text);
}

function gate(
  reason: TranslationGate['reason'],
  place: TranslationGate['place'],
  { at }: Connection,
  from: Ends,
  to: Ends,
  text: string,
): TranslationGate {
  return {
    kind: 'translation',
    place,
    hook: 'input',
    reason,
    verdict: 'stop',
    from,
    to,
    translator: at,
    facts: [{ text }],
  };
}
