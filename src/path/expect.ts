/**
 * The way the kernels on this machine should take one echo request and its reply.
 * It follows net/ipv4 (route.c, ip_input.c, ip_forward.c, icmp.c) from the probing socket to the target and back.
 */

import type { Topology } from '../topology/model.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import { ownersOf } from '../topology/query.ts';
import { type Place, placeKey } from '../trace/frame.ts';
import { type NextHop, resolve } from './arp.ts';
import { chooseSource, findRoute, type RouteFound, routeText } from './fib.ts';
import type { RouteGate } from './gate.ts';
import { mayRewriteSource } from './hooks.ts';
import { deviceGate } from './layer2.ts';
import { sendPacket } from './link.ts';
import type { Path } from './model.ts';
import {
  echoGate,
  filterGate,
  forwardingGate,
  loopbackGate,
  senderGate,
  sourceGate,
  stackGate,
  ttlGate,
} from './stack.ts';
import { createTrail, type Trail } from './trail.ts';
import { createWorld, gateStep, type Port, placeOf, portAt, portNamed, type World } from './world.ts';

export interface EchoQuery {
  /** The interface the probe is bound to. */
  readonly start: Place;
  readonly destination: string;
  /** The source address the kernel chose; chosen by the model when absent. */
  readonly source?: string;
  /** Defaults to 64. */
  readonly ttl?: number;
}

/** Routers one packet may cross before the walk gives up. */
const MAX_ROUTERS = 16;
const DEFAULT_TTL = 64;

interface Packet {
  readonly kind: 'echo-request' | 'echo-reply';
  readonly source: string;
  readonly destination: string;
  readonly ttl: number;
  /** A router on the way may have put another source address on it: its reply's way is not decided. */
  readonly rewritten: boolean;
}

/** Where a packet was delivered to a local stack. */
interface Delivered {
  readonly port: Port;
  readonly packet: Packet;
}

export function expectPath(topology: Topology, query: EchoQuery): Path {
  const world = createWorld(topology);
  const trail = createTrail();
  const start = portAt(topology, query.start);
  if (!start) return { legs: [], end: 'unknown' };
  const leaves = walk(world, trail, start, query) === 'leaves';
  const verdicts = trail.legs.flatMap(({ steps }) =>
    steps.map((step) => (step.kind === 'gate' ? step.gate.verdict : 'pass')),
  );
  const arrives = trail.legs.at(-1)?.steps.at(-1)?.kind === 'socket';
  const end = verdicts.includes('stop')
    ? 'stopped'
    : leaves
      ? 'leaves'
      : arrives && !verdicts.includes('unknown')
        ? 'delivered'
        : 'unknown';
  return { legs: trail.legs, end };
}

/** The source address the probe would carry: what the route prefers, or the device's own. */
export function sourceFor(topology: Topology, query: EchoQuery): string | undefined {
  const start = portAt(topology, query.start);
  if (!start) return undefined;
  const { namespace, link } = start;
  const route = findRoute(namespace, { destination: query.destination, outputInterface: link.name });
  return route?.source ?? chooseSource(namespace, link.name, route?.gateway ?? query.destination);
}

function walk(world: World, trail: Trail, start: Port, query: EchoQuery): 'done' | 'leaves' {
  const { namespace, link } = start;
  const { destination, ttl = DEFAULT_TTL } = query;
  const source = query.source ?? sourceFor(world.topology, query) ?? '0.0.0.0';
  const request: Packet = { kind: 'echo-request', source, destination, ttl, rewritten: false };
  const found = findRoute(namespace, { destination, source, outputInterface: link.name });
  // Bound to a device, an unreachable or blackhole route counts as none (ip_route_output_key_hash_rcu).
  const route = found?.type === 'unicast' || found?.type === 'local' ? found : undefined;
  if (link.kind === 'loopback' || route?.type === 'local') {
    overLoopback(world, trail, start, request, 'send');
    trail.add(gateStep(echoGate(world, start)));
    overLoopback(world, trail, start, turned(request), 'reply');
    trail.add({ kind: 'socket', place: placeOf(start) });
    return 'done';
  }
  trail.begin('echo-request', source, destination);
  trail.add(gateStep(filterGate(world, start, 'output')));
  // A socket bound to a device needs no route: the kernel then takes the destination to be on its link.
  if (route) trail.add(gateStep(routeGate(world, start, 'send', source, destination, route)));
  trail.add(gateStep(deviceGate(world, start)), gateStep(senderGate(world, start, source)));
  const delivered = carry(world, trail, start, nextHop(route, destination), request);
  if (delivered === undefined || delivered === 'leaves') return delivered ?? 'done';
  return answerEcho(world, trail, start, delivered);
}

