/**
 * The way the kernels on this machine should take one echo request and its reply.
 * It follows net/ipv4 (route.c, ip_input.c, ip_forward.c, icmp.c) and net/ipv6 (route.c, ip6_input.c, ip6_output.c, icmp.c) from the probing socket to the target and back.
 */

import { familyOf } from '../topology/address.ts';
import type { NetnsId, Topology } from '../topology/model.ts';
import type { Place } from '../trace/frame.ts';
import type { NextHop } from './arp.ts';
import type { Ends } from './connection.ts';
import { conntrackGate } from './conntrack.ts';
import { findRoute, isLocal, type RouteFound, sourceBy } from './fib.ts';
import { isRerouted, relived, replyMark, routingMark } from './filter-memory.ts';
import { carry, type Delivered, isLost, nextHop, type Packet, pickHop, type Walk } from './forward.ts';
import type { IpHook } from './gate.ts';
import { filterGate, lateFilterGates } from './ip-filter.ts';
import { ipv6Gates } from './ipv6-switch.ts';
import { deviceGate } from './layer2.ts';
import type { Path } from './model.ts';
import { echoLength } from './mtu.ts';
import { translateDestination, translateSource } from './nat.ts';
import { untranslatedGate } from './nat-astray.ts';
import { discoveryOf } from './path-mtu.ts';
import { routeGate } from './route-gate.ts';
import type { Owner, Rulesets } from './ruleset.ts';
import { echoGate, foreignGate, loopbackGate, senderGate, stackGate } from './stack.ts';
import { createTrail } from './trail.ts';
import { createWorld, gateStep, type Port, placeOf, portAt, portNamed } from './world.ts';

export interface EchoQuery {
  /** The interface the probe is bound to. */
  readonly start: Place;
  readonly destination: string;
  /** The source address the kernel chose; chosen by the model when absent. */
  readonly source?: string;
  /** Defaults to 64. */
  readonly ttl?: number;
  /** Echo data, bytes. Defaults to 56. */
  readonly sizeBytes?: number;
  /** `do`: the sender refuses to fragment. `probe`: likewise, but what it knows of the path does not count. Defaults to what sockets have. */
  readonly dontFragment?: 'do' | 'want' | 'dont' | 'probe';
  /** Who sends it, in the numbers of the namespace it starts in. Defaults to root. */
  readonly owner?: Owner;
  /** By namespace: the addresses the request was sighted with where it left it, which translation there may have changed. */
  readonly sightedAs?: ReadonlyMap<NetnsId, readonly Ends[]>;
  /** Keys of the places that packets of this exchange were sighted leaving by: they tell which of several next hops was taken. */
  readonly leftBy?: ReadonlySet<string>;
  /** The hardware address that was sighted answering first, by the IP address asked for: of two owners the faster one is taken. */
  readonly answered?: ReadonlyMap<string, string>;
  /** A request before this one was answered: for conntrack it belongs to an established connection. */
  readonly established?: boolean;
  /** Rulesets that were read already: one diagnosis walks many times. */
  readonly rulesets?: Rulesets;
}

const ROOT: Owner = { uid: 0, gid: 0 };
const DEFAULT_TTL = 64;
/** As ping's. */
const DEFAULT_SIZE_BYTES = 56;

export function expectPath(topology: Topology, query: EchoQuery): Path {
  const world = createWorld(topology, query);
  const trail = createTrail();
  const start = portAt(topology, query.start);
  if (!start) return { legs: [], end: 'unknown' };
  const leaves = walkExchange({ world, trail, query }, start) === 'leaves';
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
  if (familyOf(query.destination) === 6 && !route) return undefined;
  return sourceBy(namespace, link.name, query.destination, route);
}

