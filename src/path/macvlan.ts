/** Macvlans: devices with hardware addresses of their own on one lower device, and who of them reaches whom (drivers/net/macvlan.c). */
import { commandIn, placeName } from '../topology/naming.ts';
import { isUp, lowerOf } from '../topology/query.ts';
import { type FrameAddresses, isGroup } from './ethernet.ts';
import type { MacvlanGate } from './gate.ts';
import { type Port, placeOf, type World } from './world.ts';

const MACVLANS: ReadonlySet<string> = new Set(['macvlan', 'macvtap']);

export const isMacvlan = ({ link }: Port): boolean => MACVLANS.has(link.kind);

/** The macvlans that sit on a device, in whichever namespaces. */
function childrenOf({ topology }: World, lower: Port): Port[] {
  return topology.namespaces.flatMap((namespace) =>
    namespace.links
      .filter(({ peer }) => peer?.index === lower.link.index && peer.netns === lower.namespace.id)
      .map((link) => ({ namespace, link }))
      .filter(isMacvlan),
  );
}

export function lowerPort({ topology }: World, { link }: Port): Port | undefined {
  return lowerOf(topology, link);
}

/** `bridge` where nothing is said. */
export function modeOf({ link }: Port): string {
  return typeof link.data.mode === 'string' ? link.data.mode : 'bridge';
}

export function isSame(one: Port, other: Port): boolean {
  return one.namespace.id === other.namespace.id && one.link.index === other.link.index;
}

/** One device that should have a frame, and why it has not; without a gate it has it. */
export interface Taker {
  readonly port: Port;
  readonly gate?: MacvlanGate;
}

/** A frame has come in by the lower device: its children that get it (macvlan_handle_frame). */
export function takersOf(world: World, frame: FrameAddresses, lower: Port): Taker[] {
  const children = childrenOf(world, lower);
  const sender = children.find(({ link }) => link.mac === frame.source);
  return children
    .filter((child) => !(sender && isSame(child, sender)))
    .flatMap((child): Taker[] => {
      const mode = modeOf(child);
      if (mode === 'source' && !isListed(child, frame.source)) {
        const meant = isGroup(frame.destination) || child.link.mac === frame.destination;
        return meant ? [{ port: child, gate: macvlanGate(world, lower, lower, child, 'source', frame.source) }] : [];
      }
      if (!isGroup(frame.destination))
        return mode === 'passthru' || child.link.mac === frame.destination ? [{ port: child }] : [];
      if (!sender) return [{ port: child }];
      // Siblings of mode bridge had it from each other; to one of mode private nothing comes back that a sibling sent.
      if (isApart(sender) || isApart(child))
        return [{ port: child, gate: macvlanGate(world, lower, sender, child, 'private', frame.source) }];
      return modeOf(sender) === 'bridge' && mode === 'bridge' ? [] : [{ port: child }];
    });
}

/** Does the lower device's own stack get what comes in? Not what its passthru child takes, nor what a private one had sent. */
export function stackGateOf(world: World, frame: FrameAddresses, lower: Port): MacvlanGate | undefined {
  const children = childrenOf(world, lower);
  const sole = children.find((child) => modeOf(child) === 'passthru' && isUp(child.link));
  if (sole && !isGroup(frame.destination)) return macvlanGate(world, lower, lower, sole, 'passthru', frame.source);
  const sender = children.find(({ link }) => link.mac === frame.source);
  return sender && isApart(sender) && isGroup(frame.destination)
    ? macvlanGate(world, lower, sender, lower, 'parent', frame.source)
    : undefined;
}

const isApart = (port: Port): boolean => modeOf(port) === 'private' || modeOf(port) === 'passthru';

/** The sending addresses a macvlan of mode source takes frames from. */
function isListed({ link }: Port, mac: string): boolean {
  const listed = link.data.macaddr_data;
  return Array.isArray(listed) && listed.some((one) => typeof one === 'string' && one.toLowerCase() === mac);
}

/** Siblings that get a frame inside the driver (macvlan_queue_xmit): both in mode bridge. What is for its own address comes back. */
export function siblingsInside(world: World, frame: FrameAddresses, from: Port, lower: Port): Port[] {
  if (modeOf(from) !== 'bridge') return [];
  return childrenOf(world, lower).filter(
    (child) =>
      !(isGroup(frame.destination) && isSame(child, from)) && modeOf(child) === 'bridge' && isMeant(child, frame),
  );
}

/**
 * Those on the same lower device that should have what `from` sends, and that only a switch which sends frames back where
 * they came from could give it to; a private one gets it from nobody.
 * @param beyond the lower device leads out of this machine: what a switch there does is not known
 */
export function apartFrom(world: World, frame: FrameAddresses, from: Port, lower: Port, beyond: boolean): Taker[] {
  const siblings = childrenOf(world, lower).filter((child) => !isSame(child, from) && isMeant(child, frame));
  // The lower device itself is the sender: all of its children are out of its reach.
  if (isSame(from, lower))
    return siblings.map((port) => ({ port, gate: macvlanGate(world, lower, from, port, 'parent', frame.source) }));
  const kept = siblings
    .filter((child) => modeOf(from) !== 'bridge' || modeOf(child) !== 'bridge')
    .filter((child) => modeOf(child) !== 'source' || isListed(child, frame.source))
    .map((port): Taker => {
      const by = isApart(from) || isApart(port) ? 'private' : 'vepa';
      const gate = macvlanGate(world, lower, from, port, by, frame.source);
      return { port, gate: by === 'vepa' && beyond ? { ...gate, verdict: 'unknown' } : gate };
    });
  const parent = { port: lower, gate: macvlanGate(world, lower, from, lower, 'parent', frame.source) };
  return isMeant(lower, frame) ? [parent, ...kept] : kept;
}

function isMeant({ link }: Port, { destination }: FrameAddresses): boolean {
  return isGroup(destination) || link.mac === destination;
}

function macvlanGate(
  { topology }: World,
  lower: Port,
  from: Port,
  to: Port,
  by: MacvlanGate['by'],
  mac: string,
): MacvlanGate {
  const place = placeOf(to);
  const [one, other, below] = [placeOf(from), place, placeOf(lower)].map((at) => placeName(topology, at));
  const child = isMacvlan(to) ? to : from;
  const text: Readonly<Record<MacvlanGate['by'], string>> = {
    parent: `${placeName(topology, placeOf(child))} is a macvlan on ${below}: the two never reach each other`,
    private: `${one} and ${other} are macvlans on ${below}, of modes ${modeOf(from)} and ${modeOf(to)}`,
    vepa: `${one} and ${other} are macvlans on ${below}, of modes ${modeOf(from)} and ${modeOf(to)}: frames between them go to the switch`,
    source: `${other} is a macvlan of mode source, and ${mac} is not among the senders it takes frames from`,
    passthru: `${other} is a macvlan of mode passthru on ${below}: what comes in for an address goes to it alone`,
  };
  const shown = isMacvlan(to) ? to : from;
  return {
    kind: 'macvlan',
    place,
    verdict: 'stop',
    by,
    from: placeOf(from),
    to: place,
    lower: placeOf(lower),
    mac,
    facts: [
      {
        text: text[by],
        look: commandIn(topology, shown.namespace.id, ['ip', '-d', 'link', 'show', shown.link.name]),
      },
    ],
  };
}
