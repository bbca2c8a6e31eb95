/** A packet's way from stack to stack: routing, resolution, the gates of every router, until one takes it for its own. */
import { familyOf, isLinkLocal } from '../topology/address.ts';
import type { Namespace, NetnsId } from '../topology/model.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import { ownersOf } from '../topology/query.ts';
import { placeKey } from '../trace/frame.ts';
import { type NextHop, resolve } from './arp.ts';
import type { EchoQuery } from './expect.ts';
import { findRoute, type RouteFound, routeText } from './fib.ts';
import type { RouteGate, UnmodelledGate } from './gate.ts';
import { mayRewriteDestination, mayRewriteSource } from './hooks.ts';
import { sendPacket } from './link.ts';
import { longestFragment, routerMtuGate, senderMtuGate } from './mtu.ts';
import { ipv6Gates, solicit } from './nd.ts';
import { filterGate, forwardingGate, scopeGate, sourceGate, ttlGate } from './stack.ts';
import type { Trail } from './trail.ts';
import { gateStep, type Port, placeOf, portAt, portNamed, type World } from './world.ts';

/** What a walk goes through, and what it leaves behind. */
export interface Walk {
  readonly world: World;
  readonly trail: Trail;
  readonly query: EchoQuery;
}

export interface Packet {
  readonly kind: 'echo-request' | 'echo-reply';
  readonly source: string;
  readonly destination: string;
  readonly ttl: number;
  /** Of the packet, or of the longest fragment it was cut into on its way. */
  readonly lengthBytes: number;
  /** No don't-fragment bit. */
  readonly fragmentable: boolean;
  /** Its sender refuses to cut it (IP_PMTUDISC_DO). */
  readonly whole?: boolean;
  /** A router with such rules may have put another source address on it. */
  readonly masquerader?: NetnsId;
  /** Of a reply: what that router turns its destination back into. */
  readonly original?: string;
}

/** Where a packet was delivered to a local stack. */
export interface Delivered {
  readonly port: Port;
  readonly packet: Packet;
}

/** Routers one packet may cross before the walk gives up. */
const MAX_ROUTERS = 16;

/** Sends a packet hop by hop until a stack takes it for its own. `leaves`: it leaves this machine on the way. */
export function carry(walk: Walk, from: Port, hop: NextHop, packet: Packet): Delivered | 'leaves' | undefined {
  const { world, trail } = walk;
  let sender = from;
  let next = hop;
  let carried = packet;
  const passed = new Set<string>();
  while (passed.size <= MAX_ROUTERS) {
    const ask = familyOf(next.address) === 6 ? solicit : resolve;
    const resolved = ask(world, trail, sender, carried.source, next);
    if (!resolved) return undefined;
    trail.begin(carried.kind, carried.source, carried.destination);
    carried = cut(walk, sender, carried, sender !== from);
    const arrival = sendPacket(world, trail, sender, next, resolved, carried);
    if (!arrival) return undefined;
    if (arrival.reaches === 'outside') return 'leaves';
    if (arrival.reaches === 'nobody') return undefined;
    const at = placeKey(placeOf(arrival.port));
    const circle = passed.has(at);
    passed.add(at);
    carried = restored(carried, arrival.port.namespace);
    const taken = input(walk, arrival.port, carried, circle);
    if (taken === undefined || circle) return undefined;
    if (taken === 'local') return { port: arrival.port, packet: carried };
    sender = taken.out;
    next = taken.hop;
    carried = passedOn(carried, arrival.port.namespace);
  }
  return undefined;
}

/** Each sender cuts the packet to fit its own device; one that may not does not send it at all. Over IPv6 no router cuts. */
function cut({ world, trail }: Walk, { namespace, link }: Port, { whole, ...packet }: Packet, routed: boolean): Packet {
  const family = familyOf(packet.destination);
  if (family === 6 && routed) {
    const tooBig = routerMtuGate(world, { namespace, link }, packet.lengthBytes);
    if (tooBig) trail.add(gateStep(tooBig));
    return packet;
  }
  const refused = whole ? senderMtuGate(world, { namespace, link }, packet.lengthBytes) : undefined;
  if (refused) trail.add(gateStep(refused));
  const lengthBytes = longestFragment(packet.lengthBytes, link.mtu, family);
  const fragmentable = family === 4 && (packet.fragmentable || lengthBytes < packet.lengthBytes);
  return { ...packet, lengthBytes, fragmentable };
}

/** The masquerading router gives a reply its real destination back before it is routed (nf_nat, prerouting). */
function restored(packet: Packet, { id }: Namespace): Packet {
  if (packet.kind !== 'echo-reply' || packet.original === undefined || packet.masquerader !== id) return packet;
  const { original, masquerader: _, ...rest } = packet;
  return { ...rest, destination: original };
}

function passedOn(packet: Packet, namespace: Namespace): Packet {
  const rewrites =
    packet.kind === 'echo-request' &&
    packet.masquerader === undefined &&
    mayRewriteSource(namespace, familyOf(packet.destination));
  return { ...packet, ttl: packet.ttl - 1, ...(rewrites ? { masquerader: namespace.id } : {}) };
}

