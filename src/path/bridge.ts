/** A frame inside a bridge: up to its stack, out of its ports, by the table or to all (net/bridge/br_input.c, br_device.c). */
import type { FdbEntry } from '../topology/model.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import { portsOf } from '../topology/query.ts';
import { bridgeFilterGates } from './bridge-filter.ts';
import { egressGates, ingressGates, isLocalEntry, learns } from './bridge-port.ts';
import { egressVlan, ingressVlan } from './bridge-vlan.ts';
import { isGroup } from './ethernet.ts';
import type { FdbGate, Gate } from './gate.ts';
import type { Arrival, Walk } from './layer2.ts';
import { portMtuGate } from './mtu.ts';
import { type Snooped, snooped, snoopingGates } from './snooping.ts';
import { stopsOf, type WayStep } from './trail.ts';
import { twinGate } from './twin.ts';
import { forwardingEntry, gateStep, learnStation, type Port, placeOf, placeStep, type World } from './world.ts';

/** What the bridge hands its frames on to. */
export interface Onward {
  send(walk: Walk, port: Port, before: readonly WayStep[]): Arrival[];
  handUp(walk: Walk, port: Port, steps: readonly WayStep[], accepted: boolean): Arrival[];
}

/** br_handle_frame: a frame comes in by a port. */
export function enterBridge(
  walk: Walk,
  port: Port,
  bridge: Port,
  before: readonly WayStep[],
  onward: Onward,
): Arrival[] {
  const { world, frame } = walk;
  const vlan = ingressVlan(world, bridge, port, walk.tag);
  const gates = [
    ...ingressGates(world, frame, port, bridge, vlan.id),
    ...vlan.gates,
    ...bridgeFilterGates(world, frame, bridge, { hook: 'prerouting', from: port }),
  ];
  const steps = [...before, ...gates.map(gateStep)];
  // What was stopped on its way here teaches nothing that is known better.
  const stopped = stopsOf(steps) > 0 && forwardingEntry(world, bridge, frame.source, vlan.id) !== undefined;
  if (learns(port, bridge) && !stopped) learnStation(world, bridge, frame.source, port.link.name, vlan.id);
  return distribute({ walk, bridge, ingress: port, vlan: vlan.id, onward }, steps);
}

/** br_dev_xmit: the bridge's own stack sends. */
export function leaveBridge(walk: Walk, bridge: Port, before: readonly WayStep[], onward: Onward): Arrival[] {
  const vlan = ingressVlan(walk.world, bridge, bridge, undefined);
  return distribute({ walk, bridge, vlan: vlan.id, onward }, [...before, ...vlan.gates.map(gateStep)]);
}

interface Inside {
  readonly walk: Walk;
  readonly bridge: Port;
  /** The port it came in by; absent when the bridge's own stack sends it. */
  readonly ingress?: Port;
  readonly vlan: number | undefined;
  readonly onward: Onward;
  /** The frame goes to the members of its group alone. */
  readonly group?: Snooped;
}

function distribute(inside: Inside, steps: readonly WayStep[]): Arrival[] {
  const { walk, bridge, ingress, vlan } = inside;
  const { world, frame } = walk;
  const ports = portsOf(bridge.namespace, bridge.link).map((link) => ({ namespace: bridge.namespace, link }));
  if (isGroup(frame.destination)) {
    const group = snooped(world, bridge, frame, vlan);
    const sent = group ? { ...inside, group } : inside;
    return [...up(sent, steps), ...ports.flatMap((egress) => out(sent, egress, steps, group === undefined))];
  }
  // Every port's own address, and the bridge's, is local to the bridge.
  const own = ports.find(({ link }) => link.mac === frame.destination);
  if (own || frame.destination === bridge.link.mac) {
    if (ingress) return up(inside, steps);
    // What the bridge itself sends to the address of a port leaves by that port (br_dev_xmit); to its own it goes nowhere.
    return own ? out(inside, own, steps, false) : [];
  }
  const entry = forwardingEntry(world, bridge, frame.destination, vlan);
  const named = entry && ports.find(({ link }) => link.name === entry.device);
  const local = entry !== undefined && isLocalEntry(entry) && ingress !== undefined;
  const taken = local ? up(inside, steps) : named ? out(inside, named, steps, false) : undefined;
  const arrivals = taken ?? ports.flatMap((egress) => out(inside, egress, steps, true));
  if (entry && taken && !taken.some(isTaken)) {
    const astray = ports
      .filter(({ link }) => (local || link.name !== named?.link.name) && link.name !== ingress?.link.name)
      .flatMap((egress) => {
        const owner = out(inside, egress, steps, false).find(
          ({ reaches, accepted }) => accepted && reaches === 'stack',
        );
        return owner ? [{ egress, owner: owner.port }] : [];
      })[0];
    if (astray) {
      // A sender with the same address as the owner has just been learnt on its own port: that is no wrong entry.
      const gate =
        frame.source === frame.destination
          ? twinGate(world, ingress ?? bridge, frame.destination, walk.origin, astray.owner)
          : fdbGate(world, bridge, entry, astray.owner, astray.egress);
      return out(inside, astray.egress, [...steps, gateStep(gate)], false);
    }
  }
  return arrivals.length > 0 ? arrivals : [lost(bridge, steps)];
}

