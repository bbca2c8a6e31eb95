/** Looking up an IPv6 route in one table (net/ipv6/route.c rt6_select, ip6_fib.c), and the source address that goes with it (RFC 6724). */
import { isLinkLocal, parseAddress } from '../topology/address.ts';
import type { Address, Namespace, Route } from '../topology/model.ts';
import { prefixContains, prefixLength } from '../topology/prefix.ts';
import type { RouteFound, RouteQuery } from './fib.ts';

type Hop = Route['nextHops'][number];

/** A route, and those of its next hops that may be taken. */
interface Candidate {
  readonly route: Route;
  readonly hops: readonly Hop[];
}

/**
 * The longest prefix whose routes may be taken; among them the lowest metric, and of equals one by the near device.
 * Unlike in IPv4, a route that a bound socket cannot take gives way to a wider one, and so does one that forbids.
 */
export function lookUp6(namespace: Namespace, table: string, query: RouteQuery): RouteFound | undefined {
  const { destination, inputInterface, nearInterface } = query;
  const device = query.outputInterface ?? (isStrict(destination) ? (inputInterface ?? nearInterface) : undefined);
  const candidates = namespace.routes
    .filter((route) => route.family === 6 && route.table === table && route.type !== 'multicast')
    .filter((route) => prefixContains(route.destination, destination))
    .flatMap((route): Candidate[] => {
      const hops = route.nextHops.filter((hop) => isUsable(namespace, hop) && (!device || hop.device === device));
      return hops.length === 0 && (device !== undefined || route.nextHops.length > 0) ? [] : [{ route, hops }];
    })
    .sort(
      (a, b) =>
        prefixLength(b.route.destination) - prefixLength(a.route.destination) || a.route.metric - b.route.metric,
    );
  const [first] = candidates;
  if (!first) return undefined;
  const equal = mostPreferred(
    candidates.filter(
      ({ route }) => route.destination === first.route.destination && route.metric === first.route.metric,
    ),
  );
  const near = inputInterface ?? nearInterface;
  const nearby = equal.filter(({ hops }) => near !== undefined && hops.some((hop) => hop.device === near));
  const [best = equal[0] ?? first, ...others] = nearby.length > 0 ? nearby : equal;
  return foundIn(best, others.length > 0 ? others.length + 1 : best.hops.length, namespace, candidates);
}

/** The preference that routers advertise of themselves weighs more than the device (rt6_score_route). */
function mostPreferred(equal: readonly Candidate[]): readonly Candidate[] {
  // Others of equal metric become the next hops of one route, whatever their preference (rt6_qualify_for_ecmp).
  if (equal.some(({ route }) => route.protocol !== 'ra')) return equal;
  const rank = ({ route }: Candidate) => (route.preference === 'high' ? 1 : route.preference === 'low' ? -1 : 0);
  const best = Math.max(...equal.map(rank));
  return equal.filter((candidate) => rank(candidate) === best);
}

/** What is for one link, or for the namespace itself, goes by no other device (rt6_need_strict). */
function isStrict(destination: string): boolean {
  return isLinkLocal(destination) || destination === '::1';
}

function foundIn(
  { route, hops }: Candidate,
  ways: number,
  namespace: Namespace,
  candidates: readonly Candidate[],
): RouteFound {
  const [hop] = hops;
  const uncertain =
    ways > 1
      ? `${route.destination} has ${ways} next hops`
      : candidates.length > 1 && isSilent(namespace, hop)
        ? `${hop?.gateway} did not answer before, and there is another route`
        : undefined;
  return {
    route,
    // An anycast address is one's own like any other.
    type: route.type === 'anycast' ? 'local' : route.type,
    ...(hop?.device === undefined || FORBIDS.has(route.type) ? {} : { device: hop.device }),
    ...(hop?.gateway === undefined ? {} : { gateway: hop.gateway }),
    ...(route.source === undefined ? {} : { source: route.source }),
    ...(uncertain === undefined ? {} : { uncertain }),
  };
}

