/**
 * Every network namespace of the machine at once, connected or not: links, addresses and the routes that say which devices
 * lead somewhere. Less than a topology says of each, and all of them in a fraction of a second.
 */
import { release } from 'node:os';
import { VdiagError } from '../linux/error.ts';
import { listNetns, type NetnsHandle, netnsOfThread } from '../linux/netns.ts';
import { pinNetns } from '../linux/pin.ts';
import { openRouteSocket, type RouteSocket } from '../linux/rtnetlink.ts';
import { insideNetns } from '../linux/setns.ts';
import { realtimeNs } from '../linux/socket.ts';
import { resolvePeers, type Scan } from './discover.ts';
import { dumpLinks } from './links-by-netlink.ts';
import type { Link, NetnsId } from './model.ts';
import { type DumpedRoute, dumpRoutes } from './routes-by-netlink.ts';

export interface Landscape {
  /** When it was taken, Unix nanoseconds, decimal. */
  readonly takenNs: string;
  readonly kernel: string;
  /** The namespace vdiag runs in. */
  readonly home: NetnsId;
  /** The one of `home` first, the others by id. */
  readonly namespaces: readonly MappedNamespace[];
  /** What could not be read, one line each. */
  readonly gaps: readonly string[];
}

export interface MappedNamespace {
  readonly id: NetnsId;
  readonly inode: number;
  readonly names: readonly string[];
  readonly path: string;
  /** Processes that live in it, lowest first, at most 8. */
  readonly pids: readonly number[];
  readonly links: readonly Link[];
  /** Unicast routes, as far as they were read. */
  readonly routes: readonly DumpedRoute[];
}

/**
 * @throws VdiagError `permission` when no namespace but this one may be entered and there are others; whatever else cannot
 * be read becomes a line in `gaps`
 */
export function takeLandscape(): Landscape {
  const takenNs = String(realtimeNs());
  const handles = listNetns();
  const pinned = pinNetns(handles);
  const gaps: string[] = [];
  try {
    const read = pinned.handles.flatMap(
      (handle, at) => readNamespace(handle, handles[at]?.path ?? handle.path, gaps) ?? [],
    );
    const linked = resolvePeers(read);
    return {
      takenNs,
      kernel: release(),
      home: handles.find(({ inode }) => inode === netnsOfThread().inode)?.id ?? '',
      namespaces: linked.map(({ handle, links }, at) => ({
        id: handle.id,
        inode: handle.inode,
        names: handle.names,
        path: read[at]?.path ?? handle.path,
        pids: handle.pids,
        links,
        routes: read[at]?.routes ?? [],
      })),
      gaps,
    };
  } finally {
    pinned.release();
  }
}

interface ReadNamespace extends Scan {
  /** Where it was found, instead of the file that is held open while it is read. */
  readonly path: string;
  readonly routes: readonly DumpedRoute[];
}

function readNamespace(handle: NetnsHandle, path: string, gaps: string[]): ReadNamespace | undefined {
  let socket: RouteSocket | undefined;
  try {
    socket = insideNetns(handle, openRouteSocket);
    const parsed = dumpLinks(socket);
    if (parsed === undefined) throw new VdiagError('unreadable', 'the kernel does not list its links');
    const { routes, cut } = dumpRoutes(socket);
    if (cut) gaps.push(`${handle.id} has too many routes to read them all`);
    return { handle, parsed, path, routes };
  } catch (cause) {
    if (!(cause instanceof VdiagError)) throw cause;
    gaps.push(`${handle.id}: ${cause.message.replaceAll(handle.path, path)}`);
    return undefined;
  } finally {
    socket?.close();
  }
}
