/** The way of what carries a tunnel's packet: from the namespace of the tunnel's socket to the remote address (udp_tunnel_xmit_skb, net/ipv4/udp_tunnel_core.c). */
import { type Family, familyOf } from '../topology/address.ts';
import type { Namespace } from '../topology/model.ts';
import type { Place } from '../trace/frame.ts';
import type { FrameAddresses } from './ethernet.ts';
import { findRoute, type RouteFound, sourceBy } from './fib.ts';
import { carry, type Packet } from './forward.ts';
import type { Tunnel } from './gate.ts';
import { filterGate, lateFilterGates } from './ip-filter.ts';
import { ECHO_HEADER_BYTES, IP_HEADER_BYTES } from './mtu.ts';
import { senderMtu } from './path-mtu.ts';
import { routeGate } from './route-gate.ts';
import { createTrail, type WayStep } from './trail.ts';
import { gateStep, type Port, placeOf, portNamed, type World } from './world.ts';

const UDP_HEADER_BYTES = 8;
const VXLAN_HEADER_BYTES = 8;
const ETHERNET_HEADER_BYTES = 14;
const TTL = 64;

/** What stands around the IP packet inside: 50 bytes over IPv4, 70 over IPv6. */
export function overheadBytes(family: Family): number {
  return IP_HEADER_BYTES[family] + UDP_HEADER_BYTES + VXLAN_HEADER_BYTES + ETHERNET_HEADER_BYTES;
}

export interface Outer {
  /** The namespace of the socket. */
  readonly namespace: Namespace;
  readonly remote: string;
  /** The device it goes out by, where that is said. */
  readonly device?: Port;
  /** Its source address, where that is said. */
  readonly local?: string;
  readonly destinationPort: number;
  /** It has the don't-fragment bit. */
  readonly whole: boolean;
  readonly tunnel: Tunnel;
}

/** Where it comes to, and what lies on its way. */
export interface Passage {
  readonly steps: readonly WayStep[];
  /** Nothing where it is lost on the way. */
  readonly end: { readonly at: Port; readonly source: string } | { readonly leaves: Place } | undefined;
}

/** The route to the remote address, and the device it goes out by; undefined where there is none. */
export function routeTo({ namespace, remote, local, device }: Outer): { route: RouteFound; out: Port } | undefined {
  const route = findRoute(namespace, {
    destination: remote,
    ...(local === undefined ? {} : { source: local }),
    ...(device === undefined ? {} : { outputInterface: device.link.name }),
  });
  const out = portNamed(namespace, route?.device) ?? (route?.type === 'local' ? device : undefined);
  return route && out && (route.type === 'unicast' || route.type === 'local') ? { route, out } : undefined;
}

/** @param frame what travels inside */
export function passUnderlay(
  world: World,
  outer: Outer,
  { route, out }: { route: RouteFound; out: Port },
  frame: FrameAddresses,
): Passage {
  const { remote, tunnel } = outer;
  const family = familyOf(remote);
  const source = outer.local ?? sourceBy(outer.namespace, out.link.name, remote, route) ?? '';
  const packet: Packet = {
    kind: 'echo-request',
    source,
    destination: remote,
    ttl: TTL,
    // A question for a hardware address fits everywhere: it counts as the shortest packet there is.
    lengthBytes: (frame.lengthBytes ?? ECHO_HEADER_BYTES) + overheadBytes(family),
    fragmentable: family === 4 && !outer.whole,
    ...(outer.whole ? { whole: 'known' } : {}),
    datagram: { destinationPort: outer.destinationPort },
  };
  // To conntrack, and to rules that mark connections, it is a packet of its own.
  const apart: World = { ...world, connections: new Map(), filters: new Map(), established: false };
  const trail = createTrail();
  trail.begin(packet.kind, source, remote);
  trail.add(gateStep(routeGate(apart, out, 'send', source, remote, route)));
  for (const hook of ['output', 'postrouting'] as const) {
    const passage = { hook, port: out, packet };
    trail.add(gateStep(filterGate(apart, passage)), ...lateFilterGates(apart, passage).map(gateStep));
  }
  const hop = { address: route.gateway ?? remote, gateway: route.gateway !== undefined, assumedOnLink: false, route };
  const query = { start: placeOf(out), destination: remote };
  const end = carry({ world: apart, trail, query }, out, hop, packet);
  const steps: WayStep[] = [];
  for (const leg of trail.legs) {
    const last = steps.at(-1);
    if (leg.kind === packet.kind) steps.push(...leg.steps.map((step) => tunnelled(step, tunnel)));
    else if (last?.kind === 'aside') steps.splice(-1, 1, { kind: 'aside', legs: [...last.legs, leg] });
    else steps.push({ kind: 'aside', legs: [leg] });
  }
  if (end === undefined) return { steps, end };
  const last = steps.findLast((step) => step.kind === 'place');
  if (end === 'leaves') return { steps, end: { leaves: last?.kind === 'place' ? last.place : placeOf(out) } };
  return { steps, end: { at: end.port, source: end.packet.source } };
}

/** The longest IP packet that fits, uncut, what goes out to the remote address. */
export function roomFor(outer: Outer, { route, out }: { route: RouteFound; out: Port }): number {
  return senderMtu(out, outer.remote, route).mtu - overheadBytes(familyOf(outer.remote));
}

/** On its way a place is passed by the packet that carries the other, and a gate decides about it. */
export function tunnelled(step: WayStep, tunnel: Tunnel): WayStep {
  if (step.kind === 'gate') return { kind: 'gate', gate: { ...step.gate, tunnel } };
  return step.kind === 'place' ? { ...step, outer: tunnel.remote } : step;
}
