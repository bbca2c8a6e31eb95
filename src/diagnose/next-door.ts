/** A target that a router has on a segment of its own, while the route it takes leads elsewhere: the route to it is gone. */
import { type EchoQuery, expectPath } from '../path/expect.ts';
import type { RouteFound } from '../path/fib.ts';
import type { Gate, RouteGate } from '../path/gate.ts';
import type { Path } from '../path/model.ts';
import { familyBits, familyOf } from '../topology/address.ts';
import { applyChanges } from '../topology/apply-changes.ts';
import type { Change } from '../topology/change.ts';
import type { Topology } from '../topology/model.ts';
import { addressesOf, namespaceOf, ownersOf } from '../topology/query.ts';
import type { Place } from '../trace/frame.ts';
import { decisionsBefore, reaches, wayOf } from './detour.ts';
import { segmentOf } from './routers.ts';

export interface NextDoor {
  readonly gate: RouteGate;
  /** The route that takes the packet elsewhere. */
  readonly taken: RouteFound;
  /** The only interface behind which the target is, and the target's own. */
  readonly by: Place;
  readonly owner: Place;
  /** The route that is not there. */
  readonly change: Change;
}

/**
 * Routed containers (CNI's ptp, Calico) have a route each on their host, and nothing else says where they are: without it
 * the default route takes what is for them.
 *
 * @param stop the gate that stops it, if one does: decisions behind that have not been made
 */
export function findNextDoor(topology: Topology, query: EchoQuery, path: Path, stop?: Gate): NextDoor | undefined {
  for (const gate of decisionsBefore(path, stop)) {
    // A socket that is bound to an interface never asks for another one.
    if (gate.purpose === 'send' || reaches(path, wayOf(path, gate))) continue;
    const found = nextDoor(topology, gate);
    if (found && reaches(expectPath(applyChanges(topology, [found.change]), query), wayOf(path, gate))) return found;
  }
  return undefined;
}

function nextDoor(topology: Topology, gate: RouteGate): NextDoor | undefined {
  const { route: taken, place, destination } = gate;
  if (!taken || taken.uncertain !== undefined || taken.rule) return undefined;
  const [owner, ...others] = ownersOf(topology, destination);
  const namespace = namespaceOf(topology, place.netns);
  if (!owner || others.length > 0 || !namespace || owner.namespace.id === place.netns) return undefined;
  const family = familyOf(destination);
  const at = { netns: owner.namespace.id, name: owner.link.name };
  const doors = namespace.links.filter(
    (link) =>
      link.kind !== 'loopback' &&
      link.master === undefined &&
      link.name !== taken.device &&
      addressesOf(link, family).length > 0 &&
      segmentOf(topology, { namespace, link }).some(({ netns, name }) => netns === at.netns && name === at.name),
  );
  const [door, ...more] = doors;
  if (!door || more.length > 0) return undefined;
  const by = { netns: namespace.id, name: door.name };
  const to = `${destination}/${familyBits(family)}`;
  const change: Change = { kind: 'route-add', netns: namespace.id, destination: to, device: door.name };
  return { gate, taken, by, owner: at, change };
}
