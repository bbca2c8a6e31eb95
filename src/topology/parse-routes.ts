/** `ip -4|-6 -j -d route show table all` (ip-route(8)). */
import { canonicalAddress, type Family, formatPrefix, parsePrefix } from './address.ts';
import { child, field, has, integer, type JsonObject, objects, strings, text } from './json.ts';
import type { Route } from './model.ts';
import { routeMtu } from './parse-path-mtus.ts';

/**
 * Routes as printed; `skipped` counts those with a selector (TOS, source prefix) that the model cannot hold.
 * @param locked positions of routes whose MTU is locked
 */
export function parseRoutes(
  json: unknown,
  family: Family,
  locked: ReadonlySet<number> = new Set(),
): { routes: Route[]; skipped: number } {
  const routes: Route[] = [];
  let skipped = 0;
  for (const [index, entry] of objects(json).entries()) {
    const destination = routeDestination(text(entry, 'dst'), family);
    if (destination === undefined) continue;
    if (has(entry, 'tos') || has(entry, 'from')) skipped++;
    else routes.push({ ...parseRoute(entry, family, destination), ...(locked.has(index) && { mtuLocked: true }) });
  }
  return { routes, skipped };
}

function parseRoute(entry: JsonObject, family: Family, destination: string): Route {
  const source = canonicalAddress(text(entry, 'prefsrc') ?? text(entry, 'src') ?? '');
  const mtu = routeMtu(entry);
  const nexthopId = integer(entry, 'nhid');
  const preference = text(entry, 'pref');
  const multipath = objects(field(entry, 'nexthops'));
  const single = has(entry, 'dev') || has(entry, 'gateway') || has(entry, 'via') ? [entry] : [];
  return {
    family,
    table: text(entry, 'table') ?? String(integer(entry, 'table') ?? 'main'),
    type: text(entry, 'type') ?? 'unicast',
    destination,
    metric: integer(entry, 'metric') ?? 0,
    scope: text(entry, 'scope') ?? 'global',
    protocol: text(entry, 'protocol') ?? String(integer(entry, 'protocol') ?? 'boot'),
    ...(source !== undefined && { source }),
    ...(mtu !== undefined && { mtu }),
    ...((preference === 'low' || preference === 'high') && { preference }),
    ...(nexthopId !== undefined && { nexthopId }),
    nextHops: (multipath.length > 0 ? multipath : single).map(parseNextHop),
  };
}

/** An IPv4 route through an IPv6 next hop has `via` instead of `gateway` (RFC 5549). */
function parseNextHop(entry: JsonObject): Route['nextHops'][number] {
  const gateway = canonicalAddress(text(entry, 'gateway') ?? text(child(entry, 'via'), 'host') ?? '');
  const device = text(entry, 'dev');
  return {
    ...(gateway !== undefined && { gateway }),
    ...(device !== undefined && { device }),
    flags: strings(entry, 'flags'),
  };
}

/** "default" and a bare address written as the prefixes they are; undefined for another family or no prefix. */
function routeDestination(destination: string | undefined, family: Family): string | undefined {
  if (destination === 'default' || destination === 'all') return family === 4 ? '0.0.0.0/0' : '::/0';
  const prefix = parsePrefix(destination ?? '');
  return prefix?.family === family ? formatPrefix(prefix) : undefined;
}
