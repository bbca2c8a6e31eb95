import { expectPath } from '../../path/expect.ts';
import { findRoute, routeText } from '../../path/fib.ts';
import { familyOf } from '../../topology/address.ts';
import type { NetnsId, Topology } from '../../topology/model.ts';
import { netnsName, placeName } from '../../topology/naming.ts';
import { linkOf, namespaceOf } from '../../topology/query.ts';
import { socketNamespace } from '../../topology/vxlan.ts';
import type { Place } from '../../trace/frame.ts';
import type { Claim, Context, Rule } from '../rule.ts';
import { defaultRoute, routeOnwards, segmentAround } from '../way-onwards.ts';

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
where GATEWAY is the router's address on the same segment: for a container, usually the bridge's.
Over IPv6 routers advertise themselves; an interface takes that with accept_ra=1, one that forwards only with 2:
  sysctl -w net.ipv6.conf.DEV.accept_ra=2`,
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
      const other = byAnother(context, gate.asker);
      if (other) return other;
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
      const other = byAnother(context, here);
      if (other) return other;
      const who = netnsName(topology, here.netns);
      const cure = defaultRoute(context, here, segmentAround(topology, here));
      return {
        title: `${placeName(topology, here)} has no route to ${query.destination}`,
        summary: `no route of ${here.netns === topology.home ? 'this namespace' : who} by ${here.name} covers ${query.destination}: the kernel refuses to send ("Network is unreachable").${advertised(context)}`,
        where: here,
        ...(cure === undefined ? {} : { cure }),
      };
    }
    if (gate.kind === 'vxlan' && gate.by === 'route' && gate.remote !== undefined)
      return tunnelsRoute(context, gate.sender, gate.remote);
    if (gate.kind === 'route' && gate.purpose !== 'reply' && gate.route === undefined && leg.kind === 'echo-request') {
      const { destination, tunnel } = gate;
      const cure = routeOnwards(context, gate.place.netns, destination);
      const packet = tunnel ? `the UDP packet of ${placeName(topology, tunnel.sender)}` : 'the echo request';
      return {
        title: `${netnsName(topology, gate.place.netns)} has no route to ${destination}`,
        summary: `${packet} comes to ${placeName(topology, gate.place)}, which should pass it on, and no route there covers ${destination}.`,
        where: gate.place,
        ...(cure === undefined ? {} : { cure }),
      };
    }
    return undefined;
  },
};

/** A socket that is not bound gets there by another interface: nothing is missing but the right -I. */
function byAnother({ topology, query }: Context, asker: Place): Claim | undefined {
  const { destination } = query;
  const namespace = namespaceOf(topology, asker.netns);
  const route = namespace && findRoute(namespace, { destination });
  if (route?.type !== 'unicast' || route.device === undefined || route.device === asker.name) return undefined;
  const { source: _, ...anySource } = query;
  const start = { netns: asker.netns, name: route.device };
  if (expectPath(topology, { ...anySource, start }).end !== 'delivered') return undefined;
  const [bound, right] = [placeName(topology, asker), placeName(topology, start)];
  return {
    title: `${bound} does not lead to ${destination}: the way there is by ${right}`,
    summary: `what is not bound to an interface takes ${routeText(route)} and gets there. A socket bound to ${asker.name} (ping -I) may not use that route, and no other one covers ${destination}: trace it from ${right}. If it has to go by ${asker.name}, a route by that interface is missing.`,
    where: asker,
  };
}

/** A tunnel's own packets need a route as any others do. */
function tunnelsRoute(context: Context, sender: Place, remote: string): Claim {
  const { topology } = context;
  const netns = socketNetns(topology, sender);
  const cure = routeOnwards(context, netns, remote);
  const name = placeName(topology, sender);
  return {
    title: `${netnsName(topology, netns)} has no route to ${remote}, the node that ${name} sends to`,
    summary: `${name} puts the frame into a UDP packet to ${remote}, and the namespace of its socket has no route to that address by the device it is to use.`,
    where: sender,
    ...(cure === undefined ? {} : { cure }),
  };
}

function socketNetns(topology: Topology, sender: Place): NetnsId {
  const link = linkOf(topology, sender);
  return link === undefined ? sender.netns : socketNamespace(sender.netns, link);
}

/** Over IPv6 the default route mostly comes from a router's advertisement: may this interface take one? */
function advertised({ topology, query: { start, destination } }: Context): string {
  const namespace = namespaceOf(topology, start.netns);
  const own = linkOf(topology, start)?.ipv6;
  const given = namespace?.routes.some(({ family, destination: to }) => family === 6 && to === '::/0');
  if (familyOf(destination) !== 6 || given || own?.accept_ra === undefined) return '';
  if (own.accept_ra === 0)
    return ` net.ipv6.conf.${start.name}.accept_ra is 0: the advertisement of a router gives it no default route either.`;
  return own.forwarding === 1 && own.accept_ra !== 2
    ? ` It forwards, and net.ipv6.conf.${start.name}.accept_ra is ${own.accept_ra}: whoever forwards takes a default route from a router's advertisement with 2 alone.`
    : '';
}