/** Somebody has it, or may have it: it leaves this machine. */
const isTaken = ({ accepted, reaches }: Arrival) => accepted || reaches === 'outside';

function up({ walk, bridge, ingress, vlan, onward, group }: Inside, steps: readonly WayStep[]): Arrival[] {
  if (!ingress) return [];
  const { world, frame } = walk;
  const leaving = egressVlan(world, bridge, bridge, vlan);
  const gates = [
    ...(group ? snoopingGates(world, bridge, bridge, group) : []),
    ...leaving.gates,
    ...bridgeFilterGates(world, frame, bridge, { hook: 'input', from: ingress }),
  ];
  // Another port's address is local too, but the frame was found to be for somebody else when it came in (eth_type_trans).
  const own = isGroup(frame.destination) || [bridge.link.mac, ingress.link.mac].includes(frame.destination);
  return onward.handUp(
    tagged(walk, leaving.tag),
    bridge,
    [...steps, ...gates.map(gateStep), placeStep(bridge, 'in')],
    own,
  );
}

function out(inside: Inside, egress: Port, steps: readonly WayStep[], flooded: boolean): Arrival[] {
  const { walk, bridge, ingress, vlan, onward, group } = inside;
  const { world, frame } = walk;
  const leaving = egressVlan(world, bridge, egress, vlan);
  const length = portMtuGate(world, egress, frame, ingress && bridge);
  const gates: Gate[] = [
    ...(group ? snoopingGates(world, bridge, egress, group) : []),
    ...egressGates(world, frame, bridge, ingress, egress, flooded),
    ...leaving.gates,
    ...bridgeFilterGates(world, frame, bridge, { hook: 'forward', ...(ingress ? { from: ingress } : {}), to: egress }),
    ...(length ? [length.gate] : []),
  ];
  const next = tagged(length ? { ...walk, frame: { ...frame, lengthBytes: length.passes } } : walk, leaving.tag);
  const arrivals = onward.send(next, egress, [...steps, ...gates.map(gateStep)]);
  if (egress.link.name !== ingress?.link.name || egress.link.port?.hairpin) return arrivals;
  // Back where it came from: of interest where it should have reached somebody beside its sender.
  return arrivals.filter(({ port, accepted }) => accepted && isBesideSender(walk, port));
}

/** The frame leaves the bridge with this tag, or with none. */
function tagged(walk: Walk, tag: number | undefined): Walk {
  const { tag: _, ...untagged } = walk;
  return tag === undefined ? untagged : { ...untagged, tag };
}

function isBesideSender({ origin, frame }: Walk, { namespace, link }: Port): boolean {
  if (namespace.id === origin.namespace.id && link.name === origin.link.name) return false;
  return link.mac === frame.destination || link.kind === 'macvlan';
}

function lost(bridge: Port, steps: readonly WayStep[]): Arrival {
  return { port: bridge, steps, stops: stopsOf(steps), accepted: false, reaches: 'nobody' };
}

function fdbGate({ topology }: World, bridge: Port, entry: FdbEntry, owner: Port, port: Port): FdbGate {
  const netns = bridge.namespace.id;
  const to = isLocalEntry(entry) ? `the stack of ${bridge.link.name}` : entry.device;
  const words = [entry.state, ...entry.flags].filter((word) => word !== '').join(' ');
  return {
    kind: 'fdb',
    place: { netns, name: entry.device },
    verdict: 'stop',
    bridge: placeOf(bridge),
    entry,
    owner: placeOf(owner),
    port: placeOf(port),
    facts: [
      {
        text: `${bridge.link.name} sends ${entry.mac} to ${to} (entry of ${entry.device}${words === '' ? '' : `, ${words}`})`,
        look: commandIn(topology, netns, ['bridge', 'fdb', 'show', 'br', bridge.link.name]),
      },
      { text: `${placeName(topology, placeOf(owner))} has that address, behind ${port.link.name}` },
    ],
  };
}
