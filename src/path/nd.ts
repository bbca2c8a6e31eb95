/** Neighbour discovery: who is asked, who answers, and whether the answer reaches the stack that waits (RFC 4861; net/ipv6/ndisc.c). */
import type { Topology } from '../topology/model.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import { ipv6Setting, ownersOf } from '../topology/query.ts';
import { type NextHop, nobodyAnswers, type Resolved } from './arp.ts';
import { shownAtPort } from './bridge-filter.ts';
import { type FrameAddresses, groupMac, solicitedNode } from './ethernet.ts';
import { isPreferred } from './fib6.ts';
import type { Filtered } from './filter-memory.ts';
import type { AdvertiseGate, Gate, IpHook } from './gate.ts';
import { filterGate, lateFilterGates } from './ip-filter.ts';
import { ipv6Gates } from './ipv6-switch.ts';
import { type Arrival, emerge, transmit } from './layer2.ts';
import { sendPacket } from './link.ts';
import { neighbourTableGate } from './neighbour-table.ts';
import { stackGate } from './stack.ts';
import { beforeLastPlace, stopsOf, type Trail } from './trail.ts';
import { createWorld, gateStep, learnNeighbour, type Port, placeOf, usableNeighbour, type World } from './world.ts';

/**
 * The hardware address that `asker` sends to for `hop`: from its neighbour table, or by a solicitation and its answer,
 * whose legs go onto the trail. Undefined when nobody on this machine answers.
 */
export function solicit(
  world: World,
  trail: Trail,
  asker: Port,
  packetSource: string,
  hop: NextHop,
): Resolved | undefined {
  const entry = usableNeighbour(world, asker, hop.address) ?? withoutNeighbours(asker, hop.address);
  if (entry?.mac !== undefined) return { mac: entry.mac, entry };

  const askerAddress = solicitingAddress(asker, packetSource);
  trail.begin('neighbour-solicitation', askerAddress, hop.address, placeOf(asker));
  const full = neighbourTableGate(world, asker, hop.address);
  if (full) trail.add(gateStep(full));
  trail.add(...sending(world, asker, solicited(askerAddress, hop.address)).map(gateStep));
  const arrivals = transmit(world, asker, solicitation(asker, askerAddress, hop.address));
  const answers = arrivals
    .filter(({ reaches }) => reaches === 'stack')
    .map((arrival) => answer(world, arrival, askerAddress, hop.address));
  const first = world.answered.get(hop.address);
  const wasSighted = ({ arrival: { port } }: Answer) => first !== undefined && port.link.mac === first;
  const chosen = answers
    .filter(({ as }) => as !== 'nobody')
    .sort(
      (a, b) =>
        Number(wasSighted(b)) - Number(wasSighted(a)) ||
        a.stops - b.stops ||
        Number(a.as === 'proxy') - Number(b.as === 'proxy'),
    )[0];
  if (!chosen) {
    nobodyAnswers(world, trail, asker, askerAddress, hop, arrivals);
    return undefined;
  }
  trail.add(...chosen.arrival.steps, ...chosen.gates.map(gateStep));
  const { port: answerer, answeredAs } = chosen.arrival;
  if (answeredAs !== undefined) {
    answeredFor(world, trail, chosen.arrival, asker, askerAddress, hop.address);
    learnNeighbour(world, asker, hop.address, answeredAs);
    return { mac: answeredAs };
  }
  learnNeighbour(world, answerer, askerAddress, asker.link.mac);
  advertise(world, trail, answerer, asker, askerAddress, hop.address);
  learnNeighbour(world, asker, hop.address, answerer.link.mac);
  return { mac: answerer.link.mac, answeredBy: answerer };
}

/** A device that resolves nothing sends to its own address, unless an entry was set by hand (ndisc_constructor). */
function withoutNeighbours({ link }: Port, address: string): Resolved['entry'] {
  if (!link.flags.includes('NOARP')) return undefined;
  return { family: 6, address, device: link.name, mac: link.mac, state: 'NOARP', proxy: false };
}

