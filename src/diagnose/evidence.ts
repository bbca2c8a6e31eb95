/** What a finding stands on: the last sighting, the absence behind it, the state that decides the gate, what the probe was told. */

import { expectPath } from '../path/expect.ts';
import { type Gate, gateKey } from '../path/gate.ts';
import type { Leg, LegKind, Step } from '../path/model.ts';
import { familyOf } from '../topology/address.ts';
import type { Topology } from '../topology/model.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import { journeysIn } from '../trace/drop.ts';
import type { Place } from '../trace/frame.ts';
import type { Sighting } from '../trace/sighting.ts';
import { icmpName } from '../wire/icmp-name.ts';
import type { Confidence, Evidence } from './finding.ts';
import { dropEvidence, PACKETS } from './kernel-word.ts';
import type { Context } from './rule.ts';
import { isTraced, ruleEvidence } from './traced-rules.ts';
import { isCovered, journeysOf, type Progress } from './walk.ts';

const PACKET: Readonly<Record<LegKind, string>> = {
  'arp-request': 'ARP request',
  'arp-reply': 'ARP reply',
  'neighbour-solicitation': 'neighbour solicitation',
  'neighbour-advertisement': 'neighbour advertisement',
  'echo-request': 'echo request',
  'echo-reply': 'echo reply',
  'icmp-error': 'ICMP error',
};

/** "the ARP reply", as titles and evidence call what travels on a leg. */
export function packetName(kind: LegKind): string {
  return PACKET[kind];
}

export function evidenceFor(context: Context, progress?: Progress): Evidence[] {
  const { situation } = context;
  if (situation.kind === 'overall') return [];
  const evidence = progress
    ? [...sightings(context, progress), ...absence(context, progress), ...unlistened(context), ...probe(context)]
    : [];
  if (progress && context.drop) evidence.push(dropEvidence(context.drop, context.topology));
  if (progress && context.traced && situation.kind === 'lost') evidence.push(...ruleEvidence(context.traced));
  if (situation.kind === 'stopped') {
    for (const fact of situation.gate.facts)
      evidence.push({
        kind: isTraced(situation.gate) ? 'rule' : 'state',
        place: situation.gate.place,
        text: fact.text,
        ...(fact.look === undefined ? {} : { look: fact.look }),
      });
    if (situation.blocks === 'now') evidence.push(...unresolved(context, situation.gate));
  }
  return evidence;
}

/** Where each packet of the exchange was last sighted, up to the one that vanished. */
function sightings(context: Context, { steps, reached }: Progress): Evidence[] {
  const last = steps[reached];
  if (!last?.sighting) return [];
  const { leg, sighting } = last;
  const { place, timeNs, direction } = sighting.frame;
  const journeys = journeysOf(leg, context.example, context.exchanges);
  const journey = journeys.find(({ sightings: all }) => all.includes(sighting));
  const times = journeys.length > 1 && !leg.kind.startsWith('echo') ? `, ${journeys.length} times` : '';
  const where = placeName(context.topology, place);
  const way = direction === 'unknown' ? 'on' : direction === 'in' ? 'in by' : 'out of';
  return [
    {
      kind: 'sighting',
      text: `the ${packetName(leg.kind)} ${describeLeg(leg, sighting)} was last sighted ${way} ${where}${times}`,
      place,
      timeNs,
      ...(journey === undefined ? {} : { journey: journey.id }),
    },
  ];
}

function describeLeg({ kind, source, destination }: Leg, { packet }: Sighting): string {
  switch (kind) {
    case 'arp-request':
    case 'neighbour-solicitation':
      return `who-has ${destination} tell ${source}`;
    case 'arp-reply':
      return `${destination} is-at ${packet.arp?.senderHardware ?? 'an address'}`;
    case 'neighbour-advertisement':
      return `${destination} is-at ${packet.icmp?.linkLayerAddress ?? packet.ethernet?.source ?? 'an address'}`;
    default:
      return `${source} > ${destination}`;
  }
}

function absence(context: Context, { steps, missing }: Progress): Evidence[] {
  const walked = missing === undefined ? undefined : steps[missing];
  if (!walked || walked.step.kind === 'gate') return [];
  const { step, leg } = walked;
  const name = placeName(context.topology, step.place);
  if (step.kind === 'socket')
    return [
      { kind: 'absence', text: `no ${packetName(leg.kind)} reached the probing socket on ${name}`, place: step.place },
    ];
  const covered = isCovered(context.coverage, step.place);
  const way = step.direction === 'in' ? 'in by' : 'out of';
  return [
    {
      kind: 'absence',
      text: walked.sighting
        ? `not all fragments of the ${packetName(leg.kind)} were sighted ${way} ${name}`
        : covered
          ? `no ${packetName(leg.kind)} ${way} ${name}, which was listened to`
          : `${name} was not listened to`,
      place: step.place,
    },
  ];
}