function walkExchange(walk: Walk, start: Port): 'done' | 'leaves' {
  const { world, trail, query } = walk;
  const { namespace, link } = start;
  const { destination, ttl = DEFAULT_TTL } = query;
  const family = familyOf(destination);
  const source = query.source ?? sourceFor(world.topology, query) ?? (family === 6 ? '::' : '0.0.0.0');
  const request: Packet = {
    kind: 'echo-request',
    source,
    destination,
    ttl,
    lengthBytes: echoLength(query.sizeBytes ?? DEFAULT_SIZE_BYTES, family),
    fragmentable: family === 4 && (query.dontFragment ?? discoveryOf(namespace)) === 'dont',
    ...(query.dontFragment === 'do' ? { whole: 'known' as const } : {}),
    ...(query.dontFragment === 'probe' ? { whole: 'device' as const } : {}),
    sender: { netns: namespace.id, owner: query.owner ?? ROOT },
  };
  // The source is chosen by the route, so rules that ask for one do not match yet (raw_sendmsg).
  const found = pickHop(namespace, findRoute(namespace, { destination, outputInterface: link.name }), query);
  // Bound to a device, an unreachable or blackhole route counts as none (ip_route_output_key_hash_rcu).
  const route = found?.type === 'unicast' || found?.type === 'local' ? found : undefined;
  if (link.kind === 'loopback' && family === 6 && route?.type !== 'local') {
    // Over IPv6 a bound socket needs a route: nothing gets as far as lo.
    trail.begin('echo-request', source, destination);
    if (!isBare(walk, start)) trail.add(gateStep(loopbackGate(world, start, 'send')));
    trail.add(gateStep(foreignGate(world, start, destination)));
    return 'done';
  }
  if (link.kind === 'loopback' || route?.type === 'local') {
    // A lo that never was up has no address yet, and gets 127.0.0.1 with the first time (inetdev_event).
    const foreign = route?.type !== 'local' && !destination.startsWith('127.');
    if (foreign && isBare(walk, start)) {
      trail.begin('echo-request', source, destination);
      trail.add(gateStep(foreignGate(world, start, destination)));
      return 'done';
    }
    overLoopback(walk, start, request, 'send');
    if (foreign) trail.add(gateStep(foreignGate(world, start, destination)));
    trail.add(gateStep(echoGate(world, start, family)));
    overLoopback(walk, start, replyTo(request, query), 'reply');
    trail.add({ kind: 'socket', place: placeOf(start) });
    return 'done';
  }
  trail.begin('echo-request', source, destination);
  if (family === 6) {
    // A device that is down has no routes, and one without IPv6 neither: those are the causes then.
    trail.add(gateStep(deviceGate(world, start)), ...ipv6Gates(world, start).map(gateStep));
    trail.add(gateStep(routeGate(world, start, 'send', source, destination, route ?? found)));
    if (!route) return 'done';
    trail.add(gateStep(senderGate(world, start, source)));
    if (source === '::' || source === '::1') return 'done';
  } else {
    // A socket bound to a device needs no route: the kernel then takes the destination to be on its link.
    if (route) trail.add(gateStep(routeGate(world, start, 'send', source, destination, route)));
    trail.add(gateStep(deviceGate(world, start)), gateStep(senderGate(world, start, source)));
  }
  const first = sendOut(walk, start, request, route);
  if (first === undefined) return 'done';
  const delivered = carry(walk, first.out, first.hop, first.packet);
  if (delivered === undefined || delivered === 'leaves') return delivered ?? 'done';
  return answerEcho(walk, start, delivered);
}

/** icmp_echo, and the reply's own way back to the socket. */
function answerEcho(walk: Walk, start: Port, { port, packet }: Delivered): 'done' | 'leaves' {
  const { world, trail, query } = walk;
  const family = familyOf(packet.destination);
  trail.add(gateStep(echoGate(world, port, family)));
  // Its routes were not read: that there are none says nothing.
  if (port.namespace.detail === 'links') return 'done';
  const reply = replyTo(packet, query);
  const mark = replyMark(world, port.namespace, reply);
  const found = findRoute(port.namespace, {
    destination: reply.destination,
    source: reply.source,
    mark,
    // icmpv6_echo_reply names the device the request came in by.
    ...(family === 6 ? { nearInterface: port.link.name } : {}),
  });
  const route = pickHop(port.namespace, found, query);
  if (route?.type === 'local') {
    overLoopback(walk, port, reply, 'reply');
    toSocket(walk, start, portNamed(port.namespace, route.device) ?? port, reply.destination);
    return 'done';
  }
  const gate = routeGate(world, port, 'reply', reply.source, reply.destination, route, { source: reply.source, mark });
  trail.add(gateStep(gate));
  const device = portNamed(port.namespace, route?.device);
  if (!route || !device || route.type !== 'unicast') return 'done';
  trail.begin('echo-reply', reply.source, reply.destination);
  const back = sendOut(walk, device, reply, route);
  if (back === undefined) return 'done';
  const delivered = carry(walk, back.out, back.hop, back.packet);
  if (delivered === undefined || delivered === 'leaves') return delivered ?? 'done';
  const { packet: answer, port: arrived } = delivered;
  const astray = untranslatedGate(walk, start, arrived, answer);
  if (astray) trail.add(gateStep(astray));
  // In another namespace: somebody else has the sender's address too.
  if (isLocal(start.namespace, answer.destination, arrived.link.name))
    toSocket(walk, start, arrived, answer.destination);
  return 'done';
}

/** The reply goes to the source its request arrived with; whoever translated that turns the reply back. */
function replyTo({ source, destination }: Packet, { sizeBytes }: EchoQuery): Packet {
  return {
    kind: 'echo-reply',
    source: destination,
    destination: source,
    ttl: DEFAULT_TTL,
    lengthBytes: echoLength(sizeBytes ?? DEFAULT_SIZE_BYTES, familyOf(source)),
    // The kernel's own ICMP socket sets no don't-fragment bit (icmp_sk_init).
    fragmentable: familyOf(source) === 4,
  };
}

