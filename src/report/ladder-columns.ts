/** The ladder's columns: which places are drawn, and in which order from left to right. */
import type { Diagnosis } from '../diagnose/finding.ts';
import { placesOf } from '../path/model.ts';
import type { Topology } from '../topology/model.ts';
import { type Place, placeKey } from '../trace/frame.ts';
import type { Journey } from '../trace/journey.ts';
import type { Sighting } from '../trace/sighting.ts';

export interface Column {
  readonly place: Place;
  /** False: nobody listened there, so that no mark means nothing. */
  readonly covered: boolean;
}

/**
 * Every place of the path in the order the packet takes, and the places off the path where one was sighted.
 * Copies that a bridge flooded to ports which are not concerned are left out unless `flooded`.
 * A place that is met while going left stands to the left of the one before: a reply that goes on beyond the
 * request's start (veth1, veth0, br0) is then drawn without turning round.
 */
export function ladderColumns(diagnosis: Diagnosis, journeys: readonly Journey[], flooded: boolean): Column[] {
  const path = new Set(placesOf(diagnosis.path).map(placeKey));
  const order: Place[] = [];
  for (const leg of diagnosis.path.legs)
    insertWay(
      order,
      leg.steps.flatMap((step) => (step.kind === 'place' ? [step.place] : [])),
    );
  for (const journey of journeys)
    insertWay(
      order,
      journey.sightings
        .filter((sighting) => flooded || !isFloodCopy(sighting, journey, path, diagnosis.before))
        .map((sighting) => sighting.frame.place),
    );
  for (const place of [diagnosis.vanished?.last, diagnosis.vanished?.missing])
    if (place !== undefined) insertWay(order, [place]);
  const covered = new Set(diagnosis.coverage.places.map(placeKey));
  return order.map((place) => ({ place, covered: covered.has(placeKey(place)) }));
}

/** Puts the places of one way into the order, each beside the one before it, on the side the way is going to. */
function insertWay(order: Place[], way: readonly Place[]): void {
  let previous: Place | undefined;
  let goingLeft = false;
  for (const place of way) {
    let at = indexOfPlace(order, place);
    const before = previous === undefined ? -1 : indexOfPlace(order, previous);
    if (at < 0) {
      at = before < 0 ? order.length : goingLeft ? before : before + 1;
      order.splice(at, 0, place);
    } else if (before >= 0 && at !== before) goingLeft = at < before;
    previous = place;
  }
}

export function indexOfPlace(places: readonly Place[], wanted: Place): number {
  return places.findIndex((place) => place.name === wanted.name && place.netns === wanted.netns);
}

/**
 * A copy a bridge made for a port beside the path: it says nothing about the packet that is traced.
 * A journey that was never on the path is no copy: it went somewhere else, and that is what has to be seen.
 */
function isFloodCopy(sighting: Sighting, journey: Journey, path: ReadonlySet<string>, topology: Topology): boolean {
  if (path.has(placeKey(sighting.frame.place))) return false;
  const first = journey.sightings[0];
  if (first === undefined || !path.has(placeKey(first.frame.place))) return false;
  if (isGroupAddress(sighting.packet.ethernet?.destination)) return true;
  if (sighting.frame.packetType === 'other-host') return true;
  return journey.sightings.some(
    (other) =>
      path.has(placeKey(other.frame.place)) &&
      leavesByPort(sighting) &&
      leavesByPort(other) &&
      masterOf(topology, other.frame.place) !== undefined &&
      masterOf(topology, other.frame.place) === masterOf(topology, sighting.frame.place) &&
      other.frame.place.netns === sighting.frame.place.netns,
  );
}

function leavesByPort(sighting: Sighting): boolean {
  return sighting.frame.direction === 'out';
}

/** Broadcast or multicast: the lowest bit of the first byte (IEEE 802 clause 8.2.2). */
function isGroupAddress(hardware: string | undefined): boolean {
  return hardware !== undefined && (Number.parseInt(hardware.slice(0, 2), 16) & 1) === 1;
}

function masterOf(topology: Topology, place: Place): number | undefined {
  const namespace = topology.namespaces.find((each) => each.id === place.netns);
  return namespace?.links.find((link) => link.name === place.name)?.master;
}
