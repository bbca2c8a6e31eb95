/** Address resolution: who is asked, who answers, and whether the answer reaches the stack that waits (net/ipv4/arp.c). */
import type { Neighbour, Topology } from '../topology/model.ts';
import { placeName } from '../topology/naming.ts';
import { hasCarrier, ipv4Setting, ownersOf } from '../topology/query.ts';
import { arpSettingsGate, covers, noArpGate } from './arp-answer.ts';
import { arpFilterGates } from './arp-filter.ts';
import type { FrameAddresses } from './ethernet.ts';
import { chooseSource, findRoute, isLocal, type RouteFound } from './fib.ts';
import type { Gate } from './gate.ts';
import { type Arrival, BROADCAST, emerge, transmit } from './layer2.ts';
import { neighbourTableGate } from './neighbour-table.ts';
import { sourceGate, stackGate } from './stack.ts';
import { type Trail, type WayStep, wayKey } from './trail.ts';
import { createWorld, gateStep, learnNeighbour, type Port, placeOf, usableNeighbour, type World } from './world.ts';

/** Where a packet goes next on a link. */
export interface NextHop {
  readonly address: string;
  /** A router's address, taken from a route; else the destination itself. */
  readonly gateway: boolean;
  /** No route covers it: the socket is bound to the device, and the kernel takes the destination to be on its link. */
  readonly assumedOnLink: boolean;
  /** The route that led here, where there is one. */
  readonly route?: RouteFound;
}

export interface Resolved {
  readonly mac: string;
  /** The entry that was there already; absent when it was asked for. */
  readonly entry?: Neighbour;
  /** Who answered. */
  readonly answeredBy?: Port;
}

/**
 * The hardware address that `asker` sends to for `hop`: from its neighbour table, or by an ARP exchange,
 * whose legs go onto the trail. Undefined when nobody on this machine answers.
 */
export function resolve(
  world: World,
  trail: Trail,
  asker: Port,
  packetSource: string,
  hop: NextHop,
): Resolved | undefined {
  const entry = usableNeighbour(world, asker, hop.address) ?? withoutArp(asker, hop.address);
  if (entry?.mac !== undefined) return { mac: entry.mac, entry };

  const askerAddress = announcedAddress(asker, packetSource, hop.address);
  trail.begin('arp-request', askerAddress, hop.address, placeOf(asker));
  const full = neighbourTableGate(world, asker, hop.address);
  if (full) trail.add(gateStep(full));
  const frame = requestFrame(asker, askerAddress, hop.address);
  trail.add(...arpFilterGates(world, asker, 'output', frame).map(gateStep));
  const arrivals = transmit(world, asker, frame);
  const answers = arrivals
    .filter(({ reaches }) => reaches === 'stack')
    .map((arrival) => answer(world, arrival, frame, askerAddress, hop.address));
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
  const mac = answeredAs ?? answerer.link.mac;
  if (answeredAs === undefined) learnNeighbour(world, answerer, askerAddress, asker.link.mac);
  reply(world, trail, answerer, asker, askerAddress, hop.address, answeredAs);
  learnNeighbour(world, asker, hop.address, mac);
  // Who has the address is somebody else, where a device answered in its place.
  return answeredAs === undefined ? { mac, answeredBy: answerer } : { mac };
}

/** A device without ARP sends to its own address, unless an entry was set by hand (arp_constructor). */
function withoutArp({ link }: Port, address: string): Neighbour | undefined {
  if (!link.flags.includes('NOARP')) return undefined;
  return { family: 4, address, device: link.name, mac: link.mac, state: 'NOARP', proxy: false };
}

/**
 * arp_solicit: the sender protocol address is the waiting packet's source when that is the asker's own (and arp_announce
 * lets it), else an address of the device.
 */
