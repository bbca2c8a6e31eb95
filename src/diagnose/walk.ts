/** Holds what was sighted against the path: how far did the packet come, and where should it have come next? */
import type { Gate } from '../path/gate.ts';
import { isAnswer, isAsk, type Leg, type Path, type Step } from '../path/model.ts';
import type { Topology } from '../topology/model.ts';
import type { Drop } from '../trace/drop.ts';
import type { EchoExchange, Exchange, ResolutionExchange } from '../trace/exchange.ts';
import { lacksFragments } from '../trace/fragments.ts';
import { type Coverage, type Place, placeKey } from '../trace/frame.ts';
import { type Journey, sightingAt } from '../trace/journey.ts';
import type { Sighting } from '../trace/sighting.ts';

/** One step of the path, and the sighting that proves it was made. */
export interface Walked {
  readonly leg: Leg;
  readonly legIndex: number;
  readonly step: Step;
  readonly sighting?: Sighting;
  /** The step was made: sighted itself, or something behind it was. */
  readonly made: boolean;
}

export interface Progress {
  readonly steps: readonly Walked[];
  /** Position of the last step that was made, -1 for none. */
  readonly reached: number;
  /** Position of the first place or socket behind it. */
  readonly missing?: number;
}

/**
 * Follows one echo exchange along its path.
 * A leg counts as made when its end was sighted, or when any later leg of the echo itself was: what comes after proves what came before.
 * ARP legs are only asked about once everything before them is made, since others ask for the same addresses too.
 */
export function follow(
  path: Path,
  example: EchoExchange | undefined,
  exchanges: readonly Exchange[],
  before: Topology,
  drops: readonly Drop[] = [],
): Progress {
  const visits = isCircle(path) ? new Map<string, number>() : undefined;
  const legs = path.legs.map((leg) => sighted(leg, example, exchanges, visits));
  const lastEcho = legs.findLastIndex((steps, index) => isEcho(path.legs[index]) && steps.some(isSeen));
  const flat: Omit<Walked, 'made'>[] = [];
  let reached = -1;
  let connected = true;
  for (const [legIndex, leg] of path.legs.entries()) {
    for (const { step, seen, sighting } of legs[legIndex] ?? []) {
      flat.push({ leg, legIndex, step, ...(sighting === undefined ? {} : { sighting }) });
      if (seen && connected) reached = flat.length - 1;
    }
    connected = legIndex < lastEcho || (connected && endSeen(legs[legIndex] ?? []));
  }
  const partly = lostInPart(flat, legs.flat());
  if (partly) reached = partly.whole;
  const steps = flat.map((walked, index) => ({ ...walked, made: index <= reached }));
  const missing =
    partly?.part ??
    steps.findIndex(
      ({ step, leg, legIndex }, index) =>
        index > reached &&
        step.kind !== 'gate' &&
        !isAskedAlready(leg, before, drops) &&
        !isAnsweredAlready(path.legs[legIndex - 1], leg, legs[legIndex - 1] ?? [], before, drops),
    );
  return { steps, reached, ...(missing === -1 ? {} : { missing }) };
}

/**
 * Where some fragments of an echo went on and others did not: the last step it was whole at, and the first where it was not.
 * Addresses that were asked for behind that were asked for by what went on.
 */
function lostInPart(
  flat: readonly Omit<Walked, 'made'>[],
  seen: readonly Seen[],
): { readonly whole: number; readonly part: number } | undefined {
  const whole = flat.findLastIndex(({ leg }, index) => isEcho(leg) && seen[index]?.seen);
  const part = flat.findIndex(({ leg, sighting }, index) => index > whole && isEcho(leg) && sighting !== undefined);
  return part === -1 ? undefined : { whole, part };
}

/**
 * The kernel had asked before the capture began, and asks no more for a while: that no request was sighted says nothing,
 * unless the kernel dropped one since then.
 */
function isAskedAlready({ kind, asker, destination }: Leg, { namespaces }: Topology, drops: readonly Drop[]): boolean {
  if (!isAsk(kind) || !asker) return false;
  if (
    drops.some(({ packet, target, place }) => packet === kind && target === destination && place.netns === asker.netns)
  )
    return false;
  const entries = namespaces.find(({ id }) => id === asker.netns)?.neighbours ?? [];
  return entries.some(
    ({ address, device, state }) => address === destination && device === asker.name && state === 'INCOMPLETE',
  );
}

/** Only in a circle does one packet come by a place twice. */
function isCircle({ legs }: Path): boolean {
  return legs.some(({ steps }) =>
    steps.some((step) => step.kind === 'gate' && step.gate.kind === 'ttl' && step.gate.circle),
  );
}

/** Whoever was asked before the capture began has answered, or not, before it began. */
function isAnsweredAlready(
  ask: Leg | undefined,
  { kind }: Leg,
  sightings: readonly Seen[],
  before: Topology,
  drops: readonly Drop[],
): boolean {
  return ask !== undefined && isAnswer(kind) && isAskedAlready(ask, before, drops) && !sightings.some(isSeen);
}

