/** A packet that vanished between two places, where no gate explains it. */
import { isAsk } from '../path/model.ts';
import { placeName } from '../topology/naming.ts';
import { ownersOf } from '../topology/query.ts';
import type { Drop } from '../trace/drop.ts';
import { lacksFragments } from '../trace/fragments.ts';
import type { Place } from '../trace/frame.ts';
import { sightingAt } from '../trace/journey.ts';
import { packetName } from './evidence.ts';
import type { Evidence } from './finding.ts';
import { droppedHow, droppedPacket } from './kernel-word.ts';
import type { Claim, Context, Situation } from './rule.ts';
import { journeysOf } from './walk.ts';

type Lost = Extract<Situation, { kind: 'lost' }>;

export function lossPlaces({ last, missing }: Lost): { last?: Place; missing?: Place } {
  return {
    ...(last && last.kind !== 'gate' ? { last: last.place } : {}),
    ...(missing && missing.kind !== 'gate' ? { missing: missing.place } : {}),
  };
}

export function lossClaim(context: Context, situation: Lost): Claim {
  const { topology, query, example, drop } = context;
  const { last } = lossPlaces(situation);
  if (drop) return droppedClaim(context, drop, situation);
  const error = example?.probe?.error;
  const packet = error?.at === 'send' && !last ? 'echo request' : packetName(situation.leg.kind);
  const refused = !last && error?.at === 'send' ? `: the kernel refused to send it (${error.errno})` : '';
  return {
    title: `the ${packet} ${inPart(context, situation) ?? fate(topology, situation)}${refused}`,
    summary:
      situation.undecided.length > 0
        ? `${takes(situation)} that vdiag has no rule for or does not decide: see the evidence.`
        : `no state that vdiag reads explains it${unlessChanged(context)}: ${takes(situation)}.`,
    where: last ?? query.start,
    confidence: situation.undecided.length > 0 ? 'possible' : 'likely',
    evidence: undecidedFacts(situation),
  };
}

/** Of changes, the first so many are told in a sentence. */
const MOST_TOLD = 3;

/** "; during the trace vB is gone" where something changed on the way, which may be why: nobody saw which came first. */
export function unlessChanged({ changes = [] }: Pick<Context, 'changes'>): string {
  if (changes.length === 0) return '';
  const told = changes.slice(0, MOST_TOLD).map(({ text }) => text);
  const more = changes.length > MOST_TOLD ? `, and ${changes.length - MOST_TOLD} more` : '';
  return `, unless it is what changed during the trace (${told.join('; ')}${more})`;
}

/** The kernel said that it dropped it, and why: that is known, whatever the model makes of it. */
function droppedClaim(context: Context, drop: Drop, situation: Lost): Claim {
  const { topology } = context;
  const at = placeName(topology, drop.place);
  return {
    title: `the kernel dropped the ${droppedPacket(drop)} at ${at} (${drop.reason})`,
    summary: `${droppedHow(drop)}. No state that vdiag reads explains it further${unlessChanged(context)}.`,
    where: drop.place,
    confidence: 'proven',
    evidence: undecidedFacts(situation),
  };
}

function undecidedFacts({ undecided }: Lost): Evidence[] {
  return undecided.flatMap((gate) =>
    gate.facts.map(({ text, look }) => ({
      kind: 'state' as const,
      text: gate.verdict === 'stop' ? text : `not decided: ${text}`,
      place: gate.place,
      ...(look === undefined ? {} : { look }),
    })),
  );
}

/** Something of it was sighted where it never came as a whole. */
function inPart({ topology, example, exchanges }: Context, { leg, missing, last }: Lost): string | undefined {
  if (missing?.kind !== 'place') return undefined;
  const { place, direction } = missing;
  const partly = journeysOf(leg, example, exchanges).some((journey) => {
    const sighting = sightingAt(journey, place, direction);
    return sighting !== undefined && lacksFragments(journey, sighting);
  });
  if (!partly) return undefined;
  const from = last && last.kind !== 'gate' ? `was whole at ${placeName(topology, last.place)} and ` : '';
  return `${from}lost fragments before ${placeName(topology, place)}`;
}

/** What became of it, as far as the sightings tell. */
function fate(topology: Context['topology'], situation: Lost): string {
  const { last, missing } = lossPlaces(situation);
  if (!last) return missing ? `never came out of ${placeName(topology, missing)}` : 'was sighted nowhere';
  const at = placeName(topology, last);
  if (situation.missing?.kind === 'socket') return `came to ${at} and never to the probing socket`;
  if (missing && situation.leg.steps.some((step) => step === situation.missing))
    return `was last sighted at ${at} and never came to ${placeName(topology, missing)}`;
  if (situation.last?.kind === 'place' && situation.last.direction === 'out')
    return `left by ${at} and came nowhere else`;
  const arrived = isLocalTo(topology, last.netns, situation.leg.destination);
  return arrived || isAsk(situation.leg.kind)
    ? `came to ${at} and was not answered`
    : `came to ${at} and was not passed on`;
}

function isLocalTo(topology: Context['topology'], netns: string, address: string): boolean {
  return ownersOf(topology, address).some(({ namespace }) => namespace.id === netns);
}

function takes(situation: Lost): string {
  const { last, missing } = lossPlaces(situation);
  return last && missing && (last.name !== missing.name || last.netns !== missing.netns)
    ? 'something between the two takes it'
    : 'something there takes it';
}
