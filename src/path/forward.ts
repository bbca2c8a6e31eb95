/** A packet's way from stack to stack: routing, resolution, the gates of every router, until one takes it for its own. */
import { familyOf, isLinkLocal } from '../topology/address.ts';
import type { Namespace } from '../topology/model.ts';
import { placeName } from '../topology/naming.ts';
import { ownersOf } from '../topology/query.ts';
import { placeKey } from '../trace/frame.ts';
import { type NextHop, resolve } from './arp.ts';
import { shownAtPort } from './bridge-filter.ts';
import { conntrackGate } from './conntrack.ts';
import { errorWay } from './error-way.ts';
import type { EchoQuery } from './expect.ts';
import { findRoute, type RouteFound } from './fib.ts';
import { type Filtered, relived, routingMark } from './filter-memory.ts';
import type { MtuGate, Setter, UnmodelledGate } from './gate.ts';
import { filterGate, lateFilterGates } from './ip-filter.ts';
import { ipv6Gates } from './ipv6-switch.ts';
import type { Arrival } from './layer2.ts';
import { sendPacket } from './link.ts';
import type { Step } from './model.ts';
import { longestFragment, routerMtuGate, senderMtuGate } from './mtu.ts';
import { translateDestination, translateSource } from './nat.ts';
import { translatedInBridges } from './nat-bridge.ts';
import { solicit } from './nd.ts';
import { deviceMtu, routerMtu, senderMtu } from './path-mtu.ts';
import { routeGate } from './route-gate.ts';
import { forwardingGate, scopeGate, sourceGate, ttlGate } from './stack.ts';
import { type Trail, withoutAsides } from './trail.ts';
import { gateStep, type Port, placeOf, portAt, portNamed, type World } from './world.ts';

/** What a walk goes through, and what it leaves behind. */
export interface Walk {
  readonly world: World;
  readonly trail: Trail;
  readonly query: EchoQuery;
}

export interface Packet {
  readonly kind: 'echo-request' | 'echo-reply' | 'icmp-error';
  readonly source: string;
  readonly destination: string;
  /** Undefined: a rule may have changed it. */
  readonly ttl: number | undefined;
  /** The rule that gave it that. */
  readonly ttlBy?: Setter | undefined;
  /** Of the packet, or of the longest fragment it was cut into on its way. */
  readonly lengthBytes: number;
  /** No don't-fragment bit. */
  readonly fragmentable: boolean;
  /** It is the packet of a tunnel (UDP), with the one that is followed inside. */
  readonly datagram?: { readonly destinationPort: number };
  /** Its sender refuses to cut it: to what it knows of the path (IP_PMTUDISC_DO), or to its device (IP_PMTUDISC_PROBE). */
  readonly whole?: 'known' | 'device';
  /** The process that sends it. */
  readonly sender?: NonNullable<Filtered['sender']>;
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
    carried = sender === from ? sent(walk, sender, next, carried) : cutByRouter(sender, next, carried);
    const ask = familyOf(next.address) === 6 ? solicit : resolve;
    const resolved = ask(world, trail, sender, carried.source, next);
    if (!resolved) return undefined;
    trail.begin(carried.kind, carried.source, carried.destination);
    const arrival = sendPacket(world, trail, sender, next, resolved, carried);
    if (!arrival) return undefined;
    if (arrival.reaches === 'outside') return 'leaves';
    if (arrival.reaches === 'nobody') return undefined;
    const at = placeKey(placeOf(arrival.port));
    const circle = passed.has(at);
    passed.add(at);
    carried = translatedInBridges(walk, withoutAsides(arrival.steps), carried);
    const taken = input(walk, arrival, carried, circle);
    if (taken === undefined || circle) return undefined;
    carried = taken.packet;
    if (!('out' in taken)) return { port: arrival.port, packet: carried };
    sender = taken.out;
    next = taken.hop;
  }
  return undefined;
}

/** A sender cuts the packet to what passes its device, its route, and the path as it knows it; one that may not does not send it. */
function sent({ world, trail }: Walk, port: Port, { route }: NextHop, packet: Packet): Packet {
  const { destination, lengthBytes, whole } = packet;
  const family = familyOf(destination);
  const limit = whole === 'device' ? deviceMtu(port, destination) : senderMtu(port, destination, route);
  const refused = whole ? senderMtuGate(world, port, limit, lengthBytes, destination) : undefined;
  if (refused) trail.add(gateStep(refused));
  if (refused || whole) return packet;
  const longest = longestFragment(lengthBytes, limit.mtu, family);
  const fragmentable = family === 4 && (packet.fragmentable || limit.locked || longest < lengthBytes);
  return { ...packet, lengthBytes: longest, fragmentable };
}

/** What may be cut is cut by every router as it needs; over IPv6 none does. */
function cutByRouter(port: Port, { route }: NextHop, packet: Packet): Packet {
  const { destination, lengthBytes, fragmentable } = packet;
  if (!fragmentable || familyOf(destination) === 6) return packet;
  return { ...packet, lengthBytes: longestFragment(lengthBytes, routerMtu(port, destination, route).mtu) };
}

/**
 * A router that may not cut what is too long for its way out drops it, before any rule of its own sees it, and says so.
 * A sender that is told, and may cut, sends it in pieces from then on: the walk goes on with these.
 */
