/** `ip -4|-6 -j neigh show nud all` and `… neigh show proxy` (ip-neighbour(8)). */
import { formatAddress, isMulticast, parseAddress } from './address.ts';
import { has, objects, strings, text } from './json.ts';
import type { Neighbour } from './model.ts';

/** Entries of multicast groups are left out: the kernel makes them itself and resolves nothing with them. */
export function parseNeighbours(json: unknown): Neighbour[] {
  const neighbours: Neighbour[] = [];
  for (const entry of objects(json)) {
    const address = parseAddress(text(entry, 'dst') ?? '');
    const device = text(entry, 'dev');
    if (!address || device === undefined || isMulticast(address)) continue;
    const mac = text(entry, 'lladdr')?.toLowerCase();
    neighbours.push({
      family: address.family,
      address: formatAddress(address),
      device,
      ...(mac !== undefined && { mac }),
      state: strings(entry, 'state')[0] ?? text(entry, 'state') ?? 'NONE',
      proxy: has(entry, 'proxy'),
    });
  }
  return neighbours;
}
