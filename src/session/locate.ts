/**
 * Where a trace starts and what it goes to, from two words: interfaces and addresses, or containers. The kernel's own routing
 * then says which interface a container would send by, and which of the other's addresses is the one it reaches.
 */
import { type Container, labelOf } from '../containers/container.ts';
import type { Directory } from '../containers/directory.ts';
import { asksForContainer, containerNames } from '../containers/find.ts';
import { portsNote } from '../containers/ports.ts';
import { VdiagError } from '../linux/error.ts';
import { meantName } from '../linux/name-text.ts';
import type { NetnsHandle } from '../linux/netns.ts';
import { openRouteSocket } from '../linux/rtnetlink.ts';
import { insideNetns } from '../linux/setns.ts';
import { familyOf, isIpAddress, isLinkLocal } from '../topology/address.ts';
import { dumpLinks } from '../topology/links-by-netlink.ts';
import type { Link } from '../topology/model.ts';
import { nearestNames } from '../topology/query.ts';
import { type KernelRoute, kernelRoute } from '../topology/routes-by-netlink.ts';
import {
  bareNetns,
  described,
  homeNetns,
  interfacesOf,
  type Known,
  type MeantNetns,
  meantNetns,
  unseen,
} from './whereabouts.ts';

export interface Named {
  /** An interface, `IFACE@NETNS`, or a container. */
  readonly interface: string;
  /** An address, or a container. */
  readonly address: string;
  /** Where the interface is. Default: the namespace of this process. */
  readonly netns?: string;
}

export interface Located {
  readonly home: NetnsHandle;
  readonly start: NetnsHandle;
  readonly interface: string;
  readonly address: string;
  /** What was chosen for the user, and why, one line each. */
  readonly notes: readonly string[];
}

/**
 * @throws VdiagError no-such-interface, no-such-namespace, not-an-address, permission; an interface that is in no list is left
 * to whoever reads the topology
 */
export function locate(named: Named, known: Known): Located {
  const home = homeNetns(known);
  const from = sourceMeant(named, home, known);
  const target = isIpAddress(named.address) === undefined ? targetMeant(named.address, known) : undefined;
  const published = target ? [] : portsNotes(named.address, home, known.directory);
  if (from.interface !== undefined && !target) {
    const notes = [...from.notes, ...published];
    return { home, start: from.netns, interface: from.interface, address: named.address, notes };
  }
  const address = target ? reached(target, named.address, from) : named.address;
  const route = routeTo(from.netns, address);
  const name = from.interface ?? interfaceFor(from.netns, route, address);
  const notes = [...from.notes, choice(from, name, address, target, route), ...published];
  return { home, start: from.netns, interface: name, address, notes };
}

/** A ping is no port: who asks the host where containers are published is told so. */
function portsNotes(address: string, home: NetnsHandle, { containers }: Directory): string[] {
  const note = portsNote(containers, address);
  if (note === undefined) return [];
  return linksOf(home).some((link) => link.addresses.some((own) => own.address === address)) ? [note] : [];
}

interface Source extends MeantNetns {
  /** Undefined: the route decides. */
  readonly interface?: string;
  readonly word: string;
  readonly notes: readonly string[];
}

/** An interface of the namespace wins over a container of the same name. */
function sourceMeant(named: Named, home: NetnsHandle, known: Known): Source {
  const { directory, handles } = known;
  const word = named.interface;
  const meant = named.netns === undefined ? { netns: home } : meantNetns(named.netns, known);
  const given = { ...meant, word, interface: word, notes: hostNotes(meant.container) };
  const here = interfacesOf(meant.netns);
  const own = meantName(word, here);
  if (own !== undefined)
    return { ...given, interface: own, notes: [...given.notes, ...shadowed(word, meant.netns, directory)] };
  if (named.netns !== undefined) return given;
  if (asksForContainer(word)) return byRoute(meantNetns(word, known), word);
  const at = word.lastIndexOf('@');
  if (at > 0) {
    const name = word.slice(0, at);
    // As `ip link` prints it: the number of the other end behind the name.
    if (/^if\d+$/.test(word.slice(at + 1)) && here.includes(name)) return { ...given, interface: name };
    const elsewhere = meantNetns(word.slice(at + 1), known);
    const device = meantName(name, interfacesOf(elsewhere.netns)) ?? name;
    return { ...elsewhere, word, interface: device, notes: hostNotes(elsewhere.container) };
  }
  const bare = bareNetns(word, known);
  if (bare) return byRoute(bare, word);
  const near = nearestNames(word, [...containerNames(directory), ...handles.flatMap(({ names }) => names)]);
  if (near.length > 0 && nearestNames(word, here).length === 0)
    throw new VdiagError(
      'no-such-interface',
      `no such interface or container: ${word}`,
      `did you mean ${near.join(', ')}?`,
    );
  return given;
}

