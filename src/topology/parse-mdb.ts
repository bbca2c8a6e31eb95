/** `bridge -j -d mdb show`: who listens to which multicast group, and where routers are (bridge(8)). */
import { canonicalAddress } from './address.ts';
import { child, field, integer, type JsonObject, objects, strings, text } from './json.ts';
import type { GroupEntry } from './model.ts';

/** What one bridge has heard, by its name. */
export interface ParsedMdb {
  readonly groups: readonly GroupEntry[];
  /** Ports that get every group: a router was heard there, or the port was set so. */
  readonly routers: readonly string[];
}

/** Groups of IPv4 and IPv6; those of hardware addresses, and what a member has asked not to get, are left out. */
export function parseMdb(json: unknown): ReadonlyMap<string, ParsedMdb> {
  const groups = new Map<string, GroupEntry[]>();
  const routers = new Map<string, string[]>();
  for (const document of objects(json)) {
    for (const entry of objects(field(document, 'mdb'))) {
      const bridge = text(entry, 'dev');
      const parsed = parseEntry(entry);
      if (bridge !== undefined && parsed) groups.set(bridge, [...(groups.get(bridge) ?? []), parsed]);
    }
    const listed = child(document, 'router');
    for (const bridge of Object.keys(listed))
      for (const port of objects(field(listed, bridge))) {
        const name = text(port, 'port');
        if (name !== undefined) routers.set(bridge, [...(routers.get(bridge) ?? []), name]);
      }
  }
  return new Map(
    [...new Set([...groups.keys(), ...routers.keys()])].map((bridge) => [
      bridge,
      { groups: groups.get(bridge) ?? [], routers: routers.get(bridge) ?? [] },
    ]),
  );
}

function parseEntry(entry: JsonObject): GroupEntry | undefined {
  const group = canonicalAddress(text(entry, 'grp') ?? '');
  const port = text(entry, 'port');
  const vlan = integer(entry, 'vid');
  if (group === undefined || port === undefined || strings(entry, 'flags').includes('blocked')) return undefined;
  const source = canonicalAddress(text(entry, 'src') ?? '');
  return {
    group,
    port,
    ...(vlan !== undefined && vlan > 0 && { vlan }),
    ...(source !== undefined && { source }),
  };
}
