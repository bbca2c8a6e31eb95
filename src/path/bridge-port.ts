/** The gates of a bridge port: STP state, locking, isolation, flooding (net/bridge/br_input.c, br_forward.c). */
import type { FdbEntry } from '../topology/model.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import { hasCarrier, isUp, portsOf } from '../topology/query.ts';
import { BROADCAST, type FrameAddresses, isGroup } from './ethernet.ts';
import type { Fact, Gate, PortFlagGate, UnmodelledGate } from './gate.ts';
import { isAsk } from './model.ts';
import { forwardingEntry, type Port, placeOf, usableNeighbour, type World } from './world.ts';

/** br_handle_frame and br_handle_frame_finish, as far as the port decides: may the frame come in? */
export function ingressGates(world: World, frame: FrameAddresses, port: Port, bridge: Port, vlan?: number): Gate[] {
  const gates = [portStateGate(world, port, bridge, 'ingress')];
  if (port.link.port?.locked) gates.push(lockedGate(world, frame, port, bridge, vlan));
  return gates;
}

/** Does the bridge note the source address of what comes in here? (br_fdb_update; an ageing time of 0 notes nothing.) */
export function learns(port: Port, bridge: Port): boolean {
  return port.link.port?.learning !== false && bridge.link.bridge?.ageingTime !== 0;
}

export function portStateGate(world: World, port: Port, bridge: Port, direction: 'ingress' | 'egress'): Gate {
  const { topology } = world;
  const place = placeOf(port);
  const state = port.link.port?.state;
  const bridgeUp = isUp(bridge.link);
  // A port without carrier is disabled for that reason alone: its device's own gate says so.
  const idle = state === 'disabled' && (!isUp(port.link) || !hasCarrier(port.link));
  const passes = bridgeUp && (state === 'forwarding' || idle);
  return {
    kind: 'port-state',
    place,
    verdict: bridgeUp && state === undefined ? 'unknown' : passes ? 'pass' : 'stop',
    direction,
    bridge: placeOf(bridge),
    bridgeUp,
    state: state ?? 'disabled',
    facts: [
      bridgeUp
        ? {
            text: `${placeName(topology, place)} is a port of ${bridge.link.name}, state ${state ?? 'unknown'}`,
            look: commandIn(topology, place.netns, ['bridge', 'link', 'show', 'dev', port.link.name]),
          }
        : {
            text: `${placeName(topology, placeOf(bridge))} is down`,
            look: commandIn(topology, place.netns, ['ip', 'link', 'show', bridge.link.name]),
          },
    ],
  };
}

/** A locked port takes only sources that its table already has there, neither as local nor as locked themselves. */
function lockedGate(world: World, frame: FrameAddresses, port: Port, bridge: Port, vlan?: number): Gate {
  const { topology } = world;
  const { namespace, link } = port;
  const entry = forwardingEntry(world, bridge, frame.source, vlan);
  const known = entry !== undefined && entry.device === link.name && !isLocalEntry(entry) && !isLocked(entry);
  return {
    ...portFlagGate(port, bridge, undefined, 'locked', [
      {
        text: `${placeName(topology, placeOf(port))} is locked, and ${bridge.link.name} has ${known ? 'an' : 'no'} entry for ${frame.source} there`,
        look: commandIn(topology, namespace.id, ['bridge', 'fdb', 'show', 'brport', link.name]),
      },
    ]),
    verdict: known ? 'pass' : 'stop',
    mac: frame.source,
  };
}

const isLocked = ({ flags }: FdbEntry) => flags.includes('locked');

/** A permanent entry is the bridge's own: what is for it goes up to its stack (BR_FDB_LOCAL). */
export function isLocalEntry({ state, flags }: FdbEntry): boolean {
  return state === 'permanent' && !flags.includes('sticky');
}

/**
 * should_deliver, and the flooding flags of br_flood.
 * @param flooded the bridge has no entry for the frame's destination: it goes out of every port
 */
export function egressGates(
  world: World,
  frame: FrameAddresses,
  bridge: Port,
  ingress: Port | undefined,
  egress: Port,
  flooded: boolean,
): Gate[] {
  const gates: Gate[] = [];
  const flags = egress.link.port;
  const name = placeName(world.topology, placeOf(egress));
  const look = commandIn(world.topology, egress.namespace.id, [
    'bridge',
    '-d',
    'link',
    'show',
    'dev',
    egress.link.name,
  ]);
  const refuse = (flag: PortFlagGate['flag'], text: string) =>
    gates.push({
      ...portFlagGate(egress, bridge, ingress, flag, [{ text, look }]),
      ...(flag === 'flood' ? { mac: frame.destination } : {}),
    });
  // Where the bridge has answered, nothing needs to be sent there.
  const suppressed = flags && flooded ? suppressedGate(world, frame, bridge, egress) : undefined;
  if (suppressed) gates.push(suppressed);
  if (flags && flooded) {
    // What the bridge's own stack sends is broadcast whatever the flag says.
    if (frame.destination === BROADCAST) {
      if (!flags.bcastFlood && ingress) refuse('bcast_flood', `${name} has bcast_flood off`);
    } else if (isGroup(frame.destination)) {
      if (!flags.mcastFlood && ingress) refuse('mcast_flood', `${name} has mcast_flood off`);
    } else if (!flags.flood)
      refuse('flood', `${name} has flood off, and ${bridge.link.name} has no entry for ${frame.destination}`);
    if (flags.proxyArp) refuse('proxy_arp', `${name} has proxy_arp on: nothing is flooded there`);
  }
  if (ingress?.link.name === egress.link.name && !flags?.hairpin)
    refuse('hairpin', `${name} has hairpin off: what comes in there does not leave there`);
  gates.push(portStateGate(world, egress, bridge, 'egress'));
  if (flags?.isolated && ingress?.link.port?.isolated)
    refuse(
      'isolated',
      `${placeName(world.topology, placeOf(ingress))} and ${name} are both isolated ports of ${bridge.link.name}`,
    );
  return gates;
}

/** With neigh_suppress or proxy_arp on a port, the bridge may answer an ARP request or a neighbour solicitation itself (net/bridge/br_arp_nd_proxy.c). */
function suppressedGate(
  world: World,
  { carries }: FrameAddresses,
  bridge: Port,
  egress: Port,
): UnmodelledGate | undefined {
  if (!carries || !isAsk(carries.kind)) return undefined;
  const asked = carries.target ?? carries.destination;
  const answers = portsOf(bridge.namespace, bridge.link).some(({ port }) => port?.neighSuppress || port?.proxyArp);
  if (!answers || usableNeighbour(world, bridge, asked) === undefined) return undefined;
  const { topology } = world;
  const place = placeOf(egress);
  return {
    kind: 'unmodelled',
    place,
    verdict: 'unknown',
    what: 'neigh_suppress',
    facts: [
      {
        text: `${placeName(topology, placeOf(bridge))} may answer for ${asked} itself (neigh_suppress, proxy_arp)`,
        look: commandIn(topology, place.netns, ['ip', 'neigh', 'show', asked, 'dev', bridge.link.name]),
      },
    ],
  };
}

function portFlagGate(
  port: Port,
  bridge: Port,
  ingress: Port | undefined,
  flag: PortFlagGate['flag'],
  facts: readonly Fact[],
): PortFlagGate {
  return {
    kind: 'port-flag',
    flag,
    place: placeOf(port),
    bridge: placeOf(bridge),
    ...(ingress === undefined ? {} : { ingress: placeOf(ingress) }),
    verdict: 'stop',
    facts,
  };
}
