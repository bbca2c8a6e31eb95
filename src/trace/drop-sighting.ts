/** Which sighting a packet's hops lead to: the kernel names neither packet nor namespace, so length, order and time must. */
import type { ProbeResult } from './frame.ts';
import type { Journey } from './journey.ts';
import { type KernelDrop, type KernelHop, MOST_RIVALS, RIVAL_NS } from './kernel-life.ts';
import type { Sighting } from './sighting.ts';

/** Names of the interfaces that were listened to. */
export type Names = ReadonlySet<string>;

/** A frame that is sent is stamped before its hop is reported; the two clocks are compared to within this. */
export const CLOCK_SLACK_NS = 4_000n;
/** A frame that is received is stamped when it comes, or when the packet socket gets it: then after its hop. */
const TAP_SLACK_NS = 1_000_000n;
/** Less than the tracker looks around for rivals: whatever could be mistaken for it must be known. */
const LATE_NS = BigInt(RIVAL_NS) - 2n * TAP_SLACK_NS;
export const ETHERNET_HEADER = 14;
const VLAN_TAG = 4;

export interface Found {
  readonly sighting: Sighting;
  readonly journey: Journey;
  readonly sure: boolean;
}

/**
 * The sighting of the last hop, and whether no other packet can have been meant: none of the run's own that does not follow
 * from this one, and none of the rivals.
 * @param probe it was sent in this probe's system call: then it is no rival's
 */
export function lastSighting(
  drop: KernelDrop,
  hops: readonly KernelHop[],
  journeys: readonly Journey[],
  names: Names,
  probe?: ProbeResult,
): Found | undefined {
  const possible = probe
    ? journeys.filter(
        ({ kind, sequence }) => kind === 'arp-request' || (kind === 'echo-request' && sequence === probe.sequence),
      )
    : journeys;
  const { journeys: found, decided } = journeysFor(hops, possible, names);
  const journey = found.at(-1);
  const last = hops.findLast(({ way }) => way !== 'queue');
  const sighting = journey && last && sightingsOf(journey).findLast((each) => fits(each, last));
  if (!journey || !sighting) return undefined;
  const competes = (rival: readonly KernelHop[]) => {
    const others = journeysFor(lately(rival), possible, names);
    return others.decided ? others.journeys.at(-1) === journey : others.journeys.includes(journey);
  };
  const rivalled = !probe && (drop.rivals.length >= MOST_RIVALS || drop.rivals.some(competes));
  return { sighting, journey, sure: decided && !rivalled && !drop.doubtful };
}

/**
 * The journeys that account for every hop, the likeliest last. A frame that is sent is stamped just before its hop is
 * reported, and the answer to a packet is stamped after both: so of a question and its answer it is the later one.
 */
export function journeysFor(
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

/** Since it was last queued: had an end of a packet gone unseen, what comes before would be that packet's. */
function lately(hops: readonly KernelHop[]): readonly KernelHop[] {
  const last = hops.findLastIndex(({ way }) => way !== 'queue');
  const queued = hops.findLastIndex(({ way }, index) => way === 'queue' && index < last);
  return hops.slice(Math.max(0, queued));
}

export function sightingsOf({ sightings, fragments }: Journey): readonly Sighting[] {
  return fragments.length === 0 ? sightings : [...sightings, ...fragments];
}

/** Every hop at a place that was listened to was sighted on this journey, each by a sighting of its own. */
function accountsFor(journey: Journey, hops: readonly KernelHop[], names: Names): boolean {
  const left = [...sightingsOf(journey)];
  return hops.every((hop) => {
    if (hop.way === 'queue' || !names.has(hop.device)) return true;
    const index = left.findIndex((sighting) => fits(sighting, hop));
    if (index >= 0) left.splice(index, 1);
    return index >= 0;
  });
}

export function fits({ frame }: Sighting, { way, device, lengthBytes, timeNs }: KernelHop): boolean {
  const late = timeNs - frame.timeNs;
  return (
    frame.place.name === device &&
    (frame.direction === way || frame.direction === 'unknown') &&
    late >= -(way === 'in' ? TAP_SLACK_NS : CLOCK_SLACK_NS) &&
    late <= LATE_NS &&
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
