/** Looking up an IPv4 route in one table (net/ipv4/fib_trie.c fib_table_lookup). */
import type { Namespace, Route } from '../topology/model.ts';
import { prefixContains, prefixLength } from '../topology/prefix.ts';
import type { RouteFound, RouteQuery } from './fib.ts';

/** Routes that end a packet. They have no next hop, or that of a nexthop object: a bound socket meets them as well. */
export const FORBIDDING: readonly string[] = ['unreachable', 'prohibit', 'blackhole'];

/** The longest prefix, and of that the lowest metric, among those with a next hop that may be taken. */
export function lookUp4(namespace: Namespace, table: string, query: RouteQuery): RouteFound | undefined {
  const covering = namespace.routes
    .filter(
      (route) => route.family === 4 && route.table === table && prefixContains(route.destination, query.destination),
    )
    .sort((a, b) => prefixLength(b.destination) - prefixLength(a.destination) || a.metric - b.metric);
  let missed: string | undefined;
  for (const route of covering) {
    if (route.destination === missed) continue;
    const hops = usable(route, query);
    if (hops) return found(route, hops);
    // Where the next hops of a nexthop object do not fit, no other metric of the prefix is tried (the label miss).
    if (route.nexthopId !== undefined) missed = route.destination;
  }
  return undefined;
}

/** Undefined where none of its next hops may be taken. */
function usable({ type, nextHops }: Route, { outputInterface }: RouteQuery): Route['nextHops'] | undefined {
  if (FORBIDDING.includes(type) || nextHops.length === 0) return [];
  const hops = nextHops.filter(
    ({ flags, device }) => !flags.includes('dead') && (outputInterface === undefined || device === outputInterface),
  );
  return hops.length > 0 ? hops : undefined;
}

function found(route: Route, hops: Route['nextHops']): RouteFound {
  const [hop] = hops;
  return {
    route,
    type: route.type,
    ...(hop?.device === undefined ? {} : { device: hop.device }),
    ...(hop?.gateway === undefined ? {} : { gateway: hop.gateway }),
    ...(route.source === undefined ? {} : { source: route.source }),
    ...(hops.length > 1 ? { uncertain: `${route.destination} has ${hops.length} next hops` } : {}),
  };
}
