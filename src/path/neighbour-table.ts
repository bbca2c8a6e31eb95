/** Room for another neighbour: one table of a family for all namespaces of a kernel, and one limit (neigh_alloc, net/core/neighbour.c). */
import { type Family, familyOf } from '../topology/address.ts';
import type { Topology } from '../topology/model.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import type { NeighbourTableGate } from './gate.ts';
import { type Port, placeOf, type World } from './world.ts';

/** The setting, by its name below net.; the initial namespace alone has it. */
export function neighbourSetting(family: Family): string {
  return `ipv${family}.neigh.default.gc_thresh3`;
}

/** IPv4 multicast is 224.0.0.0/4, IPv6's ff00::/8. */
const MULTICAST = /^(2(2[4-9]|3\d)\.|ff)/;

/** Entries that count against the limit, as far as they were read: not those set by hand, of groups, or of lo. */
export function neighbourEntries({ namespaces }: Topology, family: Family): number {
  return namespaces.flatMap(({ links, neighbours }) => {
    const loopbacks = new Set(links.filter(({ kind }) => kind === 'loopback').map(({ name }) => name));
    return neighbours.filter(
      ({ family: own, address, device, state, proxy }) =>
        own === family && !proxy && state !== 'PERMANENT' && !loopbacks.has(device) && !MULTICAST.test(address),
    );
  }).length;
}

/** The limit, and the namespace where it can be set; undefined where the initial namespace was not read. */
export function neighbourLimit(
  { namespaces }: Topology,
  family: Family,
): { readonly limit: number; readonly netns: string } | undefined {
  const setting = neighbourSetting(family);
  const initial = namespaces.find(({ sysctls }) => sysctls[setting] !== undefined);
  const limit = initial?.sysctls[setting];
  return initial === undefined || limit === undefined ? undefined : { limit, netns: initial.id };
}

/**
 * The entry that `asker` needs for `address` before it can ask; undefined where there is room, or one is there already.
 * Never a stop: the kernel first throws out what is older than five seconds, and what it finds then is not known.
 */
export function neighbourTableGate(world: World, asker: Port, address: string): NeighbourTableGate | undefined {
  const { topology } = world;
  const { namespace, link } = asker;
  const known = namespace.neighbours.some((entry) => entry.address === address && entry.device === link.name);
  const family = familyOf(address);
  const bound = neighbourLimit(topology, family);
  if (known || bound === undefined) return undefined;
  const entries = neighbourEntries(topology, family);
  if (entries < bound.limit) return undefined;
  return {
    kind: 'neighbour-table',
    place: placeOf(asker),
    verdict: 'unknown',
    entries,
    limit: bound.limit,
    facts: [
      {
        text: `the neighbour table has ${entries} entries in the namespaces that were read, and room for ${bound.limit} in all`,
        look: commandIn(topology, bound.netns, ['sysctl', `net.${neighbourSetting(family)}`]),
      },
      {
        text: `${placeName(topology, placeOf(asker))} has no entry for ${address} yet`,
        look: commandIn(topology, namespace.id, ['ip', 'neigh', 'show', 'dev', link.name]),
      },
    ],
  };
}
