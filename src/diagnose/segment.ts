/** What an interface knows of the segment it is on. */
import { familyOf } from '../topology/address.ts';

import type { Topology } from '../topology/model.ts';
import { prefixContains } from '../topology/prefix.ts';
import { addressesOf, linkOf, namespaceOf } from '../topology/query.ts';
import type { Place } from '../trace/frame.ts';

/** The length of the interface's prefix that covers an address, or undefined where none does. */
export function coveringPrefix(topology: Topology, place: Place, address: string): number | undefined {
  const link = linkOf(topology, place);
  return (
    link &&
    addressesOf(link, familyOf(address)).find((own) => prefixContains(`${own.address}/${own.prefixLength}`, address))
      ?.prefixLength
  );
}

/** True when the kernel takes an address to be on the interface's link: one of its prefixes, or a route without gateway, covers it. */
export function isOnLink(topology: Topology, place: Place, address: string): boolean {
  if (coveringPrefix(topology, place, address) !== undefined) return true;
  return (
    namespaceOf(topology, place.netns)?.routes.some(
      ({ family, type, destination, nextHops }) =>
        family === familyOf(address) &&
        type === 'unicast' &&
        prefixContains(destination, address) &&
        nextHops.some(({ device, gateway }) => device === place.name && gateway === undefined),
    ) ?? false
  );
}
