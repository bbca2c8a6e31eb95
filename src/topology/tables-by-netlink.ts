/**
 * The tables of one namespace straight from the kernel, for {@link readInFull}. Whatever is not plain enough to be read here
 * to the letter is undefined, and its program is asked: both ways lead to the same topology.
 */
import { VdiagError } from '../linux/error.ts';
import { insideNetns, type NetnsHandle } from '../linux/netns.ts';
import { attributesIn, openRouteSocket, type RouteSocket, RTM_GETQDISC, textIn, u32 } from '../linux/rtnetlink.ts';
import type { Family } from './address.ts';
import { dumpPathMtus, dumpRoutesInFull, type NameOf } from './full-routes-by-netlink.ts';
import { dumpMdb } from './mdb-by-netlink.ts';
import type { FdbEntry, Neighbour, PathMtu, PolicyRule, Route } from './model.ts';
import { dumpFdb, dumpNeighbours } from './neighbours-by-netlink.ts';
import type { ParsedMdb } from './parse-mdb.ts';
import { dumpSimpleRules } from './rules-by-netlink.ts';
import { matters } from './traffic-control.ts';

/** What `ip -4` or `ip -6` is asked for. */
export interface FamilyTables {
  readonly routes: readonly Route[];
  /** Routes with a selector that the model cannot hold. */
  readonly skipped: number;
  readonly rules: readonly PolicyRule[];
  readonly neighbours: readonly Neighbour[];
  readonly pathMtus: readonly PathMtu[];
}

export interface NamespaceTables {
  readonly ipv4: FamilyTables | undefined;
  readonly ipv6: FamilyTables | undefined;
  readonly fdb: readonly FdbEntry[] | undefined;
  /** By the bridge's name. */
  readonly mdb: ReadonlyMap<string, ParsedMdb> | undefined;
  /** There is a queue or a filter that tc has to describe; also where the kernel does not tell. */
  readonly hasTrafficControl: boolean;
  /** There is a table of nftables, which nft has to list; also where the kernel does not tell. */
  readonly hasNftables: boolean;
}

const NETLINK_NETFILTER = 12;
/** NFNL_SUBSYS_NFTABLES and NFT_MSG_GETTABLE (include/uapi/linux/netfilter/nf_tables.h). */
const NFT_GETTABLE = (10 << 8) | 1;
const nfgenmsgBytes = 4;
/** struct tcmsg: family, interface, handle, parent, information. */
const tcmsgBytes = 20;
const TCA_KIND = 1;
const TC_H_ROOT = 0xffffffff;
/** More queues than that are for tc. */
const most = 4096;

/** Opens a socket in a namespace for as long as it is read from; undefined where that cannot be. */
export function withTables<T>(at: NetnsHandle, read: (socket: RouteSocket) => T, protocol?: number): T | undefined {
  let socket: RouteSocket | undefined;
  try {
    socket = insideNetns(at, () => openRouteSocket(protocol));
    return read(socket);
  } catch (cause) {
    if (cause instanceof VdiagError) return undefined;
    throw cause;
  } finally {
    socket?.close();
  }
}

const untold = { ipv4: undefined, ipv6: undefined, fdb: undefined, mdb: undefined, hasTrafficControl: true };

/** @param names of the interfaces, by number */
export function readTables(at: NetnsHandle, names: ReadonlyMap<number, string>): NamespaceTables {
  const nameOf: NameOf = (index) => names.get(index);
  const tables = withTables(at, (socket) => ({
    ipv4: readFamily(socket, 4, nameOf),
    ipv6: readFamily(socket, 6, nameOf),
    fdb: dumpFdb(socket, nameOf),
    mdb: dumpMdb(socket, nameOf),
    hasTrafficControl: hasTrafficControl(socket),
  }));
  const hasNftables = withTables(at, hasTables, NETLINK_NETFILTER) ?? true;
  return { ...(tables ?? untold), hasNftables };
}

function readFamily(socket: RouteSocket, family: Family, nameOf: NameOf): FamilyTables | undefined {
  const routes = dumpRoutesInFull(socket, family, nameOf);
  const rules = routes && dumpSimpleRules(socket, family);
  const neighbours = rules && dumpNeighbours(socket, family, nameOf);
  const pathMtus = neighbours && dumpPathMtus(socket, family, nameOf);
  return pathMtus && { ...routes, rules, neighbours, pathMtus };
}

function hasTrafficControl(socket: RouteSocket): boolean {
  const { messages, cut, errno } = socket.dump(RTM_GETQDISC, new Uint8Array(tcmsgBytes), most);
  if (cut || errno !== 0) return true;
  return messages.some((message) => {
    const kind = textIn(attributesIn(message, tcmsgBytes).get(TCA_KIND)) ?? '';
    return matters(kind, u32(message, 12) === TC_H_ROOT);
  });
}

function hasTables(socket: RouteSocket): boolean {
  const { messages, cut, errno } = socket.dump(NFT_GETTABLE, new Uint8Array(nfgenmsgBytes), 1);
  return cut || errno !== 0 || messages.length > 0;
}
