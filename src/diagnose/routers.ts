/** Who on a segment could be its router. */

import { BROADCAST, transmit } from '../path/layer2.ts';
import { createWorld, type Port, placeOf } from '../path/world.ts';
import type { Family } from '../topology/address.ts';
import type { NetnsId, Topology } from '../topology/model.ts';
import { addressesOf, ipv4Setting, linkOf, namespaceOf } from '../topology/query.ts';
import type { Place } from '../trace/frame.ts';

/**
 * The interfaces among `places` whose namespace leads on to other networks: those that forward first,
 * then those that could, with more than one interface besides lo.
 */
export function routersAmong(
  topology: Topology,
  besides: NetnsId,
  places: readonly Place[],
  family: Family = 4,
): Port[] {
  const ports = places.flatMap((place) => {
    const namespace = namespaceOf(topology, place.netns);
    const link = linkOf(topology, place);
    return namespace && link && place.netns !== besides ? [{ namespace, link }] : [];
  });
  const forwards = ({ namespace, link }: Port) =>
    (family === 6 ? namespace.sysctls['ipv6.conf.all.forwarding'] : ipv4Setting(namespace, link, 'forwarding')) === 1;
  const many = ({ namespace, link }: Port) =>
    namespace.links.some(
      ({ kind, index, master }) => kind !== 'loopback' && index !== link.index && master !== link.index,
    );
  return [
    ...ports.filter((port) => forwards(port) && many(port)),
    ...ports.filter((port) => !forwards(port) && many(port)),
  ];
}

/** Addresses of such an interface that a route may name as its gateway: of IPv6 the link-local one stays what it is. */
export function gatewaysOf({ link }: Port, family: Family): string[] {
  return addressesOf(link, family).map(({ address }) => address);
}

/** Every stack that hears what `from` broadcasts on its segment. */
export function segmentOf(topology: Topology, from: Port): Place[] {
  return transmit(createWorld(topology), from, { source: from.link.mac, destination: BROADCAST })
    .filter(({ reaches, stops }) => reaches === 'stack' && stops === 0)
    .map(({ port }) => placeOf(port));
}
