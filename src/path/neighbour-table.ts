/** Room for another neighbour: one table for all namespaces of a kernel, and one limit (neigh_alloc, net/core/neighbour.c). */
import type { Topology } from '../topology/model.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import type { NeighbourTableGate } from './gate.ts';
import { type Port, placeOf, type World } from './world.ts';

/** The setting, by its name below net.; the initial namespace alone has it. */
export const NEIGHBOUR_LIMIT = 'ipv4.neigh.default.gc_thresh3';

/** Entries that count against the limit, as far as they were read: not those set by hand, nor those of lo. */
export function neighbourEntries({ namespaces }: Topology): number {
  return namespaces.flatMap(({ links, neighbours }) => {
    const loopbacks = new Set(links.filter(({ kind }) => kind === 'loopback').map(({ name }) => name));
    return neighbours.filter(
      ({ family, device, state, proxy }) => family === 4 && !proxy && state !== 'PERMANENT' && !loopbacks.has(device),
    );
  }).length;
}

/** The limit, and the namespace where it can be set; undefined where the initial namespace was not read. */
export function neighbourLimit({
  namespaces,
}: Topology): { readonly limit: number; readonly netns: string } | undefined {
  const initial = namespaces.find(({ sysctls }) => sysctls[NEIGHBOUR_LIMIT] !== undefined);
  const limit = initial?.sysctls[NEIGHBOUR_LIMIT];
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
  const bound = neighbourLimit(topology);
  if (known || bound === undefined) return undefined;
  const entries = neighbourEntries(topology);
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
        look: commandIn(topology, bound.netns, ['sysctl', `net.${NEIGHBOUR_LIMIT}`]),
      },
      {
        text: `${placeName(topology, placeOf(asker))} has no entry for ${address} yet`,
        look: commandIn(topology, namespace.id, ['ip', 'neigh', 'show', 'dev', link.name]),
      },
    ],
  };
}