interface Seen {
  readonly seen: boolean;
  readonly sighting?: Sighting;
}

const isSeen = ({ seen }: Seen) => seen;

function isEcho(leg: Leg | undefined): boolean {
  return leg?.kind === 'echo-request' || leg?.kind === 'echo-reply' || leg?.kind === 'icmp-error';
}

/** True when the leg's last place was reached; a leg without places is passed over. */
function endSeen(steps: readonly (Seen & { readonly step: Step })[]): boolean {
  return steps.findLast(({ step }) => step.kind !== 'gate')?.seen ?? true;
}

function sighted(
  leg: Leg,
  example: EchoExchange | undefined,
  exchanges: readonly Exchange[],
  visits: Map<string, number> | undefined,
): (Seen & { step: Step })[] {
  const journeys = journeysOf(leg, example, exchanges);
  // Each round of a circle is a journey of its own.
  const rounds = leg.kind === 'echo-request' ? [...journeys, ...(example?.copies ?? [])] : journeys;
  return leg.steps.map((step) => {
    if (step.kind === 'gate') return { step, seen: false };
    if (step.kind === 'socket') return { step, seen: (example?.probe?.replies.length ?? 0) > 0 };
    let before = isEcho(leg) ? countVisit(visits, leg, step) : 0;
    for (const journey of before > 0 ? rounds : journeys) {
      const sighting = sightingAt(journey, step.place, step.direction, step.outer);
      if (!sighting || before-- > 0) continue;
      // A part of it is not it: nobody can put it together.
      return { step, seen: step.outer !== undefined || !lacksFragments(journey, sighting), sighting };
    }
    return { step, seen: false };
  });
}

/** How many visits to this place came before on the packet's path. */
function countVisit(
  visits: Map<string, number> | undefined,
  { kind }: Leg,
  { place, direction, outer }: Extract<Step, { kind: 'place' }>,
): number {
  const key = `${kind} ${placeKey(place)} ${direction} ${outer ?? ''}`;
  const before = visits?.get(key) ?? 0;
  visits?.set(key, before + 1);
  return before;
}

/** The journeys that belong to a leg. */
export function journeysOf(leg: Leg, example: EchoExchange | undefined, exchanges: readonly Exchange[]): Journey[] {
  switch (leg.kind) {
    case 'echo-request':
      return example?.request ? [example.request] : [];
    case 'echo-reply':
      return [...(example?.replies ?? [])];
    case 'icmp-error':
      return [...(example?.errors ?? [])];
    case 'arp-request':
    case 'neighbour-solicitation':
      return asked(leg, exchanges).map(({ request }) => request);
    case 'arp-reply':
    case 'neighbour-advertisement':
      return asked(leg, exchanges).flatMap(({ replies }) => replies);
    default:
      return leg.kind satisfies never;
  }
}

/** The exchanges in which the leg's asker asked for its target, whichever of its addresses it announced. */
function asked({ asker, source, destination }: Leg, exchanges: readonly Exchange[]): ResolutionExchange[] {
  return exchanges.filter(
    (exchange): exchange is ResolutionExchange =>
      exchange.kind !== 'echo' &&
      exchange.targetProtocol === destination &&
      (exchange.senderProtocol === source ||
        (asker !== undefined && sightingAt(exchange.request, asker, 'out') !== undefined)),
  );
}

/**
 * The last sighting of the lost echo at a place that is not on the path, behind all that are: it went another way than the model's.
 * A copy that a bridge flooded to somebody else is none.
 */
export function strayed({ steps, reached }: Progress, example: EchoExchange | undefined): Sighting | undefined {
  const onPath = new Set(steps.flatMap(({ step }) => (step.kind === 'place' ? [placeKey(step.place)] : [])));
  const last = steps[reached]?.sighting?.frame.timeNs ?? 0n;
  const journey = example?.replies[0] ?? example?.request;
  return journey?.sightings.findLast(
    ({ frame }) => frame.packetType === 'host' && frame.timeNs > last && !onPath.has(placeKey(frame.place)),
  );
}

/** Gates between the last step that was made and the first that should have been and was not. */
export function gatesBetween({ steps, reached, missing }: Progress): { gate: Gate; leg: Leg; legIndex: number }[] {
  return steps
    .slice(reached + 1, missing ?? steps.length)
    .flatMap(({ step, leg, legIndex }) => (step.kind === 'gate' ? [{ gate: step.gate, leg, legIndex }] : []));
}

/** True when a place was listened to and its namespace lost nothing: only then is an absence evidence. */
export function isCovered(coverage: Coverage, place: Place): boolean {
  return (
    coverage.places.some((candidate) => placeKey(candidate) === placeKey(place)) &&
    !coverage.lost.some(({ netns, frames }) => netns === place.netns && frames > 0)
  );
}
