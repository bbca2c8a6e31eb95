import { isLooped } from '../../path/loop.ts';
import { familyOf } from '../../topology/address.ts';
import { applyChanges } from '../../topology/apply-changes.ts';
import type { Change } from '../../topology/change.ts';
import type { Link, Namespace } from '../../topology/model.ts';
import { inNetns, placeName } from '../../topology/naming.ts';
import { prefixContains } from '../../topology/prefix.ts';
import { addressesOf, linkOf, masterOf, namespaceOf, peerOf } from '../../topology/query.ts';
import { type Place, placeKey } from '../../trace/frame.ts';
import type { Claim, Context, Rule } from '../rule.ts';

/**
 * Gates that a packet meets in a stack it should never have come to; also, where nobody had to ask for the bridge's hardware
 * address, one that is addressed to somebody else.
 */
const BEHIND: ReadonlySet<string> = new Set(['owner', 'source', 'arp-answer', 'forwarding', 'route', 'neighbour']);

/** Attachments tried on the model, on a host with very many loose ends. */
const MAX_ATTEMPTS = 64;

export const bridgePortDetached: Rule = {
  id: 'bridge-port-detached',
  severity: 'fault',
  title: "the host end of a container's veth is in no bridge, or in the wrong one",
  explain: {
    what: `The veth pair is whole, but its end in the host is not a port of the bridge its network lives on: what the
container sends comes out at the host end, and nobody is there. Runtimes leave it so when they are interrupted;
restarting a bridge (deleting and making it anew) detaches all its ports. A VXLAN device may hang loose like that too.`,
    wire: `The ARP request is seen on the host end of the veth, and neither on the bridge nor on any other port.`,
    confirm: `  bridge link                 the host end is missing, or shows another master
  ip link show DEV            no "master"`,
    cure: `  ip link set DEV master BRIDGE`,
    otherwise: `A host end with routes or addresses of its own is routed, not bridged: that is no fault.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped') return undefined;
    const { gate } = situation;
    // Whatever the packet met behind a detached end (nobody home, a validation that fails), the detachment comes first.
    const alone =
      gate.kind === 'device' && linkOf(topology, gate.place)?.kind === 'bridge' && gate.state === 'no-carrier';
    if (!BEHIND.has(gate.kind) && !alone) return undefined;
    const attempts = suspects(context).flatMap(({ namespace, link }) =>
      bridgesFor(context, namespace, masterOf(namespace, link)).map((bridge) => ({
        namespace,
        link,
        bridge,
        changes: [
          { kind: 'enslave', at: { netns: namespace.id, name: link.name }, bridge: bridge.name } satisfies Change,
        ],
      })),
    );
    const sound = attempts.slice(0, MAX_ATTEMPTS).filter((attempt) => !closesLoop(context, attempt));
    const best = context.best(sound.map(({ changes }) => changes));
    const found = attempts.find(({ changes }) => changes === best);
    if (!found) return bothLoose(context);
    const { namespace, link, bridge, changes } = found;
    const at: Place = { netns: namespace.id, name: link.name };
    const name = placeName(topology, at);
    const current = masterOf(namespace, link);
    return {
      title: current
        ? `${name} is a port of ${current.name}, and its network is on ${bridge.name}`
        : `${name} is in no bridge: what comes out there reaches nobody`,
      summary: `${name} is ${link.kind === 'veth' ? 'one end of a veth pair' : 'a VXLAN device'}${inNetns(topology, namespace.id)}. ${
        current ? `It is enslaved to ${current.name}` : 'It has no master, no address and no route'
      }, so it is cut off from ${bridge.name}, where the other side is.`,
      where: at,
      cure: { why: `make ${name} a port of ${bridge.name}`, changes },
    };
  },
};

/** A cure that joins two bridges which are joined already, or a bridge with itself, would be worse than the fault. */
function closesLoop(
  { topology }: Context,
  { namespace, bridge, changes }: { namespace: Namespace; bridge: Link; changes: readonly Change[] },
): boolean {
  const at: Place = { netns: namespace.id, name: bridge.name };
  return isLooped(applyChanges(topology, changes), at) && !isLooped(topology, at);
}

/** The end that the packet came out of, and the one that leads to the target: a bridge that was deleted leaves all its ports so. */
function bothLoose(context: Context): Claim | undefined {
  const { situation, topology, path, query } = context;
  if (situation.kind !== 'stopped') return undefined;
  const { gate } = situation;
  if (gate.kind !== 'owner' && gate.kind !== 'neighbour') return undefined;
  const target = gate.kind === 'owner' ? gate.target : gate.entry.address;
  const asker = gate.kind === 'owner' ? gate.asker : gate.holder;
  const own = linkOf(topology, asker);
  const here = own && peerOf(topology, asker.netns, own);
  if (!here || !isLooseEnd(here) || gate.elsewhere === undefined) return undefined;
  if (!path.legs.some(({ steps }) => steps.some((step) => step.kind === 'place' && isAt(step.place, here))))
    return undefined;
  for (const place of gate.elsewhere) {
    const link = linkOf(topology, place);
    const there = link && peerOf(topology, place.netns, link);
    if (!there || !isLooseEnd(there) || there.namespace.id !== here.namespace.id || there.link === here.link) continue;
    const names = [here, there].map(({ namespace, link: end }) =>
      placeName(topology, { netns: namespace.id, name: end.name }),
    );
    const ends = [here, there].map(({ namespace, link: end }) => ({ netns: namespace.id, name: end.name }));
    const cures = here.namespace.links
      .filter((bridge) => bridge.kind === 'bridge' && hasNetwork(bridge, target))
      .map((bridge) => ({
        bridge,
        changes: ends.map((at) => ({ kind: 'enslave', at, bridge: bridge.name }) satisfies Change),
      }));
    const best = context.best(cures.map(({ changes }) => changes));
    const cure = cures.find(({ changes }) => changes === best);
    return {
      title: `neither ${names.join(' nor ')} is in a bridge: nothing joins them`,
      summary: `${names.join(' and ')} are the ends of the veth pairs of ${placeName(topology, asker)} and of ${placeName(topology, place)}, which has ${target}${inNetns(topology, here.namespace.id)}. They have no master, no address and no route${
        cure
          ? `, so they are cut off from ${cure.bridge.name}`
          : ': the bridge that joined them is gone, if there was one'
      }.`,
      where: ends[0] ?? query.start,
      ...(cure && { cure: { why: `make both ports of ${cure.bridge.name}`, changes: cure.changes } }),
    };
  }
  return undefined;
}

interface End {
  readonly namespace: Namespace;
  readonly link: Link;
}

function isAt(place: Place, { namespace, link }: End): boolean {
  return place.netns === namespace.id && place.name === link.name;
}

function isLooseEnd({ namespace, link }: End): boolean {
  return isLoose(link) && !hasAddress(link) && !isRouted(namespace, link);
}

/** Veth ends and VXLAN devices without master, address and route, where the packet came to or where the target's own veth ends; then ports of other bridges. */
function suspects({ situation, topology, path, query }: Context): { namespace: Namespace; link: Link }[] {
  if (situation.kind !== 'stopped') return [];
  const { gate } = situation;
  const places: Place[] = path.legs.flatMap(({ steps }) =>
    steps.flatMap((step) => (step.kind === 'place' ? [step.place] : [])),
  );
  places.push(gate.place, query.start);
  if (gate.kind === 'owner') places.push(...gate.reached, ...gate.elsewhere);
  if (gate.kind === 'neighbour') places.push(...(gate.elsewhere ?? []));
  const around = new Map<string, { namespace: Namespace; link: Link }>();
  // A trunk between two bridges may hang loose where no packet comes: any loose end beside a bridge on the path.
  const bridged = places.filter((place) => linkOf(topology, place)?.kind === 'bridge').map(({ netns }) => netns);
  for (const { id, links } of topology.namespaces)
    if (bridged.includes(id)) places.push(...links.filter(isLoose).map(({ name }) => ({ netns: id, name })));
  for (const place of places) {
    const namespace = namespaceOf(topology, place.netns);
    const link = linkOf(topology, place);
    if (!namespace || !link) continue;
    around.set(placeKey(place), { namespace, link });
    const peer = peerOf(topology, place.netns, link);
    if (peer) around.set(placeKey({ netns: peer.namespace.id, name: peer.link.name }), peer);
  }
  const ends = [...around.values()].filter(({ link }) => isEnd(link) && !hasAddress(link));
  const loose = ends.filter(({ namespace, link }) => isLoose(link) && !isRouted(namespace, link));
  const elsewhere = ends.filter(({ link }) => link.master !== undefined);
  return [...loose, ...elsewhere];
}

function isLoose(link: Link): boolean {
  return isEnd(link) && link.master === undefined;
}

/** What leads to others, and is of use to a bridge. */
function isEnd({ kind }: Link): boolean {
  return kind === 'veth' || kind === 'vxlan';
}

/** IPv6 gives every interface a link-local address, and the routes that go with it, by itself. */
function hasAddress(link: Link): boolean {
  return link.addresses.some(({ family, scope }) => family === 4 || scope !== 'link');
}

function isRouted(namespace: Namespace, link: Link): boolean {
  return namespace.routes.some(
    (route) =>
      !/^f[ef][0-9a-f]{2}:/.test(route.destination) && route.nextHops.some(({ device }) => device === link.name),
  );
}

/**
 * Bridges the end could belong to. A port is only suspected of being in the wrong bridge
 * when another bridge has the network's address and its own has none of it: two networks may use the same addresses.
 */
function bridgesFor({ situation }: Context, namespace: Namespace, current: Link | undefined): Link[] {
  const bridges = namespace.links.filter(({ kind, index }) => kind === 'bridge' && index !== current?.index);
  if (!current) return bridges;
  // Only an address that is asked for on the link can be missing from it for that reason.
  if (situation.kind !== 'stopped' || situation.gate.kind !== 'owner' || situation.gate.assumedOnLink) return [];
  const { target } = situation.gate;
  return hasNetwork(current, target) ? [] : bridges.filter((bridge) => hasNetwork(bridge, target));
}

function hasNetwork(bridge: Link, target: string): boolean {
  return addressesOf(bridge, familyOf(target)).some(({ address, prefixLength }) =>
    prefixContains(`${address}/${prefixLength}`, target),
  );
}
