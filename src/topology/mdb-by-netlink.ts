/**
 * Multicast groups and routers that bridges have heard of, straight from the kernel (RTM_GETMDB, net/bridge/br_mdb.c):
 * exactly what {@link parseMdb} makes of what `bridge -j -d mdb show` prints, or nothing, so that the program must be asked.
 */
import { attributesIn, attributesOf, type RouteSocket, RTM_GETMDB, s32, u8, u16 } from '../linux/rtnetlink.ts';
import { addressIn } from './addresses-by-netlink.ts';
import type { NameOf } from './full-routes-by-netlink.ts';
import type { GroupEntry } from './model.ts';
import type { ParsedMdb } from './parse-mdb.ts';

/** include/uapi/linux/if_bridge.h */
const MDBA_MDB = 1;
const MDBA_ROUTER = 2;
const MDBA_MDB_ENTRY = 1;
const MDBA_MDB_ENTRY_INFO = 1;
const MDBA_ROUTER_PORT = 1;
const MDBA_MDB_EATTR_SOURCE = 4;
const MDB_FLAGS_BLOCKED = 1 << 3;
/** struct br_port_msg: family, padding, interface. */
const portmsgBytes = 8;
/** struct br_mdb_entry: interface, state, flags, VLAN, a union of addresses, protocol, padding. */
const entryBytes = 28;
const ETH_P_IP = 0x0800;
const ETH_P_IPV6 = 0x86dd;
const AF_BRIDGE = 7;
const most = 4096;

/** By the bridge's name; undefined where a name is not known. */
export function dumpMdb(socket: RouteSocket, nameOf: NameOf): ReadonlyMap<string, ParsedMdb> | undefined {
  const request = new Uint8Array(portmsgBytes);
  request[0] = AF_BRIDGE;
  const { messages, cut, errno } = socket.dump(RTM_GETMDB, request, most);
  if (cut || errno !== 0) return undefined;
  const heard = new Map<string, ParsedMdb>();
  for (const message of messages) {
    const bridge = nameOf(s32(message, 4) ?? 0);
    const top = attributesIn(message, portmsgBytes);
    const groups = groupsIn(top.get(MDBA_MDB), nameOf);
    const routers = routersIn(top.get(MDBA_ROUTER), nameOf);
    if (bridge === undefined || !groups || !routers) return undefined;
    // A bridge with more groups than one message holds comes in several.
    const known = heard.get(bridge);
    if (groups.length > 0 || routers.length > 0)
      heard.set(bridge, {
        groups: [...(known?.groups ?? []), ...groups],
        routers: [...(known?.routers ?? []), ...routers],
      });
  }
  return heard;
}

function groupsIn(list: Uint8Array | undefined, nameOf: NameOf): GroupEntry[] | undefined {
  const groups: GroupEntry[] = [];
  for (const [type, entries] of attributesOf(list)) {
    if (type !== MDBA_MDB_ENTRY) return undefined;
    for (const [kind, entry] of attributesOf(entries)) {
      const port = nameOf(s32(entry) ?? 0);
      if (kind !== MDBA_MDB_ENTRY_INFO || entry.length < entryBytes || port === undefined) return undefined;
      const group = groupOf(entry);
      if (group === undefined || ((u8(entry, 5) ?? 0) & MDB_FLAGS_BLOCKED) !== 0) continue;
      const vlan = u16(entry, 6) ?? 0;
      const source = addressIn(attributesIn(entry, entryBytes).get(MDBA_MDB_EATTR_SOURCE));
      groups.push({ group, port, ...(vlan > 0 && { vlan }), ...(source !== undefined && { source }) });
    }
  }
  return groups;
}

/** Undefined for a group of hardware addresses. */
function groupOf(entry: Uint8Array): string | undefined {
  const protocol = (entry[24] ?? 0) * 256 + (entry[25] ?? 0);
  if (protocol === ETH_P_IP) return addressIn(entry.subarray(8, 12));
  return protocol === ETH_P_IPV6 ? addressIn(entry.subarray(8, 24)) : undefined;
}

function routersIn(list: Uint8Array | undefined, nameOf: NameOf): string[] | undefined {
  const names = attributesOf(list).map(([type, port]) =>
    type === MDBA_ROUTER_PORT ? nameOf(s32(port) ?? 0) : undefined,
  );
  return names.every((name) => name !== undefined) ? names : undefined;
}
