import { familyBits, familyOf, isLinkLocal } from '../../topology/address.ts';
import type { Change } from '../../topology/change.ts';
import type { NetnsId, Topology } from '../../topology/model.ts';
import { netnsName, placeName } from '../../topology/naming.ts';
import { prefixAround } from '../../topology/prefix.ts';
import { addressesOf, namespaceOf, ownersOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
import { gatewaysOf, routersAmong, segmentOf } from '../routers.ts';
import type { Context, Cure, Rule } from '../rule.ts';
import { isOnLink } from '../segment.ts';

export const routeMissing: Rule = {
  id: 'route-missing',
  severity: 'fault',
  title: 'the sender, or a router on the way, has no route to the target',
  explain: {
    what: `No route covers the target's address. An ordinary socket is refused ("Network is unreachable"). A ping that is
bound to an interface (ping -I) is not: the kernel then takes the target to be on that interface's link and asks ARP
for it there, where nobody has it. IPv6 refuses a bound socket too. A router without a route answers with an ICMP
network-unreachable (IPv6: no route to destination).`,
    wire: `Nothing on any wire; or, bound to the interface, ARP requests for an address of a foreign network, unanswered.`,
    confirm: `  ip route get TARGET         "Network is unreachable"
  ip route                    no default route (ip -6 route for IPv6)`,
    cure: `  ip route add default via GATEWAY
where GATEWAY is the router's address on the same segment: for a container, usually the bridge's.`,
    otherwise: `If a route exists and its next hop does not answer, it is gateway-unreachable.`,
  },
  evaluate(context) {
    const { situation, topology, query } = context;
    if (situation.kind !== 'stopped') return undefined;
    const { gate, leg } = situation;
    if (gate.kind === 'owner' && gate.assumedOnLink) {
      const here = gate.elsewhere.find(({ netns }) => netns === gate.asker.netns);
      if (here)
        return {
          title: `${gate.target} is this namespace's own address, on ${placeName(topology, here)}: no route by ${gate.asker.name} leads there`,
          summary: `a socket bound to ${gate.asker.name} looks for ${gate.target} on that interface's link, and asks ARP for it there. Unbound, it would answer over lo: ping it without -I.`,
          where: gate.asker,
        };
      const who = netnsName(topology, gate.asker.netns);
      const cure = defaultRoute(context, gate.asker, gate.reached);
      return {
        title: `${placeName(topology, gate.asker)} has no route to ${gate.target}`,
        summary: `no route of ${gate.asker.netns === topology.home ? 'this namespace' : who} covers ${gate.target}. A socket bound to ${gate.asker.name} makes the kernel take it to be on that link: it asks ARP for it there, and nobody has it.`,
        where: gate.asker,
        ...(cure === undefined ? {} : { cure }),
      };
    }
    if (gate.kind === 'route' && gate.purpose === 'send' && gate.route === undefined) {
      const here = query.start;
      const who = netnsName(topology, here.netns);
      const cure = defaultRoute(context, here, segmentAround(topology, here));
      return {
        title: `${placeName(topology, here)} has no route to ${query.destination}`,
        summary: `no route of ${here.netns === topology.home ? 'this namespace' : who} by ${here.name} covers ${query.destination}: the kernel refuses to send ("Network is unreachable").`,
        where: here,
        ...(cure === undefined ? {} : { cure }),
      };
    }
    if (gate.kind === 'route' && gate.purpose !== 'reply' && gate.route === undefined && leg.kind === 'echo-request') {
      const cure = routeOnwards(context, gate.place.netns);
      return {
        title: `${netnsName(topology, gate.place.netns)} has no route to ${query.destination}`,
        summary: `the echo request comes to ${placeName(topology, gate.place)}, which should pass it on, and no route there covers ${query.destination}.`,
        where: gate.place,
        ...(cure === undefined ? {} : { cure }),
      };
    }
    return undefined;
  },
};

function segmentAround(topology: Topology, { netns, name }: Place): Place[] {
  const namespace = namespaceOf(topology, netns);
  const link = namespace?.links.find((candidate) => candidate.name === name);
  return namespace && link ? segmentOf(topology, { namespace, link }) : [];
}

/** A default route by a router of the segment, if the model's packet then gets on. */
function defaultRoute(context: Context, asker: Place, reached: readonly Place[]): Cure | undefined {
  const { topology } = context;
  const namespace = namespaceOf(topology, asker.netns);
  if (!namespace) return undefined;
  const family = familyOf(context.query.destination);
  const gateways = routersAmong(topology, asker.netns, reached, family)
    .flatMap((router) => gatewaysOf(router, family))
    .filter((address) => isOnLink(topology, asker, address));
  // Where there is a default route already, only the target's own network is missing.
  const everything = family === 6 ? '::/0' : '0.0.0.0/0';
  const hasDefault = namespace.routes.some(
    (route) => route.family === family && route.table === 'main' && route.destination === everything,
  );
  const destination = hasDefault ? networkOf(context) : everything;
  const attempts = gateways.map((gateway): Change[] => [
    { kind: 'route-add', netns: asker.netns, destination, gateway, ...by(gateway, asker.name) },
  ]);
  const changes = context.best(attempts);
  return changes && { why: 'the router of this segment leads there', changes };
}

/** At a router: a route to the target's network by another router it shares a segment with, if the packet then gets on. */
function routeOnwards(context: Context, netns: NetnsId): Cure | undefined {
  const { topology } = context;
  const namespace = namespaceOf(topology, netns);
  const family = familyOf(context.query.destination);
  const destination = networkOf(context);
  const attempts: Change[][] = [];
  for (const link of namespace?.links ?? []) {
    if (!namespace || link.kind === 'loopback' || addressesOf(link, family).length === 0) continue;
    const place = { netns, name: link.name };
    const gateways = routersAmong(topology, netns, segmentOf(topology, { namespace, link }), family)
      .flatMap((router) => gatewaysOf(router, family))
      .filter((address) => isOnLink(topology, place, address));
    for (const gateway of gateways)
      attempts.push([{ kind: 'route-add', netns, destination, gateway, ...by(gateway, link.name) }]);
  }
  const changes = context.best(attempts);
  return changes && { why: 'a router it shares a segment with leads there', changes };
}

/** A link-local gateway is one on this device. */
function by(gateway: string, device: string): { device?: string } {
  return isLinkLocal(gateway) ? { device } : {};
}

/** The target's network, as its owner's interface has it; the address alone where that is not known. */
function networkOf({ topology, query }: Context): string {
  return prefixAround(
    query.destination,
    ownersOf(topology, query.destination)[0]?.address.prefixLength ?? familyBits(familyOf(query.destination)),
  );
}
