/**
 * The way of one frame from the device that sends it to every stack it comes to: veth crossings, bridges, their gates.
 * Gates that stop are recorded and walked past, so that what lies behind them is known too.
 */
import { commandIn, placeName } from '../topology/naming.ts';
import { hasCarrier, isUp, masterOf, peerOf, portsOf } from '../topology/query.ts';
import { enterBridge, leaveBridge, type Onward } from './bridge.ts';
import { taggedGate } from './bridge-vlan.ts';
import { type FrameAddresses, isGroup } from './ethernet.ts';
import type { DeviceGate, Gate } from './gate.ts';
import {
  apartFrom,
  isMacvlan,
  isSame,
  lowerPort,
  siblingsInside,
  stackGateOf,
  type Taker,
  takersOf,
} from './macvlan.ts';
import { receiverMtuGate } from './mtu.ts';
import { egressTrafficGates, ingressGates, xdpGates } from './traffic-control.ts';
import { stopsOf, type WayStep } from './trail.ts';
import { sendVxlan } from './vxlan.ts';
import { gateStep, type Port, placeOf, placeStep, type World } from './world.ts';

export { BROADCAST } from './ethernet.ts';

/** A frame handed to the stack of `port`, or leaving this machine there. */
export interface Arrival {
  readonly port: Port;
  /** Places and gates from the sending device to here. */
  readonly steps: readonly WayStep[];
  /** Gates on the way that stop it. */
  readonly stops: number;
  /** The frame is addressed to this stack (PACKET_HOST or broadcast); else it is dropped as somebody else's. */
  readonly accepted: boolean;
  /** `outside`: it leaves by a device whose other end is not on this machine. `nobody`: a bridge has no port for it. */
  readonly reaches: 'stack' | 'outside' | 'nobody';
  /** Nobody gets the question: this device answers it in the owner's place, with this hardware address. */
  readonly answeredAs?: string;
}

/** Devices a frame may cross before the walk calls it a loop. */
const MAX_DEVICES = 64;

/** One frame on its way. */
export interface Walk {
  readonly world: World;
  readonly frame: FrameAddresses;
  /** The device that sent it first. */
  readonly origin: Port;
  readonly visited: ReadonlySet<string>;
  /** The VLAN of the tag it carries now. */
  readonly tag?: number;
}

const ONWARD: Onward = { send, handUp };

/** Every stack that a frame sent by `from` comes to. */
export function transmit(world: World, from: Port, frame: FrameAddresses): Arrival[] {
  const walk = { world, frame, origin: from, visited: new Set<string>() };
  const arrivals = send(walk, from, []);
  if (isMacvlan(from)) return arrivals;
  const sent = [gateStep(deviceGate(world, from)), placeStep(from, 'out')];
  return [...apartFrom(world, frame, from, from, false).flatMap((taker) => take(walk, taker, sent)), ...arrivals];
}

/** Every stack that a frame comes to which a device hands in by itself, as if it had received it. */
export function emerge(world: World, at: Port, frame: FrameAddresses): Arrival[] {
  return receive({ world, frame, origin: at, visited: new Set() }, at, [placeStep(at, 'in')]);
}

function send(walk: Walk, port: Port, before: readonly WayStep[]): Arrival[] {
  const { world, visited } = walk;
  const key = `out ${port.namespace.id}/${port.link.name}`;
  if (visited.has(key) || visited.size > MAX_DEVICES) return [];
  const next = { ...walk, visited: new Set([...visited, key]) };
  const leaving = [deviceGate(world, port), ...egressTrafficGates(world, port, walk.frame)];
  const ready = [...before, ...leaving.map(gateStep)];
  switch (port.link.kind) {
    case 'veth': {
      const peer = peerOf(world.topology, port.namespace.id, port.link);
      if (!peer) return [outside(port, [...ready, placeStep(port, 'out')])];
      // A veth without a running peer has no carrier: its own queue drops the frame before anybody can see it.
      const steps = [
        ...ready,
        gateStep(deviceGate(world, peer)),
        placeStep(port, 'out'),
        ...receiverSteps(walk, peer),
        ...xdpGates(world, peer).map(gateStep),
        placeStep(peer, 'in'),
      ];
      return receive(next, peer, steps);
    }
    case 'bridge':
      return sendBridge(next, port, ready);
    case 'macvlan':
    case 'macvtap':
      return sendMacvlan(next, port, ready);
    case 'vxlan':
      return sendVxlan(next, port, [...ready, placeStep(port, 'out')], receive);
    default: {
      const undecided = OPAQUE.has(port.link.kind) ? [gateStep(unmodelled(world, port))] : [];
      return [outside(port, [...ready, placeStep(port, 'out'), ...undecided])];
    }
  }
}

