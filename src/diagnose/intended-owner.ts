/** Whose an address probably is that nobody has: the one interface that hears the question, or would if it were up, and has none. */
import type { OwnerGate } from '../path/gate.ts';
import { portAt } from '../path/world.ts';
import { familyBits, familyOf, isLinkLocal } from '../topology/address.ts';
import { applyChanges } from '../topology/apply-changes.ts';
import type { Link, Topology } from '../topology/model.ts';
import { prefixAround } from '../topology/prefix.ts';
import { addressesOf, isUp, linkOf, namespaceOf } from '../topology/query.ts';
import { type Place, placeKey } from '../trace/frame.ts';
import { segmentOf } from './routers.ts';
import { coveringPrefix } from './segment.ts';

export interface IntendedOwner {
  readonly at: Place;
  /** It has to be set up too. */
  readonly down: boolean;
}

/** Each one is tried on the model: on a host with hundreds of stopped containers nobody can say whose it is. */
const MAX_SLEEPERS = 16;

export function intendedOwner(topology: Topology, gate: OwnerGate): IntendedOwner | undefined {
  if (isLinkLocal(gate.target)) return undefined;
  const bare = gate.reached.filter((place) => {
    const link = linkOf(topology, place);
    return link !== undefined && hasNone(link, gate.target) && place.netns !== gate.asker.netns;
  });
  const hosts = bare.filter((place) => linkOf(topology, place)?.kind !== 'bridge');
  const [host, ...others] = hosts;
  if (host) return others.length > 0 ? undefined : { at: host, down: false };
  const [sleeper, ...more] = sleepers(topology, gate);
  if (sleeper) return more.length > 0 ? undefined : { at: sleeper, down: true };
  const [bridge, ...bridges] = bare;
  // Most bridges are switches and need none: a router's address is another matter.
  return bridge && bridges.length === 0 && isRouterAddress(topology, gate) ? { at: bridge, down: false } : undefined;
}

/** Somebody who hears the question names it as the gateway, or it is the first address of its network, as routers have it. */
function isRouterAddress(topology: Topology, { asker, reached, target }: OwnerGate): boolean {
  const length = coveringPrefix(topology, asker, target);
  if (length !== undefined && isFirst(target, length)) return true;
  return [asker, ...reached].some(({ netns, name }) =>
    namespaceOf(topology, netns)?.routes.some(({ nextHops }) =>
      nextHops.some(({ gateway, device }) => gateway === target && device === name),
    ),
  );
}

function isFirst(address: string, length: number): boolean {
  const bits = familyBits(familyOf(address));
  // The second address of the network: its sibling of the shortest kind is the network's own.
  return prefixAround(address, bits - 1) === `${prefixAround(address, length).replace(/\/.*/, '')}/${bits - 1}`;
}

/** Interfaces that are down, have no address, and would hear the question if they were up. */
function sleepers(topology: Topology, { asker, target }: OwnerGate): Place[] {
  const candidates = topology.namespaces.flatMap(({ id, detail, links }) =>
    id === asker.netns || detail === 'links'
      ? []
      : links.flatMap((link) =>
          isUp(link) || !isHost(link) || !hasNone(link, target) ? [] : [{ netns: id, name: link.name }],
        ),
  );
  if (candidates.length > MAX_SLEEPERS) return [];
  return candidates.filter((at) => {
    const raised = applyChanges(topology, [{ kind: 'link-up', at }]);
    const port = portAt(raised, asker);
    return port !== undefined && segmentOf(raised, port).some((place) => placeKey(place) === placeKey(at));
  });
}

/** What a machine is reached by: no bridge, and no port of one. */
function isHost({ kind, master }: Link): boolean {
  return kind !== 'loopback' && kind !== 'bridge' && master === undefined;
}

/** IPv6 gives every interface a link-local address by itself. */
function hasNone(link: Link, target: string): boolean {
  return addressesOf(link, familyOf(target)).every(({ scope }) => scope === 'link');
}
