/** An echo request that is addressed to somebody else's hardware address. */
import type { FailureGroup, PairSummary } from '../../survey/summary.ts';
import { placeKey } from '../../trace/frame.ts';
import type { Sighting } from '../../trace/sighting.ts';
import type { CaptureFinding } from '../analysis.ts';
import type { Case } from './case.ts';
import { findingOf } from './claim.ts';
import { listed, placeText } from './words.ts';

/** Where a capture tells no directions: more places than a way over one bridge has, from one end of a veth pair to another's. */
const FLOODED = 6;
/** Ports that a bridge sends one frame out of. */
const BRANCHES = 2;
/** Not recorded (tcpdump's text without -e). */
const NO_MAC = '00:00:00:00:00:00';

/**
 * The target speaks for itself on this segment, with another address than the requests carry; or nobody at all speaks with
 * the one they carry, and nobody was asked for it.
 */
export function wrongDestination(pair: PairSummary, group: FailureGroup, failed: Case): CaptureFinding | undefined {
  const { source, target } = pair;
  const sightings = failed.example?.request?.sightings ?? [];
  const [begun] = sightings;
  const last = sightings.at(-1);
  // Behind a router the frame carries another one's address: what the sender believes stands in the first.
  const used = begun?.packet.ethernet?.destination;
  if (!begun || !last || used === undefined || used === NO_MAC || isGroup(used)) return undefined;
  // What it says of itself on another segment, where it has another interface, is nothing to this one.
  const segment = new Set(
    sightings.filter(({ packet }) => packet.ethernet?.destination === used).map(({ frame }) => placeKey(frame.place)),
  );
  const owners = new Set<string>();
  const speakers = new Set<string>();
  let asked = false;
  for (const { packet, kind, frame } of failed.sightings) {
    const { arp, ethernet, icmp } = packet;
    if (ethernet) speakers.add(ethernet.source);
    if (!segment.has(placeKey(frame.place))) continue;
    if (arp?.senderProtocol === target && arp.senderHardware !== NO_MAC) owners.add(arp.senderHardware);
    if (kind === 'neighbour-advertisement' && icmp?.target === target && icmp.linkLayerAddress)
      owners.add(icmp.linkLayerAddress);
    if (arp?.targetProtocol === target && kind === 'arp-request') asked = true;
  }
  if (owners.has(used)) return undefined;
  const foreign = owners.size > 0;
  // Sighted at many places, routed by nobody: a bridge floods it, because it does not know the address either.
  const flooded = isFlood(sightings) && sightings.every(({ packet }) => packet.ethernet?.destination === used);
  if (!foreign && (speakers.has(used) || asked || !flooded)) return undefined;
  const begins = pair.begins ?? group.last;
  return findingOf({
    rule: 'neighbor-wrong-mac',
    confidence: foreign ? 'likely' : 'possible',
    title: foreign
      ? `${source} sends what is for ${target} to ${used}; ${target} is at ${listed([...owners])}`
      : `${source} sends what is for ${target} to ${used}, and nobody in the capture has that hardware address`,
    summary: foreign
      ? `the echo requests for ${target} carry the hardware address ${used}. ${target} itself says that it is at ${listed([...owners])}: so its interface ignores them. ${source} has a wrong neighbour entry, permanent or stale.`
      : `the echo requests for ${target} carry the hardware address ${used}. No frame of the two comes from it, ${source} did not ask ARP, and the request was flooded to ${sightings.length} places: ${source} believes a neighbour entry that is probably wrong. If ${used} is a router beyond what was captured, it is something else.`,
    where: begins,
    evidence: [
      {
        kind: 'sighting',
        text: `the echo request to ${used}, last sighted at ${placeText(last.frame.place)}`,
        place: last.frame.place,
        timeNs: last.frame.timeNs,
      },
    ],
    candidates: [
      { rule: 'neighbor-wrong-mac', why: `the entry for ${target} is wrong`, look: `ip neigh show ${target}` },
      ...(foreign
        ? []
        : [
            {
              rule: 'bridge-mac-changed',
              why: `the bridge with ${target} had ${used}, and took another one when its ports changed`,
              look: 'ip -br link show type bridge',
            },
          ]),
    ],
    explains: group.requests,
    pair,
    example: group.example,
    failed,
  });
}

/** Sent out at several places behind the first; where directions are unknown, sighted at more places than one way has. */
function isFlood(sightings: readonly Sighting[]): boolean {
  const told = sightings.every(({ frame }) => frame.direction !== 'unknown');
  if (!told) return sightings.length >= FLOODED;
  return sightings.slice(1).filter(({ frame }) => frame.direction === 'out').length >= BRANCHES;
}

/** Group bit of a hardware address (IEEE 802). */
export function isGroup(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}
