/** A drop: the kernel threw a packet away, and it is known which packet, and after which place. */
import { formatIpv6, parseIpv6 } from '../wire/text.ts';
import { isBenign } from './drop-reason.ts';
import { CLOCK_SLACK_NS, ETHERNET_HEADER, lastSighting, type Names } from './drop-sighting.ts';
import type { Exchange } from './exchange.ts';
import type { Place, ProbeResult } from './frame.ts';
import { placeKey } from './frame.ts';
import type { Journey } from './journey.ts';
import type { KernelDrop, KernelHop } from './kernel-life.ts';
import type { Sighting, SightingKind } from './sighting.ts';

export interface Drop {
  /** Unix nanoseconds. */
  readonly timeNs: bigint;
  /** The reason's name, as the running kernel has it. */
  readonly reason: string;
  /** The kernel function that dropped it. */
  readonly function: string;
  readonly packet: SightingKind;
  /** The journey it ended; of a packet that was sighted nowhere, the journey of the one it was made for. */
  readonly journey?: number;
  /** The probe it belongs to. */
  readonly sequence?: number;
  /** The last sighting before: of the packet itself, or of the one that made the kernel send it. */
  readonly after?: Sighting;
  /** The interface it was at. */
  readonly place: Place;
  /** An ARP request or a neighbour solicitation: who was asked for. */
  readonly target?: string;
  /** False: it may have been another packet. Such a drop confirms nothing. */
  readonly sure: boolean;
}

export interface DropContext {
  readonly exchanges: readonly Exchange[];
  readonly probes: readonly ProbeResult[];
  /** The interface the probes are sent from. */
  readonly start: Place;
  /** What was listened to. */
  readonly places: readonly Place[];
}

const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd };

/** The drops that hit the packets of these journeys, in order of time; those of others, and ordinary ones, are left out. */
export function joinDrops(drops: readonly KernelDrop[], given: DropContext): Drop[] {
  const context = joining(given);
  return drops
    .flatMap((drop) => joinDrop(drop, context) ?? [])
    .filter((drop) => drop.sure || !wentOn(drop, context))
    .sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
}

/** The drops that may have hit a packet of these journeys: what all the others were is nobody's business. */
export function possibleDrops(drops: readonly KernelDrop[], given: DropContext): KernelDrop[] {
  const context = joining(given);
  return drops.filter((drop) => joinDrop(drop, context) !== undefined);
}

/** The packet was sighted afterwards, or answered: whatever was dropped, it was not this one. */
function wentOn({ timeNs, journey, sequence }: Drop, { journeys, probes }: Joining): boolean {
  const sightings = journeys.find(({ id }) => id === journey)?.sightings ?? [];
  if (sightings.some(({ frame }) => frame.timeNs > timeNs)) return true;
  return probes.some((probe) => probe.sequence === sequence && probe.replies.length > 0);
}

type Joining = DropContext & { readonly journeys: readonly Journey[]; readonly names: Names };

function joining(given: DropContext): Joining {
  const names = new Set(given.places.map(({ name }) => name));
  return { ...given, names, journeys: journeysIn(given.exchanges) };
}

/** Every journey of these exchanges, once. */
export function journeysIn(exchanges: readonly Exchange[]): Journey[] {
  const journeys = exchanges.flatMap((exchange) => [
    ...(exchange.request ? [exchange.request] : []),
    ...exchange.replies,
    ...(exchange.kind === 'echo' ? exchange.errors : []),
  ]);
  return [...new Set(journeys)];
}

function joinDrop(drop: KernelDrop, context: Joining): Drop | undefined {
  if (drop.reason !== 'OTHERHOST' && isBenign(drop.reason, drop.function)) return undefined;
  if (drop.hops.some(({ way }) => way !== 'queue')) return joinSighted(drop, context);
  if (drop.own || drop.hops[0]?.own === true) return joinSent(drop, context);
  return drop.parent ? joinChild(drop, drop.parent, context) : undefined;
}

/** What the packet passed was sighted, so the sightings tell which packet it was. */
function joinSighted(drop: KernelDrop, context: Joining): Drop | undefined {
  const found = lastSighting(drop, drop.hops, context.journeys, context.names, sentIn(drop, context.probes));
  if (!found) return undefined;
  const { sighting, journey, sure } = found;
  return {
    ...kernelsWord(drop),
    packet: journey.kind,
    journey: journey.id,
    ...(journey.sequence === undefined ? {} : { sequence: journey.sequence }),
    after: sighting,
    place: placeAfter(sighting, drop.hops),
    sure: sure && protocolFits(sighting, drop.protocol),
  };
}