function refusedByRouter(
  walk: Walk,
  at: Port,
  out: Port,
  route: RouteFound,
  packet: Packet,
): { readonly gate: MtuGate; readonly packet: Packet } | undefined {
  const { destination, lengthBytes, fragmentable, whole } = packet;
  if (fragmentable || packet.kind === 'icmp-error') return undefined;
  const family = familyOf(destination);
  const limit = routerMtu(out, destination, route);
  const gate = routerMtuGate(walk.world, out, limit, lengthBytes, destination);
  if (!gate) return undefined;
  const error = errorWay(walk, at, packet);
  if (whole || error.end !== 'told') return { gate: { ...gate, error }, packet };
  const pieces = { lengthBytes: longestFragment(lengthBytes, limit.mtu, family), fragmentable: family === 4 };
  return { gate: { ...gate, error, heals: true }, packet: { ...packet, ...pieces } };
}

/** ip_rcv to ip_local_deliver or ip_forward. Undefined where the walk cannot go on. */
function input(
  walk: Walk,
  { port, steps }: Arrival,
  arrived: Packet,
  circle: boolean,
): { out: Port; hop: NextHop; packet: Packet } | { packet: Packet } | undefined {
  const { world, trail, query } = walk;
  const { namespace, link } = port;
  if (namespace.detail === 'links') {
    trail.add(gateStep(unread(world, port)));
    return ownersOf(world.topology, arrived.destination).some((owner) => owner.namespace.id === namespace.id)
      ? { packet: arrived }
      : undefined;
  }
  const family = familyOf(arrived.destination);
  if (family === 6) trail.add(...ipv6Gates(world, port).map(gateStep));
  const physical = shownAtPort(port, steps, arrived.destination);
  const full = arrived.kind === 'echo-request' ? conntrackGate(world, port) : undefined;
  const first = filterGate(world, { hook: 'prerouting', port, physical, packet: arrived });
  const entered = translateDestination({ world, query, hook: 'prerouting', port, carries: arrived });
  const late = { hook: 'prerouting', port, physical, packet: { ...arrived, ...entered.ends } } as const;
  const entering = [first, ...(full ? [full] : []), ...entered.gates, ...lateFilterGates(world, late)].map(gateStep);
  if (physical === undefined) trail.add(...entering);
  else trail.addBeforePlace(...entering);
  if (entered.lost || entering.some(isLost)) return undefined;
  const packet = relived(world, namespace.id, { ...arrived, ...entered.ends });
  const { source, destination } = packet;
  const mark = routingMark(world, namespace.id, packet);
  const route = pickHop(
    namespace,
    findRoute(namespace, { destination, source, inputInterface: link.name, mark }),
    query,
  );
  if (route?.type === 'local') {
    // IPv6 itself validates no source.
    if (family === 4) trail.add(gateStep(sourceGate(world, port, 'ip', source, destination, undefined, mark)));
    const local = { hook: 'input', port, physical, packet } as const;
    const asked = filterGate(world, local);
    const taken = translateSource({ world, query, hook: 'input', port, carries: packet }, entered.tracked);
    const late = lateFilterGates(world, { ...local, packet: { ...packet, ...taken.ends } });
    const last = [asked, ...taken.gates, ...late].map(gateStep);
    trail.add(...last);
    return last.some(isLost) ? undefined : { packet: { ...packet, ...taken.ends } };
  }
  trail.add(
    gateStep(forwardingGate(world, port, destination)),
    gateStep(
      routeGate(world, port, 'forward', source, destination, route, { source, inputInterface: link.name, mark }),
    ),
    ...(family === 4 ? [gateStep(sourceGate(world, port, 'ip', source, destination, route?.device, mark))] : []),
    gateStep(ttlGate(world, port, packet, circle, family)),
    ...(isLinkLocal(source) ? [gateStep(scopeGate(world, portAt(world.topology, query.start) ?? port, source))] : []),
  );
  const out = portNamed(namespace, route?.device);
  const tooBig = out && route?.type === 'unicast' ? refusedByRouter(walk, port, out, route, packet) : undefined;
  if (tooBig) trail.add(gateStep(tooBig.gate));
  const living = { ...packet, ttl: packet.ttl === undefined ? undefined : packet.ttl - 1 };
  const forwarded = gateStep(filterGate(world, { hook: 'forward', port, beside: out, physical, packet: living }));
  const sent = relived(world, namespace.id, living);
  trail.add(forwarded);
  if (!route || !out || route.type !== 'unicast' || isLost(forwarded)) return undefined;
  const leaving = { hook: 'postrouting', port: out, beside: port, physical, packet: sent } as const;
  const before = filterGate(world, leaving);
  const left = translateSource(
    { world, query, hook: 'postrouting', port: out, carries: packet, input: link.name },
    entered.tracked,
  );
  const behind = left.lost ? [] : lateFilterGates(world, { ...leaving, packet: { ...sent, ...left.ends } });
  const last = [before, ...left.gates, ...behind].map(gateStep);
  trail.add(...last);
  if (left.lost || last.some(isLost)) return undefined;
  const { ttl, ttlBy } = relived(world, namespace.id, sent);
  return { out, hop: nextHop(route, destination), packet: { ...(tooBig?.packet ?? packet), ...left.ends, ttl, ttlBy } };
}

/** A filter rule has given it other addresses. */
export const isLost = (step: Step): boolean =>
  step.kind === 'gate' && step.gate.kind === 'filter' && step.gate.rewrites === true;

/** @param route undefined: a socket bound to a device takes the destination to be on that link */
export function nextHop(route: RouteFound | undefined, destination: string): NextHop {
  return route?.gateway === undefined
    ? { address: destination, gateway: false, assumedOnLink: route === undefined, ...(route && { route }) }
    : { address: route.gateway, gateway: true, assumedOnLink: false, route };
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
  const { route, type, source, rule } = found;
  return {
    route,
    type,
    ...(rule === undefined ? {} : { rule }),
    ...(source === undefined ? {} : { source }),
    ...(taken.device === undefined ? {} : { device: taken.device }),
    ...(taken.gateway === undefined ? {} : { gateway: taken.gateway }),
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
