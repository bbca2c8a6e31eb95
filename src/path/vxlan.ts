/** VXLAN: a frame goes into one device, travels in UDP between two hosts, and comes out of another (RFC 7348; drivers/net/vxlan/vxlan_core.c). */
import { familyOf } from '../topology/address.ts';
import type { Namespace } from '../topology/model.ts';
import { masterOf, namespaceOf } from '../topology/query.ts';
import { deviceCalled, socketNamespace, type VxlanSettings, vxlanSettings } from '../topology/vxlan.ts';
import { type FrameAddresses, groupMac, isGroup } from './ethernet.ts';
import { isLocal } from './fib.ts';
import { type Arrival, transmit, type Walk } from './layer2.ts';
import { isAsk } from './model.ts';
import { tunnelMtuGate } from './mtu.ts';
import { beforeLastPlace, stopsOf, type WayStep } from './trail.ts';
import { type Outer, overheadBytes, passUnderlay, roomFor, routeTo, tunnelled } from './underlay.ts';
import { opaqueGate, proxyGate, remoteGate, routeMissingGate, sourceMissingGate } from './vxlan-gate.ts';
import { receiveVxlan } from './vxlan-receive.ts';
import { isMulticast, type Peer, peersOf, type Remote, remotesFor } from './vxlan-remote.ts';
import { gateStep, type Port, placeOf, portAt, usableNeighbour } from './world.ts';

/** One device that sends, in the middle of a frame's way. */
export interface Sending {
  readonly walk: Walk;
  readonly port: Port;
  readonly settings: VxlanSettings;
  /** What takes a frame that a device has received. */
  readonly receive: (walk: Walk, port: Port, before: readonly WayStep[]) => Arrival[];
}

/** vxlan_xmit. @param before ends with the frame leaving by the device */
export function sendVxlan(walk: Walk, port: Port, before: readonly WayStep[], receive: Sending['receive']): Arrival[] {
  const { world, frame } = walk;
  const settings = vxlanSettings(port.link);
  const socket = namespaceOf(world.topology, socketNamespace(port.namespace.id, port.link));
  const undecided = (text: string) => [ended(port, [...before, gateStep(opaqueGate({ walk, port }, text))], 'outside')];
  if (!settings || settings.external) return undecided('is told by somebody else where each frame goes');
  if (socket?.detail !== 'full') return undecided('sends by a namespace that was not read');
  const sending: Sending = { walk, port, settings, receive };
  const peers = peersOf(world, port, settings);
  const onTo = (peer: Peer, steps: readonly WayStep[]) => send(sending, socket, remoteOf(peer), steps);
  if (settings.proxy && frame.carries && isAsk(frame.carries.kind)) {
    const asked = frame.carries.target ?? frame.carries.destination;
    const entry = usableNeighbour(world, port, asked);
    const steps = [...before, gateStep(proxyGate(sending, asked, entry, peers[0]))];
    if (entry?.mac !== undefined) return [{ ...ended(port, steps, 'stack'), accepted: true, answeredAs: entry.mac }];
    const asking = peers.flatMap((peer) => onTo(peer, steps));
    return asking.length > 0 ? asking : [ended(port, steps, 'nobody')];
  }
  const known = remotesFor(world, port, settings, frame.destination);
  if (known === 'undecided') return undecided('sends by nexthop objects');
  const sent = known.flatMap((remote) => send(sending, socket, remote, before));
  const open = stopsOf(before);
  const isTaken = sent.some(({ accepted, reaches, stops }) => (accepted || reaches === 'outside') && stops === open);
  if (isTaken && !isGroup(frame.destination)) return sent;
  // Nobody has it, or not everybody: who else is of this network, and in no entry?
  const missed = peers
    .filter(({ address }) => !known.some((remote) => remote.address === address || isMulticast(remote)))
    .flatMap((peer) => onTo(peer, [...before, gateStep(remoteGate(sending, known, peer))]));
  const rightful = isGroup(frame.destination)
    ? missed
    : missed.filter(({ accepted, reaches }) => accepted && reaches === 'stack');
  // Of two ways that are as bad, an entry that is right is the better one.
  const arrivals = isGroup(frame.destination) ? [...sent, ...rightful] : [...rightful, ...sent];
  return arrivals.length > 0
    ? arrivals
    : [ended(port, [...before, gateStep(remoteGate(sending, known, undefined))], 'nobody')];
}

