/** A drop: the kernel threw a packet away, and it is known which packet, and after which place. */
import { isBenign } from './drop-reason.ts';
import type { Exchange } from './exchange.ts';
import type { Place, ProbeResult } from './frame.ts';
import { placeKey } from './frame.ts';
import type { Journey } from './journey.ts';
import { type KernelDrop, type KernelHop, MOST_RIVALS, RIVAL_NS } from './kernel-life.ts';
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
  /** An ARP request: who was asked for. */
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

/** A frame that is sent is stamped before its hop is reported; the two clocks are compared to within this. */
const CLOCK_SLACK_NS = 4_000n;
/** A frame that is received is stamped when it comes, or when the packet socket gets it: then after its hop. */
const TAP_SLACK_NS = 1_000_000n;
/** From the system call that sends a probe to what happens to it there. */
const SEND_NS = 50_000_000n;
const ETHERNET_HEADER = 14;
const VLAN_TAG = 4;
const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd };

/** The drops that hit the packets of these journeys, in order of time; those of others, and ordinary ones, are left out. */
export function joinDrops(drops: readonly KernelDrop[], given: DropContext): Drop[] {
  const names = new Set(given.places.map(({ name }) => name));
  const context = { ...given, journeys: journeysIn(given.exchanges) };
  return drops
    .filter(({ reason, function: where }) => reason === 'OTHERHOST' || !isBenign(reason, where))
    .flatMap((drop) => joinDrop(drop, context, names) ?? [])
    .sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
}

type Names = ReadonlySet<string>;
type Joining = DropContext & { readonly journeys: readonly Journey[] };

function journeysIn(exchanges: readonly Exchange[]): Journey[] {
  const journeys = exchanges.flatMap((exchange) => [
    ...(exchange.request ? [exchange.request] : []),
    ...exchange.replies,
    ...(exchange.kind === 'echo' ? exchange.errors : []),
  ]);
  return [...new Set(journeys)];
}

function joinDrop(drop: KernelDrop, context: Joining, names: Names): Drop | undefined {
  if (drop.hops.some(({ way }) => way !== 'queue')) return joinSighted(drop, context, names);
  if (drop.own || drop.hops[0]?.own === true) return joinSent(drop, context);
  return drop.parent ? joinChild(drop, drop.parent, context, names) : undefined;
}

/** What the packet passed was sighted, so the sightings tell which packet it was. */
function joinSighted(drop: KernelDrop, context: Joining, names: Names): Drop | undefined {
  const own = drop.hops[0]?.own === true;
  const found = lastSighting(drop, drop.hops, context.journeys, names, own);
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
  const timeNs = drop.hops[0]?.timeNs ?? drop.timeNs;
  const probe = probes.findLast(({ sentNs }) => sentNs <= timeNs + CLOCK_SLACK_NS);
  if (!probe || timeNs - probe.sentNs > SEND_NS) return undefined;
  const device = drop.hops.at(-1)?.device ?? start.name;
  const arp = drop.protocol === ETHERTYPE.arp;
  return {
    ...kernelsWord(drop),
    packet: arp ? 'arp-request' : 'echo-request',
    ...(arp ? {} : { sequence: probe.sequence }),
    ...(drop.resolving === undefined ? {} : { target: drop.resolving }),
    place: { netns: start.netns, name: device },
    sure: !drop.doubtful,
  };
}