/** Devices that hand what they send to another device of this machine, in ways that the model does not follow. */
const OPAQUE: ReadonlySet<string> = new Set(
  'ipvlan ipvtap vlan bond team vrf macsec geneve gre gretap erspan ip6gre ip6gretap ipip sit ip6tnl wireguard netkit ifb'.split(
    ' ',
  ),
);

/** A bridge none of whose ports is running has no carrier: like a veth's, its own queue then drops the frame unseen. */
function sendBridge(walk: Walk, bridge: Port, ready: readonly WayStep[]): Arrival[] {
  const sent = placeStep(bridge, 'out');
  if (hasCarrier(bridge.link)) return leaveBridge(walk, bridge, [...ready, sent], ONWARD);
  if (portsOf(bridge.namespace, bridge.link).length === 0)
    return leaveBridge(walk, bridge, [...ready, gateStep(portlessGate(walk.world, bridge)), sent], ONWARD);
  return leaveBridge(walk, bridge, ready, ONWARD).map((arrival) => {
    const first = arrival.steps.findIndex((step, index) => index >= ready.length && step.kind === 'place');
    return { ...arrival, steps: arrival.steps.toSpliced(first === -1 ? arrival.steps.length : first, 0, sent) };
  });
}

/** A frame has come in by a device: to its bridge, to the macvlans on it, or to its own stack. */
function receive(walk: Walk, port: Port, before: readonly WayStep[]): Arrival[] {
  const { world, frame } = walk;
  const steps = [...before, ...ingressGates(world, port, frame).map(gateStep)];
  const master = masterOf(port.namespace, port.link);
  if (master?.kind === 'bridge')
    return enterBridge(walk, port, { namespace: port.namespace, link: master }, steps, ONWARD);
  // A bond or team takes what its members receive.
  if (master?.kind === 'bond' || master?.kind === 'team') {
    const bond = { namespace: port.namespace, link: master };
    return receive(walk, bond, [...steps, gateStep(unmodelled(world, bond)), placeStep(bond, 'in')]);
  }
  return handUp(walk, port, steps, isGroup(frame.destination) || frame.destination === port.link.mac);
}

/** To the device's own stack, and to the macvlans on it. */
function handUp(walk: Walk, port: Port, before: readonly WayStep[], accepted: boolean): Arrival[] {
  const { world, frame, tag } = walk;
  const gates: Gate[] = tag === undefined ? [] : [taggedGate(world, port, tag)];
  // Of every other device they were asked when the frame came in by it.
  if (port.link.kind === 'bridge') gates.push(...ingressGates(world, port, frame));
  const steps = [...before, ...gates.map(gateStep)];
  const kept = stackGateOf(world, frame, port);
  const own = arrival(port, kept ? [...steps, gateStep(kept)] : steps, accepted);
  return [own, ...takersOf(world, frame, port).flatMap((taker) => take(walk, taker, steps))];
}

/** A macvlan, or what it sits on, gets a frame from inside the driver. */
function take({ tag: _, ...walk }: Walk, { port, gate }: Taker, before: readonly WayStep[]): Arrival[] {
  const steps = gate ? [...before, gateStep(gate)] : before;
  const down = isUp(port.link) ? [] : [gateStep(deviceGate(walk.world, port))];
  const inside = [...steps, ...down, placeStep(port, 'in')];
  // Behind a tap is a process, or nobody.
  if (port.link.kind === 'macvtap') return [outside(port, inside)];
  return isMacvlan(port) ? receive(walk, port, inside) : [arrival(port, inside, true)];
}

