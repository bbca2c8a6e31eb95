/** Who on a segment could be its router. */

import { BROADCAST, transmit } from '../path/layer2.ts';
import { createWorld, type Port, placeOf } from '../path/world.ts';
import type { NetnsId, Topology } from '../topology/model.ts';
import { ipv4Setting, linkOf, namespaceOf } from '../topology/query.ts';
import type { Place } from '../trace/frame.ts';

/**
 * The interfaces among `places` whose namespace leads on to other networks: those that forward first,
 * then those that could, with more than one interface besides lo.
 */
export function routersAmong(topology: Topology, besides: NetnsId, places: readonly Place[]): Port[] {
  const ports = places.flatMap((place) => {
    const namespace = namespaceOf(topology, place.netns);
    const link = linkOf(topology, place);
    return namespace && link && place.netns !== besides ? [{ namespace, link }] : [];
  });
  const forwards = ({ namespace, link }: Port) => ipv4Setting(namespace, link, 'forwarding') === 1;
  const many = ({ namespace, link }: Port) =>
    namespace.links.some(
      ({ kind, index, master }) => kind !== 'loopback' && index !== link.index && master !== link.index,
    );
  return [
    ...ports.filter((port) => forwards(port) && many(port)),
    ...ports.filter((port) => !forwards(port) && many(port)),
  ];
}

/** Every stack that hears what `from` broadcasts on its segment. */
export function segmentOf(topology: Topology, from: Port): Place[] {
  return transmit(createWorld(topology), from, { source: from.link.mac, destination: BROADCAST })
    .filter(({ reaches, stops }) => reaches === 'stack' && stops === 0)
    .map(({ port }) => placeOf(port));
}