function announcedAddress({ namespace, link }: Port, packetSource: string, target: string): string {
  const announce = ipv4Setting(namespace, link, 'arp_announce') ?? 0;
  // inet_addr_onlink: one address of the device whose prefix covers both.
  const sameSubnet = link.addresses.some((own) => covers(own, packetSource) && covers(own, target));
  const usable = isLocal(namespace, packetSource) && (announce === 0 || (announce === 1 && sameSubnet));
  return usable ? packetSource : (chooseSource(namespace, link.name, target) ?? packetSource);
}

/** Every owner of `target` that would answer `asker`, one interface of each namespace: more than one is a duplicate address. */
export function ownersAnswering(topology: Topology, asker: Port, askerAddress: string, target: string): Port[] {
  const world = createWorld(topology);
  const frame = requestFrame(asker, askerAddress, target);
  const owners = transmit(world, asker, frame)
    .filter(({ reaches, port }) => reaches === 'stack' && port.namespace.detail === 'full')
    .map((arrival) => answer(world, arrival, frame, askerAddress, target))
    .filter(({ as, stops }) => as === 'owner' && stops === 0)
    .map(({ arrival }) => arrival.port);
  return [...new Map(owners.map((port) => [port.namespace.id, port])).values()];
}

interface Answer {
  readonly arrival: Arrival;
  readonly as: 'owner' | 'proxy' | 'nobody';
  readonly gates: readonly Gate[];
  readonly stops: number;
}

/** arp_process: does the stack that got the request answer it, and which of its gates would keep it silent? */
function answer(world: World, arrival: Arrival, frame: FrameAddresses, sender: string, target: string): Answer {
  const { port } = arrival;
  const { namespace, link } = port;
  if (arrival.answeredAs !== undefined) return answering('proxy', arrival, []);
  const silent: Answer = { arrival, as: 'nobody', gates: [], stops: arrival.stops };
  if (namespace.detail === 'links') {
    const owns = ownersOf(world.topology, target).some((owner) => owner.namespace.id === namespace.id);
    return owns ? { ...silent, as: 'owner' } : silent;
  }
  const route = findRoute(namespace, { destination: target, source: sender, inputInterface: link.name });
  // Who asks is validated before anything else, for a proxy as for the owner.
  const taken: Gate[] = [
    noArpGate(world, port),
    ...arpFilterGates(world, port, 'input', frame),
    sourceGate(world, port, 'arp', sender, target),
  ];
  if (route?.type !== 'local') {
    if (!proxies(port, sender, target, route)) return silent;
    return answering('proxy', arrival, taken);
  }
  return answering('owner', arrival, [...taken, arpSettingsGate(world, port, sender, target)]);
}

/** arp_fwd_proxy, arp_fwd_pvlan: for what is behind another device, or with proxy_arp_pvlan for others behind the same one. */
function proxies({ namespace, link }: Port, sender: string, target: string, route: RouteFound | undefined): boolean {
  if (ipv4Setting(namespace, link, 'forwarding') !== 1 || route?.type !== 'unicast') return false;
  if (route.device === link.name) return sender !== target && ipv4Setting(namespace, link, 'proxy_arp_pvlan') === 1;
  const published = ({ proxy, address, device }: Neighbour) => proxy && address === target && device === link.name;
  return ipv4Setting(namespace, link, 'proxy_arp') === 1 || namespace.neighbours.some(published);
}

function answering(as: 'owner' | 'proxy', arrival: Arrival, gates: readonly Gate[]): Answer {
  const stops = arrival.stops + gates.filter(({ verdict }) => verdict === 'stop').length;
  return { arrival, as, gates, stops };
}

/** What a host asks the others on its link. */
function requestFrame({ link }: Port, sender: string, target: string): FrameAddresses {
  return {
    source: link.mac,
    destination: BROADCAST,
    carries: { kind: 'arp-request', source: sender, destination: target },
  };
}

