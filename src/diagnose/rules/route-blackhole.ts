import { findRoute, type RouteFound, routeText } from '../../path/fib.ts';
import { netnsName, placeName } from '../../topology/naming.ts';
import { namespaceOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
import { withoutRoute } from '../detour.ts';
import type { Context, Cure, Rule } from '../rule.ts';
import { routeBack } from '../way-back.ts';
import { defaultRoute, routeOnwards, segmentAround } from '../way-onwards.ts';

export const routeBlackhole: Rule = {
  id: 'route-blackhole',
  severity: 'fault',
  title: 'a route or policy rule of type blackhole, unreachable or prohibit covers the target',
  explain: {
    what: `Such routes throw packets away on purpose: blackhole silently, unreachable and prohibit with an ICMP error to the
sender. Routing daemons, VPN clients and cluster networks set them so that traffic does not leak when a better route is
gone; a policy rule can do the same. The narrowest route wins, so a blackhole for a network beats the default route.
At the sender itself a ping that is bound to an interface (ping -I) does not get the error: over IPv4 the kernel then
takes the target to be on that link and asks ARP for it there; over IPv6 it looks for a wider route.`,
    wire: `The packet ends at the namespace that has the route: in by one interface, out of none. With unreachable (host
unreachable) and prohibit (code 13) an error comes back from it, with blackhole nothing. At the replier: the request
arrives, no reply leaves.`,
    confirm: `  ip route get ADDRESS            an error: EINVAL for blackhole, EHOSTUNREACH, EACCES for prohibit
  ip route show table all | grep -E '^(blackhole|unreachable|prohibit)'
  ip rule                         a rule can forbid as well`,
    cure: `  ip route del TYPE NETWORK       (a rule: ip rule del pref N)
after you have found out who set it, because it comes back otherwise. Where it is meant for everything but this target,
a narrower route beside it is enough:  ip route add TARGET-NETWORK via GATEWAY`,
    otherwise: `A filter that rejects sends the same errors, and then ip route get shows a usable route: look at the rules.
If no route at all covers the address, it is route-missing.`,
  },
  evaluate(context) {
    const forbidden = forbiddenBy(context);
    if (!forbidden) return undefined;
    const { topology } = context;
    const { place, found, destination, packet } = forbidden;
    const who = netnsName(topology, place.netns);
    const what = found.rule && found.route.table !== found.rule.table ? `policy rule ${found.rule.priority}` : 'route';
    const text = what === 'route' ? `${what} ${routeText(found)}` : `${what} (${found.type})`;
    const cure = release(context, forbidden);
    return {
      title: `${who} throws away packets for ${destination}: ${text}`,
      summary: `the ${packet} for ${destination} has to be routed at ${placeName(topology, place)}, and the ${text} covers that address: ${EFFECT[found.type] ?? 'it forbids it'}.`,
      where: place,
      ...(cure === undefined ? {} : { cure }),
    };
  },
};

const EFFECT: Readonly<Record<string, string>> = {
  blackhole: 'it is discarded without an error',
  unreachable: 'it is discarded as unreachable, and a sender elsewhere is told so',
  prohibit: 'it is discarded as prohibited, and a sender elsewhere is told so',
};

interface Forbidden {
  readonly place: Place;
  readonly found: RouteFound;
  readonly destination: string;
  readonly packet: string;
}

const forbids = (found: RouteFound | undefined): found is RouteFound =>
  found !== undefined && EFFECT[found.type] !== undefined && found.uncertain === undefined;

/** The route that forbids, at the gate that stops the packet. */
function forbiddenBy({ situation, topology }: Context): Forbidden | undefined {
  if (situation.kind !== 'stopped') return undefined;
  const { gate, leg } = situation;
  const { place } = gate;
  const reply = leg.kind === 'echo-reply' || (gate.kind === 'route' && gate.purpose === 'reply');
  const packet = reply ? 'echo reply' : 'echo request';
  if (gate.kind === 'route' && forbids(gate.route))
    return { place, found: gate.route, destination: gate.destination, packet };
  // The way back to the source is forbidden: source validation throws the request away already.
  if (gate.kind === 'source' && forbids(gate.result.back))
    return { place, found: gate.result.back, destination: gate.source, packet: 'reply' };
  if (gate.kind !== 'owner' || !gate.assumedOnLink) return undefined;
  // A bound socket's lookup fails on it, and the kernel takes the target to be on the link.
  const namespace = namespaceOf(topology, gate.asker.netns);
  const found = namespace && findRoute(namespace, { destination: gate.target, outputInterface: gate.asker.name });
  return forbids(found) ? { place: gate.asker, found, destination: gate.target, packet: 'echo request' } : undefined;
}

/** Without it, if another route leads there; else a narrower one beside it. */
function release(context: Context, { place, found, destination, packet }: Forbidden): Cure | undefined {
  const gone = withoutRoute(place.netns, found);
  if (gone && context.passes([gone])) return { why: `let the route behind it lead to ${destination}`, changes: [gone] };
  if (packet !== 'echo request') return routeBack(context, place, destination);
  return place.netns === context.query.start.netns
    ? defaultRoute(context, place, segmentAround(context.topology, place))
    : routeOnwards(context, place.netns, destination);
}