const FORBIDS: ReadonlySet<string> = new Set(['unreachable', 'prohibit', 'blackhole', 'throw']);

function isUsable({ links }: Namespace, { device, flags }: Hop): boolean {
  if (flags.includes('dead')) return false;
  const ignores = links.find(({ name }) => name === device)?.ipv6.ignore_routes_with_linkdown === 1;
  return !(ignores && flags.includes('linkdown'));
}

/** A host looks for another router when one does not answer (rt6_check_neigh, find_rr_leaf). */
function isSilent({ neighbours, sysctls }: Namespace, hop: Hop | undefined): boolean {
  if (hop?.gateway === undefined || sysctls['ipv6.conf.all.forwarding'] === 1) return false;
  return neighbours.some(
    ({ address, device, state }) => address === hop.gateway && device === hop.device && state === 'FAILED',
  );
}

/** A `local` or `anycast` route is there for it. */
export function isLocal6(namespace: Namespace, address: string, device?: string): boolean {
  return namespace.routes.some(
    ({ family, table, type, destination, nextHops }) =>
      family === 6 &&
      table === 'local' &&
      (type === 'local' || type === 'anycast') &&
      prefixContains(destination, address) &&
      (device === undefined || !isLinkLocal(address) || nextHops.some((hop) => hop.device === device)),
  );
}

/** An address that answers and sends: one that is not sure to be the only one does neither (RFC 4862). */
export function isPreferred({ flags }: Address): boolean {
  return !flags.includes('dadfailed') && (!flags.includes('tentative') || flags.includes('optimistic'));
}

/**
 * Source address selection as far as addresses alone decide (ipv6_dev_get_saddr): the address itself, scope, not deprecated,
 * on the device, of the same kind, sharing the longest prefix.
 */
export function chooseSource6(namespace: Namespace, device: string, destination: string): string | undefined {
  const wanted = scopeOf(destination);
  const own = namespace.links.flatMap((link) =>
    link.addresses
      .filter((address) => address.family === 6 && isPreferred(address))
      // What is for one link is sent from an address of that link.
      .filter(() => link.name === device || wanted > LINK_SCOPE)
      .map((address) => ({ address, here: link.name === device })),
  );
  const ranks = own.map(({ address, here }) => {
    const scope = scopeOf(address.address);
    return {
      address: address.address,
      rank: [
        address.address === destination ? 1 : 0,
        scope >= wanted ? 32 - scope : scope,
        address.flags.includes('deprecated') ? 0 : 1,
        here ? 1 : 0,
        labelOf(address.address) === labelOf(destination) ? 1 : 0,
        Math.min(sharedBits(address.address, destination), address.prefixLength),
      ],
    };
  });
  return ranks.sort((a, b) => firstDifference(b.rank, a.rank))[0]?.address;
}

function firstDifference(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) if (value !== b[index]) return value - (b[index] ?? 0);
  return 0;
}

const HOST_SCOPE = 1;
const LINK_SCOPE = 2;
const GLOBAL_SCOPE = 14;

/** RFC 4291 section 2.7, of unicast addresses. Unique local addresses have global scope (RFC 4193). */
function scopeOf(address: string): number {
  return address === '::1' ? HOST_SCOPE : isLinkLocal(address) ? LINK_SCOPE : GLOBAL_SCOPE;
}

/** The policy table that the kernel starts with (net/ipv6/addrlabel.c), without what IPv4 and its transitions have in it. */
function labelOf(address: string): string {
  return ['fc00::/7', '2002::/16', '2001::/32', '::1/128'].find((prefix) => prefixContains(prefix, address)) ?? '::/0';
}

function sharedBits(one: string, other: string): number {
  const [a, b] = [parseAddress(one), parseAddress(other)];
  if (!a || !b) return 0;
  const difference = a.value ^ b.value;
  return 128 - (difference === 0n ? 0 : difference.toString(2).length);
}