/** ip_rcv to ip_local_deliver or ip_forward. Undefined where the walk cannot go on. */
function input(
  { world, trail, query }: Walk,
  port: Port,
  packet: Packet,
  circle: boolean,
): 'local' | { out: Port; hop: NextHop } | undefined {
  const { namespace, link } = port;
  const { source, destination } = packet;
  if (namespace.detail === 'links') {
    trail.add(gateStep(unread(world, port)));
    return ownersOf(world.topology, destination).some((owner) => owner.namespace.id === namespace.id)
      ? 'local'
      : undefined;
  }
  const family = familyOf(destination);
  if (family === 6) trail.add(...ipv6Gates(world, port).map(gateStep));
  trail.add(gateStep(filterGate(world, port, 'prerouting', family)));
  if (packet.kind === 'echo-request' && mayRewriteDestination(namespace, destination)) {
    trail.add(gateStep(rewritten(world, port, destination)));
    return undefined;
  }
  const route = pickHop(namespace, findRoute(namespace, { destination, source, inputInterface: link.name }), query);
  if (route?.type === 'local') {
    // IPv6 itself validates no source.
    if (family === 4) trail.add(gateStep(sourceGate(world, port, 'ip', source, destination)));
    trail.add(gateStep(filterGate(world, port, 'input', family)));
    return 'local';
  }
  trail.add(
    gateStep(forwardingGate(world, port, destination)),
    gateStep(routeGate(world, port, 'forward', source, destination, route)),
    ...(family === 4 ? [gateStep(sourceGate(world, port, 'ip', source, destination, route?.device))] : []),
    gateStep(ttlGate(world, port, packet.ttl, circle, family)),
    ...(isLinkLocal(source) ? [gateStep(scopeGate(world, portAt(world.topology, query.start) ?? port, source))] : []),
    gateStep(filterGate(world, port, 'forward', family)),
  );
  const out = portNamed(namespace, route?.device);
  if (!route || !out || route.type !== 'unicast') return undefined;
  trail.add(gateStep(filterGate(world, out, 'postrouting', family)));
  return { out, hop: nextHop(route, destination) };
}

/** @param route undefined: a socket bound to a device takes the destination to be on that link */
export function nextHop(route: RouteFound | undefined, destination: string): NextHop {
  return route?.gateway === undefined
    ? { address: destination, gateway: false, assumedOnLink: route === undefined }
    : { address: route.gateway, gateway: true, assumedOnLink: false };
}

/** Of several next hops the one that was sighted being taken. */
export function pickHop(
  namespace: Namespace,
  found: RouteFound | undefined,
  { leftBy }: EchoQuery,
): RouteFound | undefined {
  const hops = found?.route.nextHops ?? [];
  if (!found || hops.length < 2) return found;
  const taken = hops.find(
    ({ device }) => device !== undefined && leftBy?.has(placeKey({ netns: namespace.id, name: device })),
  );
  if (!taken) return found;
  const { route, type, source } = found;
  return {
    route,
    type,
    ...(source === undefined ? {} : { source }),
    ...(taken.device === undefined ? {} : { device: taken.device }),
    ...(taken.gateway === undefined ? {} : { gateway: taken.gateway }),
  };
}

export function routeGate(
  world: World,
  port: Port,
  purpose: RouteGate['purpose'],
  source: string,
  destination: string,
  route: RouteFound | undefined,
): RouteGate {
  const { topology } = world;
  const place = placeOf(port);
  const usable = route !== undefined && route.type === 'unicast';
  return {
    kind: 'route',
    place,
    purpose,
    source,
    destination,
    ...(route === undefined ? {} : { route }),
    verdict: route?.uncertain !== undefined ? 'unknown' : usable ? 'pass' : 'stop',
    facts: [
      {
        text: route
          ? `the route to ${destination} is ${routeText(route)}${route.uncertain === undefined ? '' : `, but ${route.uncertain}`}`
          : `there is no route to ${destination} where ${placeName(topology, place)} is`,
        look: commandIn(topology, place.netns, [
          ...(familyOf(destination) === 6 ? ['ip', '-6'] : ['ip']),
          ...['route', 'get', destination],
        ]),
      },
    ],
  };
}

function unread(world: World, port: Port): UnmodelledGate {
  const place = placeOf(port);
  return {
    kind: 'unmodelled',
    place,
    verdict: 'unknown',
    what: 'namespace',
    facts: [
      { text: `the routes and settings of the namespace ${placeName(world.topology, place)} is in were not read` },
    ],
  };
}

function rewritten(world: World, port: Port, destination: string): UnmodelledGate {
  const place = placeOf(port);
  return {
    kind: 'unmodelled',
    place,
    verdict: 'unknown',
    what: 'destination NAT',
    facts: [
      {
        text: `a rule where ${placeName(world.topology, place)} is may send packets for ${destination} somewhere else`,
        look: commandIn(world.topology, place.netns, ['nft', 'list', 'ruleset']),
      },
    ],
  };
}