/** ndisc_solicit: the waiting packet's source where the device has it, else its link-local address. */
function solicitingAddress({ link }: Port, packetSource: string): string {
  const own = link.addresses.filter((address) => address.family === 6 && isPreferred(address));
  const usable = own.find(({ address }) => address === packetSource) ?? own.find(({ scope }) => scope === 'link');
  return usable?.address ?? packetSource;
}

function solicitation({ link }: Port, sender: string, target: string): FrameAddresses {
  const group = solicitedNode(target);
  return {
    source: link.mac,
    destination: groupMac(group),
    carries: { kind: 'neighbour-solicitation', source: sender, destination: group, target },
  };
}

interface Answer {
  readonly arrival: Arrival;
  readonly as: 'owner' | 'proxy' | 'nobody';
  readonly gates: readonly Gate[];
  readonly stops: number;
}

/** ndisc_recv_ns: only the device that has the address answers for it, or a proxy for an address that was published on it. */
function answer(world: World, arrival: Arrival, askerAddress: string, target: string): Answer {
  const { port } = arrival;
  const { namespace, link } = port;
  if (arrival.answeredAs !== undefined) return answering('proxy', arrival, []);
  const silent: Answer = { arrival, as: 'nobody', gates: [], stops: arrival.stops };
  if (namespace.detail === 'links') {
    const owns = ownersOf(world.topology, target).some((owner) => owner.namespace.id === namespace.id);
    return owns ? { ...silent, as: 'owner' } : silent;
  }
  const { arrival: taken, gates } = received(world, arrival, solicited(askerAddress, target));
  const asked: Gate[] = [...ipv6Gates(world, port), ...gates];
  if (link.addresses.some(({ address }) => address === target))
    return answering('owner', taken, [...asked, advertiseGate(world, port, target)]);
  const published = namespace.neighbours.some(
    (entry) => entry.proxy && entry.address === target && entry.device === link.name,
  );
  const proxies =
    published && ipv6Setting(namespace, link, 'forwarding') === 1 && ipv6Setting(namespace, link, 'proxy_ndp') === 1;
  return proxies ? answering('proxy', taken, asked) : silent;
}

function answering(as: 'owner' | 'proxy', arrival: Arrival, gates: readonly Gate[]): Answer {
  const stops = arrival.stops + gates.filter(({ verdict }) => verdict === 'stop').length;
  return { arrival, as, gates, stops };
}

/** Every owner of `target` that would answer `asker`, one interface of each namespace: more than one is a duplicate address. */
export function ownersAdvertising(topology: Topology, asker: Port, askerAddress: string, target: string): Port[] {
  const fresh = createWorld(topology);
  const owners = transmit(fresh, asker, solicitation(asker, askerAddress, target))
    .filter(({ reaches, port }) => reaches === 'stack' && port.namespace.detail === 'full')
    .map((arrival) => answer(fresh, arrival, askerAddress, target))
    .filter(({ as, stops }) => as === 'owner' && stops === 0)
    .map(({ arrival }) => arrival.port);
  return [...new Map(owners.map((port) => [port.namespace.id, port])).values()];
}

/**
 * The answer's way back, and whether the entry that waits for it ever learns of it. Unlike an ARP reply it is sent as any
 * packet is: an entry of the answerer's that was there already decides where it goes (ndisc_send_na).
 */
