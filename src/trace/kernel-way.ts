/** The way of a packet as the kernel itself reported it: also through devices where nobody listened, and to the microsecond. */
import { journeysIn } from './drop.ts';
import { CLOCK_SLACK_NS, fits, journeysFor, type Names, sightingsOf } from './drop-sighting.ts';
import type { EchoExchange, Exchange } from './exchange.ts';
import type { Place } from './frame.ts';
import type { Journey } from './journey.ts';
import { type KernelHop, type KernelLife, LIFE_GAP_NS, RIVAL_NS } from './kernel-life.ts';
import type { SightingKind } from './sighting.ts';

export interface KernelWay {
  readonly journey: number;
  readonly packet: SightingKind;
  /** In order of time. */
  readonly hops: readonly KernelWayHop[];
}

export interface KernelWayHop {
  /** `queue`: handed to the device. `out`: sent by it. `in`: received by it. */
  readonly way: KernelHop['way'];
  /** Of whatever network namespace. */
  readonly device: string;
  readonly timeNs: bigint;
  /** Since the hop before: of the packet itself, or of the one whose reception made the kernel send it. Nanoseconds. */
  readonly sinceNs?: number;
  /** Where it was sighted as well. Absent: no packet socket listened there, or it never left the queue. */
  readonly place?: Place;
}

export interface WayContext {
  readonly example: EchoExchange;
  readonly exchanges: readonly Exchange[];
  /** What was listened to. */
  readonly places: readonly Place[];
}

interface Joined {
  readonly life: KernelLife;
  readonly hops: readonly KernelHop[];
  /** So many of them were sighted, or passed a device that is listened to nowhere. */
  readonly known: number;
  readonly journey: Journey;
  readonly decided: boolean;
}

const AROUND_NS = BigInt(RIVAL_NS);

/** The ways of the example's packets, in order of time; what may have been another packet's is left out. */
export function kernelWays(lives: readonly KernelLife[], context: WayContext): KernelWay[] {
  return joinLives(lives, context).map((joined) => wayOf(joined, new Set(context.places.map(({ name }) => name))));
}

/** The lives that {@link kernelWays} speaks of. */
export function livesOf(lives: readonly KernelLife[], context: WayContext): KernelLife[] {
  return joinLives(lives, context).map(({ life }) => life);
}

function joinLives(lives: readonly KernelLife[], { example, exchanges, places }: WayContext): Joined[] {
  const own = journeysIn([example, ...example.resolutions]);
  const times = own.flatMap((journey) => sightingsOf(journey).map(({ frame }) => frame.timeNs));
  times.sort((a, b) => Number(a - b));
  const [from, until] = [(times[0] ?? 0n) - AROUND_NS, (times.at(-1) ?? 0n) + AROUND_NS];
  const names = new Set(places.map(({ name }) => name));
  const near = journeysIn(exchanges).filter((journey) =>
    sightingsOf(journey).some(({ frame }) => frame.timeNs >= from && frame.timeNs <= until),
  );
  const joined = lives.flatMap((life) => {
    const hops = sinceGap(life.hops).filter(({ timeNs }) => timeNs >= from && timeNs <= until);
    return joinLife(life, hops, near, names) ?? [];
  });
  return joined
    .filter((one) => own.includes(one.journey) && one.decided && isOwn(one, example, joined))
    .sort((a, b) => Number((a.hops[0]?.timeNs ?? 0n) - (b.hops[0]?.timeNs ?? 0n)));
}

/** Had the end of a packet gone unseen, what comes before a long pause would be that packet's. */
function sinceGap(hops: readonly KernelHop[]): readonly KernelHop[] {
  const last = hops.findLastIndex(
    ({ timeNs }, index) => index > 0 && timeNs - (hops[index - 1]?.timeNs ?? timeNs) > LIFE_GAP_NS,
  );
  return last < 0 ? hops : hops.slice(last);
}

/**
 * The journey that accounts for its hops. A device that nobody listens to may have a name that is listened to elsewhere:
 * then the hops before it decide.
 */
function joinLife(
  life: KernelLife,
  hops: readonly KernelHop[],
  journeys: readonly Journey[],
  names: Names,
): Joined | undefined {
  for (let known = hops.length; known > 0; known--) {
    const part = hops.slice(0, known);
    if (!part.some(({ way, device }) => way !== 'queue' && names.has(device))) return undefined;
    const { journeys: found, decided } = journeysFor(part, journeys, names);
    const journey = found.at(-1);
    if (journey) return { life, hops, known, journey, decided };
    // Only what certainly follows from this process's own packet may have come to where nobody knows it.
    if (life.sentNs === undefined) return undefined;
  }
  return undefined;
}

/** It follows from what this very probe sent, or there is no other packet that it could be mistaken for. */
function isOwn({ life, hops, journey }: Joined, { probe }: EchoExchange, all: readonly Joined[]): boolean {
  if (life.sentNs !== undefined) {
    const [from, until] = probe ? [probe.sentNs, probe.doneNs ?? probe.sentNs] : [0n, 0n];
    return life.sentNs >= from - CLOCK_SLACK_NS && life.sentNs <= until + CLOCK_SLACK_NS;
  }
  return !all.some((other) => other.life !== life && other.journey === journey && isAlike(hops, other.hops));
}

function isAlike(one: readonly KernelHop[], other: readonly KernelHop[]): boolean {
  return one.some((a) =>
    other.some((b) => a.way !== 'queue' && a.way === b.way && a.device === b.device && a.lengthBytes === b.lengthBytes),
  );
}

function wayOf({ life, hops, known, journey }: Joined, names: Names): KernelWay {
  const left = [...sightingsOf(journey)];
  const placeOf = (hop: KernelHop): Place | undefined => {
    const index = left.findIndex((sighting) => fits(sighting, hop));
    return index < 0 ? undefined : left.splice(index, 1)[0]?.frame.place;
  };
  const placed = hops.map((hop, index) => ({
    hop,
    place: hop.way === 'queue' || index >= known || !names.has(hop.device) ? undefined : placeOf(hop),
  }));
  return {
    journey: journey.id,
    packet: journey.kind,
    hops: placed.map(({ hop: { way, device, timeNs }, place }, index) => {
      const before = placed[index - 1]?.hop.timeNs ?? (hops[0] === life.hops[0] ? life.afterNs : undefined);
      const next = placed[index + 1];
      // What is handed to a device is sent by it next, or by nobody.
      const at = place ?? (way === 'queue' && next?.hop.device === device ? next.place : undefined);
      return {
        way,
        device,
        timeNs,
        ...(before === undefined ? {} : { sinceNs: Number(timeNs - before) }),
        ...(at === undefined ? {} : { place: at }),
      };
    }),
  };
}