/** The answer's way back, and whether the entry that waits for it ever learns of it. */
function reply(
  world: World,
  trail: Trail,
  answerer: Port,
  asker: Port,
  askerAddress: string,
  target: string,
  answeredAs?: string,
): void {
  trail.begin('arp-reply', askerAddress, target, placeOf(asker));
  const frame: FrameAddresses = {
    source: answeredAs ?? answerer.link.mac,
    destination: asker.link.mac,
    carries: { kind: 'arp-reply', source: target, destination: askerAddress },
  };
  if (answeredAs === undefined) trail.add(...arpFilterGates(world, answerer, 'output', frame).map(gateStep));
  // What a device answers itself comes in by it.
  const answered = answeredAs === undefined ? transmit : emerge;
  const arrivals = answered(world, answerer, frame).filter(
    ({ port, reaches }) => reaches === 'stack' && port.namespace.id === asker.namespace.id,
  );
  const isAsker = ({ port }: Arrival) => port.link.name === asker.link.name;
  const back =
    arrivals.find((arrival) => isAsker(arrival) && arrival.stops === 0) ??
    arrivals.find((arrival) => arrival.accepted && arrival.stops === 0) ??
    arrivals.find(isAsker) ??
    arrivals[0];
  if (!back) return;
  trail.add(
    ...back.steps,
    ...arpFilterGates(world, back.port, 'input', frame).map(gateStep),
    gateStep(stackGate(world, asker, back.port, 'neighbour', askerAddress)),
  );
}

/** No stack on the segment owns the target: the request is sighted wherever it is flooded, and that is all. */
export function nobodyAnswers(
  world: World,
  trail: Trail,
  asker: Port,
  askerAddress: string,
  hop: NextHop,
  arrivals: readonly Arrival[],
): void {
  const { topology } = world;
  const open = arrivals.filter(({ stops }) => stops === 0);
  const fewest = Math.min(...arrivals.map(({ stops }) => stops));
  const reached = open.length > 0 ? open : arrivals.filter(({ stops }) => stops === fewest);
  trail.add(...merged(reached));
  const elsewhere = ownersOf(topology, hop.address).map(({ namespace, link }) => placeOf({ namespace, link }));
  const unread = arrivals
    .filter(({ reaches, port: { link } }) => reaches === 'outside' && link.kind === 'tun' && !hasCarrier(link))
    .map(({ port }) => placeOf(port));
  const outside = reached.filter(({ reaches }) => reaches === 'outside').map(({ port }) => placeOf(port));
  trail.add(
    gateStep({
      kind: 'owner',
      place: placeOf(asker),
      verdict: outside.length > 0 ? 'unknown' : 'stop',
      asker: placeOf(asker),
      askerAddress,
      target: hop.address,
      gateway: hop.gateway,
      assumedOnLink: hop.assumedOnLink,
      reached: reached.filter(({ reaches }) => reaches === 'stack').map(({ port }) => placeOf(port)),
      outside,
      elsewhere,
      ...(unread.length > 0 ? { unread } : {}),
      facts: [
        elsewhere.length > 0
          ? {
              text: `${hop.address} is on ${elsewhere.map((place) => placeName(topology, place)).join(' and ')}, where the request does not come`,
            }
          : { text: `${hop.address} is on no interface of any connected namespace`, look: 'ip -br addr' },
        ...outside.map((place) => ({ text: `the link of ${placeName(topology, place)} leaves this machine` })),
      ],
    }),
  );
}

/** The steps of several arrivals of one flooded frame, each once. */
function merged(arrivals: readonly Arrival[]): WayStep[] {
  const seen = new Set<string>();
  return (
    arrivals
      // Of a namespace off the path only links and addresses are known, and nobody listens there.
      .flatMap(({ steps, port }) =>
        port.namespace.detail === 'full'
          ? steps
          : steps.filter((step) => step.kind !== 'place' || step.place.netns !== port.namespace.id),
      )
      .filter((step) => {
        const key = wayKey(step);
        if (seen.has(key)) return false;
        seen.add(key);
        return true;
      })
  );
}
