/** A packet that vanished between two places, where no gate explains it. */
import { placeName } from '../topology/naming.ts';
import type { Place } from '../trace/frame.ts';
import { packetName } from './evidence.ts';
import type { Evidence } from './finding.ts';
import type { Claim, Context, Situation } from './rule.ts';

type Lost = Extract<Situation, { kind: 'lost' }>;

export function lossPlaces({ last, missing }: Lost): { last?: Place; missing?: Place } {
  return {
    ...(last && last.kind !== 'gate' ? { last: last.place } : {}),
    ...(missing && missing.kind !== 'gate' ? { missing: missing.place } : {}),
  };
}

export function lossClaim({ topology, query, example }: Context, situation: Lost): Claim {
  const { last, missing } = lossPlaces(situation);
  const packet = packetName(situation.leg.kind);
  const socket = situation.missing?.kind === 'socket';
  const from = last ? `was last sighted at ${placeName(topology, last)}` : 'was sighted nowhere';
  const to = socket
    ? 'never came to the probing socket'
    : missing
      ? `never came to ${placeName(topology, missing)}`
      : 'nothing came of it';
  const error = example?.probe?.error;
  const refused = !last && error?.at === 'send' ? `: the kernel refused to send it (${error.errno})` : '';
  return {
    title: `the ${packet} ${from} and ${to}${refused}`,
    summary:
      situation.undecided.length > 0
        ? 'something between the two takes it that vdiag does not decide: see the evidence.'
        : 'no state that vdiag reads explains it: something between the two takes it.',
    where: last ?? query.start,
    confidence: situation.undecided.length > 0 ? 'possible' : 'likely',
    evidence: situation.undecided.flatMap((gate): Evidence[] =>
      gate.facts.map(({ text, look }) => ({
        kind: 'state',
        text: `not decided: ${text}`,
        place: gate.place,
        ...(look === undefined ? {} : { look }),
      })),
    ),
  };
}