/** Where nobody listened, the kernel's own word of what came by: the last such place, behind all that was sighted. */
function unlistened({ kernel = [], example, topology, path, coverage }: Context): Evidence[] {
  const sighted = example ? journeysIn([example, ...example.resolutions]).flatMap((journey) => journey.sightings) : [];
  const lastNs = sighted.map(({ frame }) => frame.timeNs).sort((a, b) => Number(b - a))[0] ?? 0n;
  const [last] = kernel
    .flatMap(({ hops, journey, packet }) => hops.map((hop) => ({ ...hop, journey, packet })))
    .filter(({ way, place, timeNs }) => way !== 'queue' && !place && timeNs > lastNs)
    .sort((a, b) => Number(b.timeNs - a.timeNs));
  if (!last) return [];
  const listened = new Set(coverage.places.map(({ name }) => name));
  const { way, device, packet, timeNs, journey } = last;
  const step = path.legs
    .filter(({ kind }) => kind === packet)
    .flatMap(({ steps }) => steps)
    .find(
      (each) =>
        each.kind === 'place' &&
        each.place.name === device &&
        each.direction === way &&
        !isCovered(coverage, each.place),
    );
  const place = step?.kind === 'place' ? step.place : undefined;
  // A name that is listened to elsewhere: then it is not known where this one is.
  if (!place && listened.has(device)) return [];
  const where = place ? placeName(topology, place) : device;
  return [
    {
      kind: 'sighting',
      text: `the kernel itself reports the ${PACKETS[packet]} ${way === 'in' ? 'in by' : 'out of'} ${where}, where no packet socket listened`,
      ...(place === undefined ? {} : { place }),
      timeNs,
      journey,
    },
  ];
}

function probe({ example, query, topology }: Context): Evidence[] {
  const error = example?.probe?.error;
  if (!error) return [];
  const who = error.icmp
    ? `${error.icmp.from} reported`
    : error.at === 'send'
      ? 'the kernel refused to send it:'
      : 'the kernel reported';
  return [
    {
      kind: 'probe',
      text: `probe ${example.sequence} from ${placeName(topology, query.start)}: ${who} ${error.icmp ? icmpName(familyOf(query.destination), error.icmp.type, error.icmp.code) : error.errno}`,
      place: query.start,
    },
  ];
}

/** A neighbour entry that is still waiting after the probe. */
function unresolved(context: Context, gate: Gate): Evidence[] {
  const { after, topology } = context;
  const asker =
    gate.kind === 'owner'
      ? gate.asker
      : gate.kind === 'stack' && gate.awaits === 'neighbour'
        ? gate.waiting
        : undefined;
  const namespace = after?.namespaces.find(({ id }) => id === asker?.netns);
  const entry = namespace?.neighbours.find(
    ({ device, state }) => device === asker?.name && (state === 'INCOMPLETE' || state === 'FAILED'),
  );
  if (!asker || !entry) return [];
  return [
    {
      kind: 'state',
      text: `the neighbour entry for ${entry.address} on ${placeName(topology, asker)} is ${entry.state}`,
      place: asker,
      look: commandIn(topology, asker.netns, ['ip', 'neigh', 'show', 'dev', asker.name]),
    },
  ];
}

/**
 * proven: the places on both sides were listened to, nothing was lost there, every gate before the one that stops is decided,
 * and its state was the same after the probe.
 */
export function confidenceOf(context: Context, progress: Progress, gate: Gate, undecidedBefore: boolean): Confidence {
  if (gate.verdict !== 'stop' || undecidedBefore) return 'likely';
  const missing = progress.missing === undefined ? undefined : progress.steps[progress.missing]?.step;
  if (!isWatched(context, missing, gate.place)) return 'likely';
  const stillStops =
    context.after === undefined ||
    expectPath(untaught(context.after, context.topology), context.query).legs.some(({ steps }) =>
      steps.some(
        (step) => step.kind === 'gate' && gateKey(step.gate) === gateKey(gate) && step.gate.verdict === 'stop',
      ),
    );
  return stillStops ? 'proven' : 'likely';
}

/** Path MTUs are learnt from the probes themselves: that they are known afterwards is no change of state. */
function untaught(after: Topology, before: Topology): Topology {
  const known = new Map(before.namespaces.map(({ id, pathMtus }) => [id, pathMtus ?? []]));
  return {
    ...after,
    namespaces: after.namespaces.map((namespace) => ({ ...namespace, pathMtus: known.get(namespace.id) ?? [] })),
  };
}

function isWatched({ coverage }: Context, missing: Step | undefined, gatePlace: Place): boolean {
  if (missing?.kind === 'socket') return true;
  const place = missing?.kind === 'place' ? missing.place : gatePlace;
  return (
    isCovered(coverage, place) && !coverage.lost.some(({ netns, frames }) => netns === gatePlace.netns && frames > 0)
  );
}