/** Never sighted, and dropped in the very system call that sent a probe, or that made the kernel ask for a neighbour. */
function joinSent(drop: KernelDrop, { probes, start }: DropContext): Drop | undefined {
  const probe = sentIn(drop, probes);
  if (!probe) return undefined;
  const device = drop.hops.at(-1)?.device ?? start.name;
  const question = drop.protocol === ETHERTYPE.arp ? 'arp-request' : questionOf(drop);
  return {
    ...kernelsWord(drop),
    packet: question ?? 'echo-request',
    ...(question ? {} : { sequence: probe.sequence }),
    ...askedFor(drop),
    place: { netns: start.netns, name: device },
    sure: !drop.doubtful,
  };
}

/** The probe whose system call made the packet; undefined for what this thread did not send, or sent for something else. */
function sentIn(drop: KernelDrop, probes: readonly ProbeResult[]): ProbeResult | undefined {
  const [first] = drop.hops;
  if (first ? !first.own : !drop.own) return undefined;
  const timeNs = first?.timeNs ?? drop.timeNs;
  // Another run of this process may have sent as well, but not in the same moment.
  return probes.find(
    ({ sentNs, doneNs = sentNs }) => sentNs <= timeNs + CLOCK_SLACK_NS && timeNs <= doneNs + CLOCK_SLACK_NS,
  );
}

/** Never sighted itself: made by the kernel while it received a packet that was. */
function joinChild(drop: KernelDrop, parent: readonly KernelHop[], context: Joining): Drop | undefined {
  const found = lastSighting(drop, parent, context.journeys, context.names);
  if (!found) return undefined;
  const { sighting, journey, sure } = found;
  const packet = childOf(drop, parent, journey);
  return {
    ...kernelsWord(drop),
    packet: packet ?? 'other',
    journey: journey.id,
    ...(journey.sequence === undefined ? {} : { sequence: journey.sequence }),
    ...askedFor(drop),
    after: sighting,
    place: placeAfter(sighting, drop.hops),
    sure: sure && packet !== undefined,
  };
}

/**
 * What the kernel sends because of a packet: the question for its next hop, or the answer. An answer leaves by the device
 * the packet came in by, or over lo; what leaves by another one may be a copy that a bridge floods.
 */
function childOf(drop: KernelDrop, parent: readonly KernelHop[], { kind }: Journey): SightingKind | undefined {
  const came = parent.findLast(({ way }) => way === 'in');
  const left = drop.hops[0];
  const question = questionOf(drop);
  if (question) return question;
  if (!came || !left || (left.device !== came.device && left.device !== 'lo')) return undefined;
  if (drop.protocol === ETHERTYPE.arp) return kind === 'arp-request' ? 'arp-reply' : undefined;
  // An echo reply is as long as its request; an error that quotes it is not.
  const asLong = left.lengthBytes === came.lengthBytes + ETHERNET_HEADER || left.lengthBytes === came.lengthBytes;
  if (kind === 'neighbour-solicitation' && asLong) return 'neighbour-advertisement';
  return kind === 'echo-request' && asLong ? 'echo-reply' : undefined;
}

/** The kernel's own question for a hardware address: it began to ask in the moment in which this was dropped. */
function questionOf({ protocol, resolving }: KernelDrop): SightingKind | undefined {
  if (resolving === undefined) return undefined;
  if (protocol === ETHERTYPE.arp) return 'arp-request';
  return protocol === ETHERTYPE.ipv6 ? 'neighbour-solicitation' : undefined;
}

/** The kernel's events write all groups of an IPv6 address out. */
function askedFor({ resolving }: KernelDrop): Pick<Drop, 'target'> {
  if (resolving === undefined) return {};
  const ipv6 = parseIpv6(resolving);
  return { target: ipv6 ? formatIpv6(ipv6) : resolving };
}

function kernelsWord({ timeNs, reason, function: where }: KernelDrop): Pick<Drop, 'timeNs' | 'reason' | 'function'> {
  return { timeNs, reason, function: where };
}

function protocolFits({ packet }: Sighting, protocol: number): boolean {
  if (packet.arp) return protocol === ETHERTYPE.arp;
  // Inside a tunnel's packet the outer one is dropped, and that is IP as well.
  return protocol === ETHERTYPE.ipv4 || protocol === ETHERTYPE.ipv6;
}

/** Handed to a further device without having been sighted there: that device is in the same namespace. */
function placeAfter({ frame }: Sighting, hops: readonly KernelHop[]): Place {
  const queue = hops.at(-1);
  return queue?.way === 'queue' ? { netns: frame.place.netns, name: queue.device } : frame.place;
}

/** True where the drop came after a sighting at this place, in this direction. */
export function isAfter(drop: Drop, place: Place, direction: 'in' | 'out'): boolean {
  const frame = drop.after?.frame;
  return (
    frame !== undefined &&
    placeKey(frame.place) === placeKey(place) &&
    (frame.direction === direction || frame.direction === 'unknown')
  );
}
