/** Which namespaces matter: what is connected to the start, and what of it can be on the path. */

import { namespaceNumbers } from '../linux/netlink.ts';
import type { NetnsHandle } from '../linux/netns.ts';
import { canonicalAddress } from './address.ts';
import type { Link, NetnsId } from './model.ts';
import type { ParsedLink } from './parse-links.ts';

/** A namespace and its links as parsed. */
export interface Scan {
  readonly handle: NetnsHandle;
  readonly parsed: readonly ParsedLink[];
}

/** A namespace whose links know where their other ends are. */
export interface LinkedScan {
  readonly handle: NetnsHandle;
  readonly links: readonly Link[];
  /** Every connection that leaves this namespace, as far as this side tells: its other namespace, and which two links. */
  readonly leads: readonly { readonly to: NetnsId; readonly link: number; readonly peer?: number }[];
}

/** Finds the namespace of every peer: one question per namespace, asked of the kernel from inside. */
export function resolvePeers(scans: readonly Scan[]): LinkedScan[] {
  const questions = scans.map((scan) => ({
    path: scan.handle.path,
    wanted: new Set(scan.parsed.flatMap((parsed) => parsed.linkNetnsid ?? [])),
  }));
  // Leaves all lead to the few namespaces with many links: ask about those first.
  const candidates = scans
    .map((scan, at) => ({ ...scan.handle, weight: questions[at]?.wanted.size ?? 0 }))
    .sort((a, b) => b.weight - a.weight);
  const numbers = namespaceNumbers(questions, candidates);
  return scans.map((scan, at) => linkScan(scan, numbers[at] ?? new Map()));
}

function linkScan(scan: Scan, numbers: ReadonlyMap<number, NetnsId>): LinkedScan {
  const leads: { to: NetnsId; link: number; peer?: number }[] = [];
  const links = scan.parsed.map(({ link, linkNetnsid, peerIsHere }) => {
    const netns = peerIsHere ? scan.handle.id : numbers.get(linkNetnsid ?? -1);
    if (netns !== undefined && netns !== scan.handle.id)
      leads.push({ to: netns, link: link.index, ...(link.peer && { peer: link.peer.index }) });
    const linked = link.peer && netns !== undefined ? { ...link, peer: { netns, index: link.peer.index } } : link;
    const socketElsewhere = link.kind === 'vxlan' && linkNetnsid !== undefined && netns !== scan.handle.id;
    return socketElsewhere ? { ...linked, socketNetns: netns ?? '' } : linked;
  });
  return { handle: scan.handle, links, leads };
}

/** For each namespace that is connected to the start: how many steps away it is, the start first. */
export function connectedTo(start: NetnsId, scans: readonly LinkedScan[]): ReadonlyMap<NetnsId, number> {
  const neighbours = new Map<NetnsId, Set<NetnsId>>();
  const connect = (from: NetnsId, to: NetnsId) => {
    const known = neighbours.get(from) ?? new Set();
    neighbours.set(from, known.add(to));
  };
  for (const { handle, leads } of scans) {
    for (const { to } of leads) {
      connect(handle.id, to);
      connect(to, handle.id);
    }
  }
  const steps = new Map<NetnsId, number>([[start, 0]]);
  // A Map is walked in the order of insertion, also over what is inserted while walking.
  for (const [id, distance] of steps)
    for (const next of neighbours.get(id) ?? []) if (!steps.has(next)) steps.set(next, distance + 1);
  return steps;
}

/** Up to this many connected namespaces, all are read in full. */
const smallNetwork = 16;
/** Never more than this many in full. */
const maxFull = 64;

export interface Interest {
  readonly start: NetnsId;
  readonly interfaceName?: string | undefined;
  readonly targetAddress?: string | undefined;
}

/**
 * The connected namespaces that can be on the path, nearest first: the start, the other end of the interface named, the
 * owners of the target, everything that is no leaf (a leaf hangs on one link), and in a small network simply all.
 * `leftOut` counts those beyond the limit.
 */
export function readInFull(
  scans: readonly LinkedScan[],
  steps: ReadonlyMap<NetnsId, number>,
  interest: Interest,
): { full: ReadonlySet<NetnsId>; leftOut: number } {
  const connected = scans.filter((scan) => steps.has(scan.handle.id));
  const target = canonicalAddress(interest.targetAddress ?? '');
  const crossings = countCrossings(connected);
  const named = connected
    .find((scan) => scan.handle.id === interest.start)
    ?.links.find((link) => link.name === interest.interfaceName);
  const rank = ({ handle, links }: LinkedScan): number => {
    if (handle.id === interest.start) return 0;
    if (handle.id === named?.peer?.netns) return 1;
    if (target !== undefined && links.some((link) => link.addresses.some((own) => own.address === target))) return 2;
    if ((crossings.get(handle.id) ?? 0) > 1) return 3;
    return connected.length <= smallNetwork ? 4 : 5;
  };
  const wanted = connected
    .map((scan) => ({ id: scan.handle.id, rank: rank(scan), steps: steps.get(scan.handle.id) ?? 0 }))
    .filter((candidate) => candidate.rank < 5)
    .sort((a, b) => a.rank - b.rank || a.steps - b.steps);
  return {
    full: new Set(wanted.slice(0, maxFull).map((candidate) => candidate.id)),
    leftOut: Math.max(0, wanted.length - maxFull),
  };
}

/** The links that cross each namespace's border. Both ends of a pair tell of the same crossing: it counts once. */
function countCrossings(scans: readonly LinkedScan[]): ReadonlyMap<NetnsId, number> {
  const crossings = new Map<NetnsId, Set<string>>();
  const add = (id: NetnsId, crossing: string) => {
    const known = crossings.get(id) ?? new Set();
    crossings.set(id, known.add(crossing));
  };
  for (const { handle, leads } of scans) {
    for (const { to, link, peer } of leads) {
      const ends = [JSON.stringify([handle.id, link]), JSON.stringify([to, peer ?? -link])].sort().join();
      add(handle.id, ends);
      add(to, ends);
    }
  }
  return new Map([...crossings].map(([id, ends]) => [id, ends.size]));
}