/**
 * What a namespace sends itself, through its own NAT: output may turn the destination, and then it is routed again
 * (ip_route_me_harder), and postrouting the source. Undefined where it is not known where it goes.
 */
function sendOut(
  { world, trail, query }: Walk,
  from: Port,
  packet: Packet,
  route: RouteFound | undefined,
): { readonly out: Port; readonly hop: NextHop; readonly packet: Packet } | undefined {
  const first = filterGate(world, { hook: 'output', port: from, packet });
  const full = packet.kind === 'echo-request' ? conntrackGate(world, from) : undefined;
  const turned = translateDestination({ world, query, hook: 'output', port: from, carries: packet });
  const output = { hook: 'output', port: from, packet: { ...packet, ...turned.ends } } as const;
  const behind = lateFilterGates(world, output);
  const sending = [first, ...(full ? [full] : []), ...turned.gates, ...behind].map(gateStep);
  trail.add(...sending);
  if (turned.lost || sending.some(isLost)) return undefined;
  const { destination } = turned.ends;
  let out = from;
  let hop = nextHop(route, destination);
  const probes = packet.kind === 'echo-request';
  const translated = destination !== packet.destination;
  const { id } = from.namespace;
  if (translated || isRerouted(world, id, packet)) {
    // A probe stays bound to its device; a reply is not bound to any.
    const bound = probes ? { outputInterface: from.link.name } : {};
    const mark = routingMark(world, id, packet);
    const again = pickHop(from.namespace, findRoute(from.namespace, { ...turned.ends, ...bound, mark }), query);
    const purpose = translated ? 'forward' : probes ? 'send' : 'reply';
    // Without a route the destination counts as on the link it is bound to.
    const assumed = !translated && probes && familyOf(destination) === 4 && again?.type !== 'unicast';
    if (!translated && again?.type === 'local') return undefined;
    if (!assumed) trail.add(gateStep(routeGate(world, from, purpose, packet.source, destination, again, { mark })));
    const device = portNamed(from.namespace, again?.device);
    if (!assumed && (again?.type !== 'unicast' || !device)) return undefined;
    out = assumed ? from : (device ?? from);
    hop = nextHop(assumed ? undefined : again, destination);
  }
  const carries = relived(world, id, { ...packet, ...turned.ends });
  const leaving = { hook: 'postrouting', port: out, packet: carries } as const;
  const before = filterGate(world, leaving);
  const left = translateSource({ world, query, hook: 'postrouting', port: out, carries }, turned.tracked);
  const late = left.lost ? [] : lateFilterGates(world, { ...leaving, packet: { ...carries, ...left.ends } });
  const last = [before, ...left.gates, ...late].map(gateStep);
  trail.add(...last);
  if (left.lost || last.some(isLost)) return undefined;
  return { out, hop, packet: relived(world, id, { ...carries, ...left.ends }) };
}

/** A namespace as it is made, with a lo that is down and nothing else: what it lacks is a network, and lo would be no help. */
function isBare({ world }: Walk, start: Port): boolean {
  const { links } = start.namespace;
  return links.every(({ kind }) => kind === 'loopback') && loopbackGate(world, start, 'send').verdict === 'stop';
}

function overLoopback({ world, trail }: Walk, port: Port, packet: Packet, purpose: 'send' | 'reply'): void {
  const gate = loopbackGate(world, port, purpose);
  const lo = portNamed(port.namespace, gate.place.name);
  const through = (hooks: readonly IpHook[]) =>
    hooks.flatMap((hook) => {
      const passage = lo && { hook, port: lo, packet };
      return passage ? [filterGate(world, passage), ...lateFilterGates(world, passage)] : [];
    });
  // Where the rules let it pass there is nothing to tell.
  const stopping = (hooks: readonly IpHook[]) => through(hooks).filter(({ verdict }) => verdict !== 'pass');
  trail.begin(packet.kind, packet.source, packet.destination);
  trail.add(
    ...stopping(['output', 'postrouting']).map(gateStep),
    gateStep(gate),
    { kind: 'place', place: gate.place, direction: 'out' },
    { kind: 'place', place: gate.place, direction: 'in' },
    ...stopping(['prerouting', 'input']).map(gateStep),
  );
}

/** raw_v4_input: a socket bound to a device gets what came in by that device. */
function toSocket({ world, trail }: Walk, start: Port, arrived: Port, address: string): void {
  trail.add(gateStep(stackGate(world, start, arrived, 'socket', address)), { kind: 'socket', place: placeOf(start) });
}