/** vxlan_xmit_one: to one remote address, and out of the device there. */
function send(sending: Sending, socket: Namespace, remote: Remote, leaving: readonly WayStep[]): Arrival[] {
  const { walk, port } = sending;
  const { local } = sending.settings;
  const foreign = local !== undefined && familyOf(local) === 4 && !isLocal(socket, local);
  const before = foreign ? [...leaving, gateStep(sourceMissingGate(sending, local))] : leaving;
  const { world, frame } = walk;
  const key = `${port.namespace.id}/${port.link.name}`;
  // A tunnel through itself: the kernel drops that too (ELOOP).
  if (world.inside.has(key)) return [];
  const outer = outerOf(sending, socket, remote);
  world.inside.add(key);
  try {
    if (isMulticast(remote)) return sendToGroup(sending, remote, outer, before);
    const way = routeTo(outer);
    if (!way) return lost(sending, remote, [...before, gateStep(routeMissingGate(sending, remote))]);
    if (way.route.type === 'local')
      return receiveVxlan(sending, remote, { at: way.out, source: remote.address }, before);
    const room = roomFor(outer, way);
    const uncut = isTooLongUncut(remote, frame, room);
    const noted = !uncut && isNoted(walk, port, room);
    const refused = noted || uncut || isRefused(port, frame, room);
    const limit = {
      ...tunnelMtuGate(world, port, frame, room, outer.tunnel),
      ...(noted ? { noted: true as const } : {}),
    };
    // What the kernel has noted it refuses before anything leaves.
    const stopped = noted ? beforeLastPlace(before, [gateStep(limit)]) : [...before, gateStep(limit)];
    const ready = refused ? stopped : before;
    const { steps, end } = passUnderlay(world, outer, way, refused ? { ...frame, lengthBytes: room } : frame);
    const passed = [...ready, ...steps];
    if (end === undefined) return lost(sending, remote, passed);
    if ('leaves' in end) return [ended(portAt(world.topology, end.leaves) ?? way.out, passed, 'outside')];
    return receiveVxlan(sending, remote, end, passed);
  } finally {
    world.inside.delete(key);
  }
}

/** It comes to no one. What lies behind is known all the same where a device takes the remote address for its own. */
function lost(sending: Sending, remote: Remote, steps: readonly WayStep[]): Arrival[] {
  const { walk, port, settings } = sending;
  const { topology } = walk.world;
  const from = socketNamespace(port.namespace.id, port.link);
  const [meant, ...others] = topology.namespaces.flatMap((namespace) =>
    namespace.links.flatMap((link): Port[] => {
      const socket = namespaceOf(topology, socketNamespace(namespace.id, link));
      const owns = vxlanSettings(link)?.local === remote.address;
      return owns && socket && socket.id !== from ? [{ namespace: socket, link }] : [];
    }),
  );
  if (!meant || others.length > 0 || stopsOf(steps) === 0) return [ended(port, steps, 'nobody')];
  return receiveVxlan(sending, remote, { at: meant, source: settings.local ?? '' }, steps);
}

function outerOf({ walk, port, settings }: Sending, socket: Namespace, remote: Remote): Outer {
  const named = remote.via ?? settings.device;
  const link = named === undefined ? undefined : deviceCalled(socket, named);
  return {
    namespace: socket,
    remote: remote.address,
    ...(link === undefined ? {} : { device: { namespace: socket, link } }),
    ...(settings.local === undefined ? {} : { local: settings.local }),
    destinationPort: remote.port,
    whole: settings.df === 'set' || (settings.df === 'inherit' && walk.frame.fragmentable === false),
    tunnel: {
      sender: placeOf(port),
      remote: remote.address,
      port: remote.port,
      overheadBytes: overheadBytes(familyOf(remote.address)),
    },
  };
}

/** To every device that has joined the group, on the link of the device that was named. */
function sendToGroup(sending: Sending, remote: Remote, outer: Outer, before: readonly WayStep[]): Arrival[] {
  const { walk, port } = sending;
  const { device, tunnel } = outer;
  if (!device)
    return [ended(port, [...before, gateStep(opaqueGate(sending, `sends to the group ${remote.address}`))], 'outside')];
  const source =
    outer.local ?? device.link.addresses.find(({ family }) => family === familyOf(remote.address))?.address ?? '';
  const frame: FrameAddresses = { source: device.link.mac, destination: groupMac(remote.address) };
  return transmit(walk.world, device, frame).flatMap((arrival): Arrival[] => {
    const steps = [...before, ...arrival.steps.map((step) => tunnelled(step, tunnel))];
    if (arrival.reaches !== 'stack') return [ended(arrival.port, steps, arrival.reaches)];
    const joined = arrival.port.namespace.links.some((link) => {
      const theirs = vxlanSettings(link);
      return theirs?.group === remote.address && theirs.device === arrival.port.link.name;
    });
    return joined ? receiveVxlan(sending, remote, { at: arrival.port, source }, steps) : [];
  });
}

/** skb_tunnel_check_pmtu: for a port of a bridge an ICMP error answers what may not be cut, in the name of its target. */
function isRefused({ namespace, link }: Port, { lengthBytes, fragmentable }: FrameAddresses, room: number): boolean {
  const whole = lengthBytes !== undefined && fragmentable === false;
  return whole && lengthBytes > room && masterOf(namespace, link)?.kind === 'bridge';
}

/**
 * skb_tunnel_check_pmtu notes for the namespace's own sender what there is room for. The first packet passes, in pieces; what
 * comes after is refused where it may not be cut.
 */
function isNoted({ origin, frame }: Walk, { namespace, link }: Port, room: number): boolean {
  const own = origin.namespace.id === namespace.id && origin.link.name === link.name;
  return own && frame.whole === 'known' && (frame.lengthBytes ?? 0) > room;
}

/** Over IPv6 nobody cuts what a tunnel sends (ip6_fragment of a packet without ignore_df, net/ipv6/ip6_output.c). */
function isTooLongUncut({ address }: Remote, { lengthBytes = 0 }: FrameAddresses, room: number): boolean {
  return familyOf(address) === 6 && lengthBytes > room;
}

function remoteOf({ address, settings }: Peer): Remote {
  return { address, port: settings.port, vni: settings.vni };
}

function ended(port: Port, steps: readonly WayStep[], reaches: Arrival['reaches']): Arrival {
  return { port, steps, stops: stopsOf(steps), accepted: false, reaches };
}
