/** `bridge -j fdb show` (bridge(8)). */
import { canonicalAddress } from './address.ts';
import { integer, objects, strings, text } from './json.ts';
import type { FdbEntry } from './model.ts';

/**
 * Forwarding entries of bridges and VXLAN devices. The program also lists the multicast addresses that each device lets
 * through (flag `self`, no master): those forward nothing and are left out.
 */
export function parseFdb(json: unknown): FdbEntry[] {
  const entries: FdbEntry[] = [];
  for (const entry of objects(json)) {
    const mac = text(entry, 'mac')?.toLowerCase();
    const device = text(entry, 'ifname');
    if (mac === undefined || device === undefined) continue;
    const master = text(entry, 'master');
    const remote = canonicalAddress(text(entry, 'dst') ?? '');
    const vlan = integer(entry, 'vlan');
    if (master === undefined && remote === undefined && isGroup(mac)) continue;
    const [port, vni, viaIndex, nexthop] = ['port', 'vni', 'viaIfIndex', 'nhid'].map((key) => integer(entry, key));
    const via = text(entry, 'viaIf') ?? (viaIndex === undefined ? undefined : `if${viaIndex}`);
    entries.push({
      mac,
      device,
      ...(master !== undefined && { master }),
      ...(vlan !== undefined && { vlan }),
      state: text(entry, 'state') ?? '',
      flags: strings(entry, 'flags'),
      ...(remote !== undefined && { remote }),
      ...(port !== undefined && { port }),
      ...(vni !== undefined && { vni }),
      ...(via !== undefined && { via }),
      ...(nexthop !== undefined && { nexthop }),
    });
  }
  return entries;
}

/** The group bit of the first byte (IEEE 802-2014 section 8.2). */
function isGroup(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}
