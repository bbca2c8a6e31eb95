/** A journey: the sightings of one packet, in order, across interfaces and namespaces. */
import { placeKey } from './frame.ts';
import { isLaterFragment } from './sight.ts';
import type { Sighting, SightingKind } from './sighting.ts';

export interface Journey {
  /** From 1, in order of first sighting. */
  readonly id: number;
  readonly kind: SightingKind;
  readonly identity: string;
  readonly sequence?: number;
  /** In order of time; sightings with one time stamp in order of their stream. */
  readonly sightings: readonly Sighting[];
  /** Fragments behind the first, where there are any: they belong to it and are no sightings of their own. */
  readonly fragments: readonly Sighting[];
}

/** How long one packet may be under way, nanoseconds: a retry that looks the same comes later than this. */
const RETRY_WINDOW_NS = 500_000_000n;
/** A packet that carries its own number never repeats: it may take as long as a probe may. */
const PROBE_WINDOW_NS = 60_000_000_000n;
/** Packets alike that start within this time are one burst: first in, first out. */
const BURST_NS = 1_000_000n;
/** Stamps of two processors may disagree by this much. */
const CLOCK_SLACK_NS = 200_000n;
/** Open journeys of one identity that are still looked at. */
const OPEN_JOURNEYS = 64;

interface OpenJourney extends Journey {
  readonly sightings: Sighting[];
  readonly fragments: Sighting[];
  readonly seen: Set<string>;
  readonly firstNs: bigint;
}

export interface Tracer {
  /** Takes the next sighting; they must come in order of time, give or take `CLOCK_SLACK_NS`. */
  add(sighting: Sighting): void;
  /** All journeys so far, in order of first sighting. */
  journeys(): readonly Journey[];
}

/**
 * Joins sightings into journeys. ARP retries are identical byte for byte: the k-th at one place belongs to the k-th
 * at the next, which time and order decide. A place sees a packet once in each direction; a second time is a duplicate,
 * and so another journey.
 */
export function createTracer(): Tracer {
  const all: OpenJourney[] = [];
  const open = new Map<string, OpenJourney[]>();
  return {
    journeys: () => all,
    add(sighting) {
      if (sighting.kind === 'other') return;
      const candidates = open.get(sighting.identity) ?? [];
      if (isLaterFragment(sighting)) {
        candidates.at(-1)?.fragments.push(sighting);
        return;
      }
      // A tunnel sends one frame to several nodes: these are copies of it, and no repetition.
      const around = sighting.outer?.ip?.destination ?? '';
      const visit = `${placeKey(sighting.frame.place)} ${sighting.frame.direction} ${around}`;
      const journey = joined(candidates, visit, sighting);
      if (journey) {
        journey.sightings.push(sighting);
        journey.seen.add(visit);
        return;
      }
      const started: OpenJourney = {
        id: all.length + 1,
        kind: sighting.kind,
        identity: sighting.identity,
        ...(sighting.sequence === undefined ? {} : { sequence: sighting.sequence }),
        sightings: [sighting],
        fragments: [],
        seen: new Set([visit]),
        firstNs: sighting.frame.timeNs,
      };
      all.push(started);
      candidates.push(started);
      if (candidates.length > OPEN_JOURNEYS) candidates.shift();
      open.set(sighting.identity, candidates);
    },
  };
}

/** The journey this sighting goes on with: the newest that can have come here, or the oldest of its burst. */
function joined(candidates: readonly OpenJourney[], visit: string, sighting: Sighting): OpenJourney | undefined {
  const now = sighting.frame.timeNs;
  const window = sighting.sequence === undefined ? RETRY_WINDOW_NS : PROBE_WINDOW_NS;
  const possible = candidates.filter(
    (journey) => !journey.seen.has(visit) && now - journey.firstNs <= window && journey.firstNs - now <= CLOCK_SLACK_NS,
  );
  const newest = possible.at(-1);
  return newest && possible.find((journey) => newest.firstNs - journey.firstNs <= BURST_NS);
}

/** Time of the first sighting, Unix nanoseconds. */
export function startNs(journey: Journey): bigint {
  return journey.sightings[0]?.frame.timeNs ?? 0n;
}

/**
 * The first sighting of a journey at a place, in one direction where given.
 * @param around inside a tunnel's packet to this address
 */
export function sightingAt(
  journey: Journey,
  place: Parameters<typeof placeKey>[0],
  direction?: 'in' | 'out',
  around?: string,
): Sighting | undefined {
  const key = placeKey(place);
  return journey.sightings.find(
    ({ frame, outer }) =>
      placeKey(frame.place) === key &&
      (around === undefined || outer?.ip?.destination === around) &&
      (direction === undefined || frame.direction === direction || frame.direction === 'unknown'),
  );
}
