/** The way of the ICMP error that a router answers with: from its stack back to whoever sent the packet (icmp_send, icmp6_send). */
import { familyOf } from '../topology/address.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import { chooseSource, findRoute, type RouteFound, sourceBy } from './fib.ts';
import { carry, nextHop, type Packet, pickHop, type Walk } from './forward.ts';
import type { PathMtuGate } from './gate.ts';
import { filterGate, lateFilterGates } from './ip-filter.ts';
import type { Leg } from './model.ts';
import { routeGate } from './route-gate.ts';
import { createTrail } from './trail.ts';
import { gateStep, type Port, placeOf, portNamed, type World } from './world.ts';

export interface ErrorWay {
  /** The address the router speaks from; absent where it has none to speak from. */
  readonly from?: string;
  readonly to: string;
  readonly legs: readonly Leg[];
  /**
   * `told`: the sender's stack gets it. `stopped`: a gate on its way stops it. `unknown`: one could not be decided.
   * `leaves`: it leaves this machine.
   */
  readonly end: 'told' | 'stopped' | 'unknown' | 'leaves';
}

/** RFC 1812 section 4.3.2.3 and RFC 4443 section 2.4 (c): no longer than these. */
const LONGEST = { 4: 576, 6: 1280 } as const;
const TTL = 64;

/** @param at the interface of the router that the packet came in by */
export function errorWay({ world, query }: Walk, at: Port, packet: Packet): ErrorWay {
  const { namespace } = at;
  const family = familyOf(packet.destination);
  // As it came here: routers that translated it on its way turn the error back on theirs.
  const to = packet.source;
  const found = pickHop(namespace, findRoute(namespace, { destination: to }), query);
  const out = portNamed(namespace, found?.device);
  const from = out && found && sourceOf(at, out, found, to);
  const trail = createTrail();
  // What the walk of the packet itself has taught the kernels is known to this one, and not the other way round.
  const apart: World = { ...world, learnt: new Map(world.learnt), stations: new Map(world.stations) };
  const way = (end: ErrorWay['end']): ErrorWay => ({
    ...(from === undefined ? {} : { from }),
    to,
    legs: trail.legs,
    end,
  });
  trail.begin('icmp-error', from ?? '', to);
  const gate = routeGate(apart, at, 'reply', from ?? '', to, found);
  trail.add(gateStep(gate));
  if (!found || !out || found.type !== 'unicast') return way('stopped');
  const error: Packet = {
    kind: 'icmp-error',
    source: from ?? '',
    ttl: TTL,
    lengthBytes: Math.min(packet.lengthBytes, LONGEST[family]),
    fragmentable: family === 4,
    destination: to,
  };
  const output = { hook: 'output', port: out, packet: error } as const;
  const postrouting = { ...output, hook: 'postrouting' } as const;
  for (const passage of [output, postrouting])
    trail.add(gateStep(filterGate(apart, passage)), ...lateFilterGates(apart, passage).map(gateStep));
  const delivered = carry({ world: apart, trail, query }, out, nextHop(found, to), error);
  if (delivered === 'leaves') return way('leaves');
  if (delivered && family === 4) trail.add(gateStep(pathMtuGate(apart, delivered.port)));
  const verdicts = trail.legs.flatMap(({ steps }) =>
    steps.flatMap((step) => (step.kind === 'gate' ? [step.gate.verdict] : [])),
  );
  if (verdicts.includes('stop') || !delivered) return way('stopped');
  return way(verdicts.includes('unknown') ? 'unknown' : 'told');
}

/** By the route back, or where net.ipv4.icmp_errors_use_inbound_ifaddr says so, the address of the device it came in by. */
function sourceOf(at: Port, out: Port, route: RouteFound, to: string): string | undefined {
  const { namespace } = at;
  const inbound = familyOf(to) === 4 && (namespace.sysctls['ipv4.icmp_errors_use_inbound_ifaddr'] ?? 0) !== 0;
  if (inbound) return chooseSource(namespace, at.link.name, to);
  return sourceBy(namespace, out.link.name, to, route);
}

/** 2 and 3 throw away what they are told; 1 believes it, and then takes the least of all MTUs. */
const DEAF: readonly number[] = [2, 3];

function pathMtuGate({ topology }: World, port: Port): PathMtuGate {
  const place = placeOf(port);
  const setting = port.namespace.sysctls['ipv4.ip_no_pmtu_disc'];
  const deaf = setting !== undefined && DEAF.includes(setting);
  return {
    kind: 'path-mtu',
    place,
    verdict: deaf ? 'stop' : 'pass',
    setting,
    facts: [
      {
        text: `ip_no_pmtu_disc is ${setting ?? 'unknown'} where ${placeName(topology, place)} is${deaf ? ': what it is told of the path is thrown away' : ''}`,
        look: commandIn(topology, place.netns, ['sysctl', 'net.ipv4.ip_no_pmtu_disc']),
      },
    ],
  };
}