/** icmp_echo, and the reply's own way back to the socket. */
function answerEcho(world: World, trail: Trail, start: Port, { port, packet }: Delivered): 'done' | 'leaves' {
  trail.add(gateStep(echoGate(world, port)));
  // Its routes were not read: that there are none says nothing.
  if (port.namespace.detail === 'links') return 'done';
  const reply = turned(packet);
  const route = findRoute(port.namespace, { destination: reply.destination, source: reply.source });
  if (route?.type === 'local') {
    const arrived = portNamed(port.namespace, route.device) ?? port;
    overLoopback(world, trail, port, reply, 'reply');
    toSocket(world, trail, start, arrived, reply.destination);
    return 'done';
  }
  const gate = routeGate(world, port, 'reply', reply.source, reply.destination, route);
  trail.add(gateStep(packet.rewritten && gate.verdict === 'stop' ? { ...gate, verdict: 'unknown' } : gate));
  const device = portNamed(port.namespace, route?.device);
  if (!route || !device || route.type !== 'unicast') return 'done';
  trail.begin('echo-reply', reply.source, reply.destination);
  trail.add(gateStep(filterGate(world, device, 'output')));
  const delivered = carry(world, trail, device, nextHop(route, reply.destination), reply);
  if (delivered === undefined || delivered === 'leaves') return delivered ?? 'done';
  if (delivered.port.namespace.id === start.namespace.id)
    toSocket(world, trail, start, delivered.port, reply.destination);
  return 'done';
}

function turned(packet: Packet): Packet {
  return { ...packet, kind: 'echo-reply', source: packet.destination, destination: packet.source, ttl: DEFAULT_TTL };
}

function nextHop(route: RouteFound | undefined, destination: string): NextHop {
  return route?.gateway === undefined
    ? { address: destination, gateway: false, assumedOnLink: route === undefined }
    : { address: route.gateway, gateway: true, assumedOnLink: false };
}

/** Sends a packet hop by hop until a stack takes it for its own. */
function carry(world: World, trail: Trail, from: Port, hop: NextHop, packet: Packet): Delivered | 'leaves' | undefined {
  let sender = from;
  let next = hop;
  let carried = packet;
  const passed = new Set<string>();
  while (passed.size <= MAX_ROUTERS) {
    const resolved = resolve(world, trail, sender, carried.source, next);
    if (!resolved) return undefined;
    trail.begin(carried.kind, carried.source, carried.destination);
    const arrival = sendPacket(world, trail, sender, next, resolved);
    if (!arrival) return undefined;
    if (arrival.reaches === 'outside') return 'leaves';
    if (arrival.reaches === 'nobody') return undefined;
    const at = placeKey(placeOf(arrival.port));
    const circle = passed.has(at);
    passed.add(at);
    const taken = input(world, trail, arrival.port, carried, circle);
    if (taken === undefined || circle) return undefined;
    if (taken === 'local') return { port: arrival.port, packet: carried };
    sender = taken.out;
    next = taken.hop;
    carried = {
      ...carried,
      ttl: carried.ttl - 1,
      rewritten: carried.rewritten || mayRewriteSource(arrival.port.namespace),
    };
  }
  return undefined;
}

/** ip_rcv to ip_local_deliver or ip_forward. Undefined where the walk cannot go on. */
function input(
  world: World,
  trail: Trail,
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
  trail.add(gateStep(filterGate(world, port, 'prerouting')));
  const route = findRoute(namespace, { destination, source, inputInterface: link.name });
  const validation = sourceGate(world, port, 'ip', source, destination);
  if (route?.type === 'local') {
    trail.add(gateStep(validation), gateStep(filterGate(world, port, 'input')));
    return 'local';
  }
  trail.add(
    gateStep(forwardingGate(world, port, destination)),
    gateStep(routeGate(world, port, 'forward', source, destination, route)),
    gateStep(validation),
    gateStep(ttlGate(world, port, packet.ttl, circle)),
    gateStep(filterGate(world, port, 'forward')),
  );
  const out = portNamed(namespace, route?.device);
  if (!route || !out || route.type !== 'unicast') return undefined;
  trail.add(gateStep(filterGate(world, out, 'postrouting')));
  return { out, hop: nextHop(route, destination) };
}

function overLoopback(world: World, trail: Trail, port: Port, packet: Packet, purpose: 'send' | 'reply'): void {
  const gate = loopbackGate(world, port, purpose);
  trail.begin(packet.kind, packet.source, packet.destination);
  trail.add(
    gateStep(gate),
    { kind: 'place', place: gate.place, direction: 'out' },
    { kind: 'place', place: gate.place, direction: 'in' },
  );
}

/** raw_v4_input: a socket bound to a device gets what came in by that device. */
function toSocket(world: World, trail: Trail, start: Port, arrived: Port, address: string): void {
  trail.add(gateStep(stackGate(world, start, arrived, 'socket', address)), { kind: 'socket', place: placeOf(start) });
}

function routeGate(
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
        look: commandIn(topology, place.netns, ['ip', 'route', 'get', destination]),
      },
    ],
  };
}

function unread(world: World, port: Port) {
  const place = placeOf(port);
  return {
    kind: 'unmodelled' as const,
    place,
    verdict: 'unknown' as const,
    what: 'namespace',
    facts: [
      { text: `the routes and settings of the namespace ${placeName(world.topology, place)} is in were not read` },
    ],
  };
}