/** Never sighted itself: made by the kernel while it received a packet that was. */
function joinChild(drop: KernelDrop, parent: readonly KernelHop[], context: Joining, names: Names): Drop | undefined {
  const found = lastSighting(drop, parent, context.journeys, names, false);
  if (!found) return undefined;
  const { sighting, journey, sure } = found;
  const packet = childOf(drop, parent, journey);
  return {
    ...kernelsWord(drop),
    packet: packet ?? 'other',
    journey: journey.id,
    ...(journey.sequence === undefined ? {} : { sequence: journey.sequence }),
    ...(drop.resolving === undefined ? {} : { target: drop.resolving }),
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
  if (drop.protocol === ETHERTYPE.arp && drop.resolving !== undefined) return 'arp-request';
  if (!came || !left || (left.device !== came.device && left.device !== 'lo')) return undefined;
  if (drop.protocol === ETHERTYPE.arp) return kind === 'arp-request' ? 'arp-reply' : undefined;
  // An echo reply is as long as its request; an error that quotes it is not.
  const asLong = left.lengthBytes === came.lengthBytes + ETHERNET_HEADER || left.lengthBytes === came.lengthBytes;
  return kind === 'echo-request' && asLong ? 'echo-reply' : undefined;
}

function kernelsWord({ timeNs, reason, function: where }: KernelDrop): Pick<Drop, 'timeNs' | 'reason' | 'function'> {
  return { timeNs, reason, function: where };
}

interface Found {
  readonly sighting: Sighting;
  readonly journey: Journey;
  readonly sure: boolean;
}

/**
 * The sighting of the last hop, and whether no other packet can have been meant: none of the run's own that does not follow
 * from this one, and none of the rivals.
 * @param own the packet was sent by this thread: then it is no rival's
 */
function lastSighting(
  drop: KernelDrop,
  hops: readonly KernelHop[],
  journeys: readonly Journey[],
  names: Names,
  own: boolean,
): Found | undefined {
  const possible = own ? journeys.filter(({ kind }) => kind === 'echo-request' || kind === 'arp-request') : journeys;
  const { journeys: found, decided } = journeysFor(hops, possible, names);
  const journey = found.at(-1);
  const last = hops.findLast(({ way }) => way !== 'queue');
  const sighting = journey && last && sightingsOf(journey).findLast((each) => fits(each, last));
  if (!journey || !sighting) return undefined;
  const competes = (rival: readonly KernelHop[]) => {
    const others = journeysFor(rival, possible, names);
    return others.decided ? others.journeys.at(-1) === journey : others.journeys.includes(journey);
  };
  const rivalled = !own && (drop.rivals.length >= MOST_RIVALS || drop.rivals.some(competes));
  return { sighting, journey, sure: decided && !rivalled && !drop.doubtful };
}

/**
 * The journeys that account for every hop, the likeliest last. A frame that is sent is stamped just before its hop is
 * reported, and the answer to a packet is stamped after both: so of a question and its answer it is the later one.
 */
function journeysFor(
  hops: readonly KernelHop[],
  journeys: readonly Journey[],
  names: Names,
): { readonly journeys: readonly Journey[]; readonly decided: boolean } {
  const possible = journeys.filter((journey) => accountsFor(journey, hops, names));
  const sent = hops.find(({ way, device }) => way === 'out' && names.has(device));
  if (possible.length <= 1 || !sent) return { journeys: possible, decided: possible.length === 1 };
  const stamp = (journey: Journey) =>
    sightingsOf(journey).findLast((sighting) => fits(sighting, sent))?.frame.timeNs ?? 0n;
  const ordered = [...possible].sort((a, b) => Number(stamp(a) - stamp(b)));
  const last = ordered.at(-1);
  return { journeys: ordered, decided: ordered.every((each) => last && (each === last || areRelated(each, last))) };
}

/** A question and its answer: one is never under way before the other has come. */
function areRelated(one: Journey, other: Journey): boolean {
  if (one.kind === other.kind) return false;
  if (one.sequence !== undefined) return one.sequence === other.sequence;
  const [a, b] = [one.sightings[0]?.packet.arp, other.sightings[0]?.packet.arp];
  return a !== undefined && b !== undefined && a.senderProtocol === b.targetProtocol;
}

function sightingsOf({ sightings, fragments }: Journey): readonly Sighting[] {
  return fragments.length === 0 ? sightings : [...sightings, ...fragments];
}

/** Every hop at a place that was listened to was sighted on this journey. */
function accountsFor(journey: Journey, hops: readonly KernelHop[], names: Names): boolean {
  const sightings = sightingsOf(journey);
  return hops.every(
    (hop) => hop.way === 'queue' || !names.has(hop.device) || sightings.some((sighting) => fits(sighting, hop)),
  );
}

function fits({ frame }: Sighting, { way, device, lengthBytes, timeNs }: KernelHop): boolean {
  const late = timeNs - frame.timeNs;
  return (
    frame.place.name === device &&
    (frame.direction === way || frame.direction === 'unknown') &&
    late >= -(way === 'in' ? TAP_SLACK_NS : CLOCK_SLACK_NS) &&
    late <= BigInt(RIVAL_NS) &&
    lengthFits(frame, way, lengthBytes)
  );
}

/** The kernel counts without the link-layer header on receive; a tag it holds apart from the frame counts on neither side. */
function lengthFits(frame: Sighting['frame'], way: KernelHop['way'], lengthBytes: number): boolean {
  const header = way === 'in' && frame.linkType !== 'raw-ip' ? ETHERNET_HEADER : 0;
  const expected = frame.originalLength - header;
  const type = ((frame.bytes[12] ?? 0) << 8) | (frame.bytes[13] ?? 0);
  const tagged = frame.linkType !== 'raw-ip' && (type === 0x8100 || type === 0x88a8);
  return lengthBytes === expected || (tagged && lengthBytes === expected - VLAN_TAG);
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