function byRoute(meant: MeantNetns, word: string): Source {
  return { ...meant, word, notes: hostNotes(meant.container) };
}

function shadowed(word: string, netns: NetnsHandle, directory: Directory): string[] {
  const other = directory.containers.find(
    (container) => labelOf(container) === word && container.netns !== undefined && container.netns !== netns.inode,
  );
  return other ? [`${word} is an interface here; the container of that name is container:${word}`] : [];
}

function hostNotes(container: Container | undefined): string[] {
  if (!container?.hostNetwork) return [];
  return [`${described(container)} uses the host's network: tracing from there`];
}

function targetMeant(word: string, known: Known): MeantNetns {
  const meant = asksForContainer(word) ? meantNetns(word, known) : bareNetns(word, known);
  if (meant) return meant;
  const near = nearestNames(word, containerNames(known.directory));
  throw new VdiagError(
    'not-an-address',
    near.length > 0 ? `neither an IP address nor a container: ${word}` : `not an IP address: ${word}`,
    near.length > 0
      ? `did you mean ${near.join(', ')}?`
      : `vdiag asks no DNS: give the address, as 10.9.0.3 or fd00::3, or the name of a container (vdiag map)${unseen(known)}`,
  );
}

/** Of the target's addresses the one that is nearest by the source's routes: on a common network before through a gateway. */
function reached(target: MeantNetns, word: string, from: Source): string {
  const addresses = linksOf(target.netns)
    .filter(({ kind }) => kind !== 'loopback')
    .flatMap(({ addresses: own }) => own.map(({ address }) => address))
    .filter((address) => !isLinkLocal(address));
  const ranked = addresses
    .map((address, at) => ({ address, at, rank: rankOf(routeTo(from.netns, address), address, from) }))
    .sort((a, b) => a.rank - b.rank || a.at - b.at);
  const [best] = ranked;
  if (best) return best.address;
  throw new VdiagError(
    'not-an-address',
    `${word} has no address: no interface of it but lo has one`,
    'what it has: vdiag map; why that is so: vdiag explain container-no-network, vdiag explain address-missing',
  );
}

function rankOf(route: KernelRoute | undefined, address: string, from: Source): number {
  const family = familyOf(address) === 6 ? 1 : 0;
  if (!route) return 20 + family;
  const device = from.interface === undefined || nameOf(from.netns, route.device) === from.interface ? 0 : 4;
  return device + (route.gateway === undefined ? 0 : 2) + family;
}

/** By the route; where there is none, by the first interface that could be meant, so that the trace can say what is wrong. */
function interfaceFor(netns: NetnsHandle, route: KernelRoute | undefined, address: string): string {
  const byNumber = route && nameOf(netns, route.device);
  if (byNumber !== undefined) return byNumber;
  const links = linksOf(netns);
  const leading = links.filter(({ kind }) => kind !== 'loopback');
  const family = familyOf(address);
  const likely =
    leading.find(({ addresses }) => addresses.some((own) => own.family === family && !isLinkLocal(own.address))) ??
    leading.find(({ flags }) => flags.includes('UP')) ??
    leading[0];
  return likely?.name ?? links[0]?.name ?? 'lo';
}

function choice(
  from: Source,
  name: string,
  address: string,
  target: MeantNetns | undefined,
  route: KernelRoute | undefined,
): string {
  const source = from.container ? described(from.container) : (from.netns.names[0] ?? '');
  const where = source === '' ? name : `${name} of ${source}`;
  const owner = target?.container ? described(target.container) : target?.netns.names[0];
  const to = owner === undefined ? address : `${address} of ${owner}`;
  if (from.interface !== undefined) return `from ${where} to ${to}`;
  const why = route
    ? route.gateway === undefined
      ? 'the route there leaves by it'
      : `the route there leaves by it, through ${route.gateway}`
    : 'no route leads there';
  return `from ${where} to ${to}: ${why}`;
}

function routeTo(netns: NetnsHandle, address: string): KernelRoute | undefined {
  return asking(netns, (socket) => kernelRoute(socket, address.replace(/%.*$/s, '')));
}

function linksOf(netns: NetnsHandle): Link[] {
  return asking(netns, (socket) => (dumpLinks(socket) ?? []).map(({ link }) => link));
}

function asking<T>(netns: NetnsHandle, ask: (socket: ReturnType<typeof openRouteSocket>) => T): T {
  const socket = insideNetns(netns, openRouteSocket);
  try {
    return ask(socket);
  } finally {
    socket.close();
  }
}

function nameOf(netns: NetnsHandle, index: number): string | undefined {
  return linksOf(netns).find((link) => link.index === index)?.name;
}