function advertise(
  world: World,
  trail: Trail,
  answerer: Port,
  asker: Port,
  askerAddress: string,
  target: string,
): void {
  trail.begin('neighbour-advertisement', askerAddress, target, placeOf(asker));
  const packet = { kind: 'neighbour-advertisement', source: target, destination: askerAddress } as const;
  trail.add(...sending(world, answerer, packet).map(gateStep));
  const entry = withoutNeighbours(answerer, askerAddress) ?? usableNeighbour(world, answerer, askerAddress);
  const known = entry?.state === 'REACHABLE' ? undefined : entry;
  const hop = { address: askerAddress, gateway: false, assumedOnLink: false };
  const resolved =
    known?.mac === undefined ? { mac: asker.link.mac, answeredBy: asker } : { mac: known.mac, entry: known };
  const back = sendPacket(world, trail, answerer, hop, resolved, packet);
  if (back?.reaches !== 'stack') return;
  const physical = shownAtPort(back.port, back.steps, packet.destination);
  const entering = filters(world, back.port, packet, ['prerouting'], physical).map(gateStep);
  if (physical === undefined) trail.add(...entering);
  else trail.addBeforePlace(...entering);
  trail.add(
    ...filters(world, back.port, packet, ['input'], physical).map(gateStep),
    gateStep(stackGate(world, asker, back.port, 'neighbour', askerAddress)),
  );
}

/** A device answers in the owner's place: what it says comes in by itself (neigh_reduce, drivers/net/vxlan/vxlan_core.c). */
function answeredFor(
  world: World,
  trail: Trail,
  { port, answeredAs = '' }: Arrival,
  asker: Port,
  askerAddress: string,
  target: string,
): void {
  trail.begin('neighbour-advertisement', askerAddress, target, placeOf(asker));
  const carries = { kind: 'neighbour-advertisement', source: target, destination: askerAddress } as const;
  const frame: FrameAddresses = { source: answeredAs, destination: asker.link.mac, carries };
  const back = emerge(world, port, frame).find((arrival) => arrival.port.link.mac === asker.link.mac);
  if (back) trail.add(...back.steps, gateStep(stackGate(world, asker, back.port, 'neighbour', askerAddress)));
}

/** Neighbour discovery is ICMPv6 and goes through the same hooks; where the rules let it pass there is nothing to tell. */
function sending(world: World, port: Port, packet: Filtered): Gate[] {
  return filters(world, port, packet, ['output', 'postrouting']);
}

/** The arrival with what the packet meets before it can be seen there, and the gates behind that. */
function received(
  world: World,
  arrival: Arrival,
  packet: Filtered,
): { readonly arrival: Arrival; readonly gates: readonly Gate[] } {
  const { port, steps } = arrival;
  const physical = shownAtPort(port, steps, packet.source);
  const entering = filters(world, port, packet, ['prerouting'], physical);
  const gates = filters(world, port, packet, ['input'], physical);
  if (physical === undefined) return { arrival, gates: [...entering, ...gates] };
  const way = beforeLastPlace(steps, entering.map(gateStep));
  return { arrival: { ...arrival, steps: way, stops: stopsOf(way) }, gates };
}

/** Hop limit 255, or it is thrown away (RFC 4861 section 7.1). */
const HOP_LIMIT = 255;

function filters(world: World, port: Port, packet: Filtered, hooks: readonly IpHook[], physical?: string): Gate[] {
  return hooks
    .map((hook) => ({ hook, port, physical, packet: { ...packet, ttl: HOP_LIMIT } }))
    .flatMap((passage) => [filterGate(world, passage), ...lateFilterGates(world, passage)])
    .filter(({ verdict }) => verdict !== 'pass');
}

function solicited(sender: string, target: string): Filtered {
  return { kind: 'neighbour-solicitation', source: sender, destination: solicitedNode(target), target };
}

function advertiseGate({ topology }: World, { namespace, link }: Port, target: string): AdvertiseGate {
  const place = placeOf({ namespace, link });
  const own = link.addresses.find(({ address }) => address === target);
  const silent = own !== undefined && !isPreferred(own);
  const by = silent ? (own.flags.includes('dadfailed') ? 'dadfailed' : 'tentative') : 'nothing';
  const name = placeName(topology, place);
  return {
    kind: 'advertise',
    place,
    by,
    address: target,
    verdict: silent ? 'stop' : 'pass',
    facts: [
      {
        text: silent ? `${target} is ${by} on ${name}` : `${name} answers for ${target}`,
        look: commandIn(topology, place.netns, ['ip', '-6', 'addr', 'show', 'dev', link.name]),
      },
    ],
  };
}
