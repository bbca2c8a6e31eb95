/** An IP packet over one link: to the hardware address of its next hop, and to the stack that takes it there. */
import { familyOf } from '../topology/address.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import { ipv4Setting, ownersOf } from '../topology/query.ts';
import type { Place } from '../trace/frame.ts';
import type { NextHop, Resolved } from './arp.ts';
import { type Carried, type FrameAddresses, groupMac, solicitedNode } from './ethernet.ts';
import { isLocal } from './fib.ts';
import type { NeighbourGate } from './gate.ts';
import { ipv6Gates } from './ipv6-switch.ts';
import { type Arrival, BROADCAST, transmit } from './layer2.ts';
import type { Sized } from './mtu.ts';
import { type Trail, type WayStep, wayKey } from './trail.ts';
import { twinGate } from './twin.ts';
import { gateStep, type Port, placeOf, type World } from './world.ts';

/**
 * Sends to `resolved.mac` and puts the way onto the trail, with the gate of the neighbour entry behind it.
 * Where the entry is wrong, the walk goes on at the address's real owner.
 * @param packet its length, or that of its longest fragment
 */
export function sendPacket(
  world: World,
  trail: Trail,
  from: Port,
  hop: NextHop,
  resolved: Resolved,
  packet: Sized & Carried,
): Arrival | undefined {
  const arrivals = transmit(world, from, frameOf(from, resolved.mac, packet));
  const taken = byFewestStops(arrivals.filter(({ accepted }) => accepted));
  const { answeredBy, entry } = resolved;
  if (answeredBy) {
    const expected = taken.find(({ port }) => samePort(port, answeredBy)) ?? taken[0];
    return follow(trail, expected ?? arrivals.find(({ reaches }) => reaches === 'outside'));
  }
  const owns = ({ namespace, link }: Port) => isLocal(namespace, hop.address, link.name);
  const rightful = taken.find(({ port }) => owns(port) || proxies(port));
  if (rightful || !entry) {
    const arrival = rightful ?? taken[0] ?? byFewestStops(arrivals)[0];
    if (arrival) trail.add(...arrival.steps);
    if (arrival && entry) trail.add(gateStep(neighbourGate(world, from, entry, arrival.port, 'pass')));
    return arrival;
  }
  // Nobody who may have the packet gets it: who should?
  const owners = byFewestStops(
    transmit(world, from, frameOf(from, everybody(hop.address), packet)).filter(
      ({ port, reaches }) => reaches === 'stack' && owns(port),
    ),
  );
  const owner = owners[0];
  if (!owner) {
    // A router's address need be on no interface (169.254.1.1): what counts is that the router has the hardware address.
    const router = hop.gateway ? taken[0] : undefined;
    const onwards = router ?? arrivals.find(({ reaches }) => reaches === 'outside');
    if (onwards) return follow(trail, onwards);
    const lost = taken[0] ?? arrivals[0];
    const known = { address: hop.address, knownTo: placeOf(from) };
    const off = taken[0] && familyOf(hop.address) === 6 ? ipv6Gates(world, taken[0].port, known) : [];
    const left = neighbourGate(world, from, entry, undefined, 'stop');
    trail.add(...(lost?.steps ?? []), ...off.map(gateStep), gateStep(left));
    return undefined;
  }
  const elsewhere = taken[0]?.port;
  const gate =
    elsewhere && owner.port.link.mac === entry.mac
      ? twinGate(world, owner.port, entry.mac, elsewhere, owner.port)
      : neighbourGate(world, from, entry, owner.port, 'stop');
  const shared = Math.max(0, ...arrivals.map(({ steps }) => commonLength(steps, owner.steps)));
  trail.add(...owner.steps.slice(0, shared), gateStep(gate), ...owner.steps.slice(shared));
  return owner;
}

/** Where a question for the address would go. */
function everybody(address: string): string {
  return familyOf(address) === 6 ? groupMac(solicitedNode(address)) : BROADCAST;
}

function frameOf({ link }: Port, destination: string, packet: Sized & Carried): FrameAddresses {
  return {
    source: link.mac,
    destination,
    ...(packet.lengthBytes === undefined ? {} : { lengthBytes: packet.lengthBytes }),
    ...(packet.fragmentable === undefined ? {} : { fragmentable: packet.fragmentable }),
    ...(packet.whole === undefined ? {} : { whole: packet.whole }),
    carries: packet,
  };
}

function follow(trail: Trail, arrival: Arrival | undefined): Arrival | undefined {
  if (arrival) trail.add(...arrival.steps);
  return arrival;
}

function byFewestStops(arrivals: readonly Arrival[]): Arrival[] {
  return [...arrivals].sort((a, b) => a.stops - b.stops);
}

function samePort(a: Port, b: Port): boolean {
  return a.namespace.id === b.namespace.id && a.link.index === b.link.index;
}

/** A router that answers for others takes packets for addresses it does not own. */
function proxies({ namespace, link }: Port): boolean {
  const settings = ['proxy_arp', 'proxy_arp_pvlan'] as const;
  return (
    settings.some((setting) => ipv4Setting(namespace, link, setting) === 1) ||
    namespace.neighbours.some(({ proxy }) => proxy)
  );
}

function commonLength(a: readonly WayStep[], b: readonly WayStep[]): number {
  const differs = a.findIndex((step, index) => {
    const other = b[index];
    return other === undefined || wayKey(step) !== wayKey(other);
  });
  return differs === -1 ? a.length : differs;
}

function neighbourGate(
  world: World,
  from: Port,
  entry: NeighbourGate['entry'],
  owner: Port | undefined,
  verdict: 'pass' | 'stop',
): NeighbourGate {
  const { topology } = world;
  const holder = placeOf(from);
  const elsewhere = owner ? [] : bearersOf(world, entry);
  const look = commandIn(topology, holder.netns, ['ip', 'neigh', 'show', entry.address, 'dev', entry.device]);
  return {
    kind: 'neighbour',
    place: owner && verdict === 'stop' ? placeOf(owner) : holder,
    verdict,
    entry,
    holder,
    ...(owner === undefined ? {} : { owner: { place: placeOf(owner), mac: owner.link.mac } }),
    ...(elsewhere.length > 0 ? { elsewhere } : {}),
    facts: [
      {
        text: `the neighbour entry for ${entry.address} on ${placeName(topology, holder)} is ${entry.mac} ${entry.state}`,
        look,
      },
      ...(owner
        ? [
            {
              text: `${placeName(topology, placeOf(owner))} has ${owner.link.mac}`,
              look: commandIn(topology, owner.namespace.id, ['ip', 'link', 'show', owner.link.name]),
            },
          ]
        : []),
      ...elsewhere.map((place) => ({
        text: `${placeName(topology, place)} has ${entry.address} and ${entry.mac}, and the packet does not come there`,
        look: commandIn(topology, place.netns, ['ip', 'addr', 'show', place.name]),
      })),
    ],
  };
}

/** Who has the entry's address and hardware address, wherever that is. */
function bearersOf({ topology }: World, { address, mac }: NeighbourGate['entry']): Place[] {
  return ownersOf(topology, address).flatMap(({ namespace, link }) =>
    link.mac === mac ? placeOf({ namespace, link }) : [],
  );
}
