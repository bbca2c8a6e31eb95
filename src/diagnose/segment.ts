/** What an interface knows of the segment it is on. */

import type { Topology } from '../topology/model.ts';
import { prefixContains } from '../topology/prefix.ts';
import { addressesOf, linkOf } from '../topology/query.ts';
import type { Place } from '../trace/frame.ts';

/** The length of the interface's prefix that covers an address, or undefined where none does. */
export function coveringPrefix(topology: Topology, place: Place, address: string): number | undefined {
  const link = linkOf(topology, place);
  return (
    link &&
    addressesOf(link, 4).find((own) => prefixContains(`${own.address}/${own.prefixLength}`, address))?.prefixLength
  );
}