/**
 * A macvlan in bridge mode sends to its siblings of that mode inside the driver, and by the lower device to everybody else.
 * What is for one sibling passes the lower device's taps on its way, as if it came in there (macvlan_queue_xmit,
 * drivers/net/macvlan.c).
 */
function sendMacvlan(walk: Walk, port: Port, ready: readonly WayStep[]): Arrival[] {
  const { world, frame } = walk;
  const lower = lowerPort(world, port);
  if (!lower) return [outside(port, [...ready, placeStep(port, 'out')])];
  // A macvlan has the carrier of its lower device.
  const steps = [...ready, gateStep(deviceGate(world, lower)), placeStep(port, 'out')];
  const broadcast = isGroup(frame.destination);
  const passing = broadcast
    ? []
    : [gateStep(deviceGate(world, lower)), ...receiverSteps(walk, lower), placeStep(lower, 'in')];
  const siblings = siblingsInside(world, frame, port, lower).flatMap((sibling) =>
    take(walk, { port: sibling }, [...steps, ...passing]),
  );
  if (!broadcast && siblings.length > 0) return siblings;
  const arrivals = send(walk, lower, steps);
  const beyond = arrivals.some(({ reaches }) => reaches === 'outside');
  const sent = [...steps, placeStep(lower, 'out')];
  const apart = apartFrom(world, frame, port, lower, beyond);
  const untold = (by: (taker: Taker) => boolean) => apart.filter(by).flatMap((taker) => take(walk, taker, sent));
  // Where a switch that does not send back is at hand, it is to blame sooner than the mode that relies on it.
  const relies = ({ gate }: Taker) => gate?.by === 'vepa';
  const isThere = (taker: Taker) => arrivals.some((each) => isSame(each.port, taker.port));
  return [
    ...siblings,
    ...untold((taker) => !relies(taker)),
    ...arrivals,
    ...untold((taker) => relies(taker) && !isThere(taker)),
  ];
}

function arrival(port: Port, steps: readonly WayStep[], accepted: boolean): Arrival {
  return { port, steps, stops: stopsOf(steps), accepted, reaches: 'stack' };
}

function outside(port: Port, steps: readonly WayStep[]): Arrival {
  return { ...arrival(port, steps, false), reaches: 'outside' };
}

function receiverSteps({ world, frame }: Walk, port: Port): WayStep[] {
  const gate = receiverMtuGate(world, port, frame);
  return gate ? [gateStep(gate)] : [];
}

function portlessGate({ topology }: World, bridge: Port): DeviceGate {
  const place = placeOf(bridge);
  const look = commandIn(topology, place.netns, ['bridge', 'link']);
  const text = `${placeName(topology, place)} has no port, and so no carrier`;
  return { kind: 'device', place, verdict: 'stop', state: 'no-carrier', facts: [{ text, look }] };
}

function unmodelled(world: World, port: Port): Gate {
  const place = placeOf(port);
  const text = `${placeName(world.topology, place)} is a ${port.link.kind}, which the model does not decide`;
  return { kind: 'unmodelled', place, verdict: 'unknown', what: port.link.kind, facts: [{ text }] };
}

/** IFF_UP, and a carrier where the device has one. */
export function deviceGate(world: World, port: Port): DeviceGate {
  const place = placeOf(port);
  const look = commandIn(world.topology, place.netns, ['ip', 'link', 'show', port.link.name]);
  const name = placeName(world.topology, place);
  if (!isUp(port.link))
    return { kind: 'device', place, verdict: 'stop', state: 'down', facts: [{ text: `${name} is down`, look }] };
  // A veth has no carrier because its other end is down, a bridge because its ports are: those have gates of their own.
  // A tun or tap device has the carrier that the process behind it gives it.
  if (!hasCarrier(port.link) && (port.link.kind === 'physical' || port.link.kind === 'tun'))
    return {
      kind: 'device',
      place,
      verdict: 'stop',
      state: 'no-carrier',
      facts: [{ text: `${name} has no carrier${port.link.kind === 'tun' ? ': no process has it open' : ''}`, look }],
    };
  return { kind: 'device', place, verdict: 'pass', state: 'up', facts: [{ text: `${name} is up`, look }] };
}
