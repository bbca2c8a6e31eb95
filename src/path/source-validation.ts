/**
 * Source validation: would the kernel take a packet with this source address in by this device?
 * fib_validate_source, net/ipv4/fib_frontend.c. It decides IP input, and inside arp_process whether a request is answered.
 */
import type { Link, Namespace } from '../topology/model.ts';
import { addressesOf, ipv4Setting } from '../topology/query.ts';
import { findRoute, isLocal, type RouteFound } from './fib.ts';

export interface SourceVerdict {
  readonly verdict: 'pass' | 'stop' | 'unknown';
  /**
   * `local-source`: the source is the namespace's own address and accept_local is off.
   * `reverse-path`: the way back goes by another device. `no-return-route`: there is no way back at all.
   * `invalid-source`: the way back is a broadcast, a blackhole or the like.
   */
  readonly reason?: 'local-source' | 'reverse-path' | 'no-return-route' | 'invalid-source';
  /** Effective rp_filter: the maximum of `all` and the device's. */
  readonly rpFilter: number | undefined;
  readonly acceptLocal: number | undefined;
  /** The route back to the source. */
  readonly back?: RouteFound;
}

/**
 * @param outDevice where a packet to somebody else would leave; absent for what the namespace takes itself, and for ARP
 * @param mark what rules wrote on the packet: it counts with src_valid_mark alone
 */
export function validateSource(
  namespace: Namespace,
  link: Link,
  source: string,
  destination: string,
  outDevice?: string,
  mark?: number | 'unknown',
): SourceVerdict {
  const rpFilter = ipv4Setting(namespace, link, 'rp_filter');
  const acceptLocal = ipv4Setting(namespace, link, 'accept_local');
  const settings = { rpFilter, acceptLocal };
  if (rpFilter === undefined || acceptLocal === undefined) return { verdict: 'unknown', ...settings };
  // An address probe (RFC 5227) has no source to validate.
  if (source === '0.0.0.0') return { verdict: 'pass', ...settings };
  // The reverse lookup pretends that the answer comes in by the device the packet would leave by, or from this namespace.
  const marked = mark !== undefined && ipv4Setting(namespace, link, 'src_valid_mark') === 1;
  const back = findRoute(namespace, {
    destination: source,
    source: destination,
    ...(marked ? { mark } : {}),
    ...(outDevice === undefined ? {} : { inputInterface: outDevice }),
  });
  const found = back ? { ...settings, back } : settings;
  const local = isLocal(namespace, source);
  if (local && acceptLocal === 0) return { verdict: 'stop', reason: 'local-source', ...found };
  if (rpFilter === 0) return { verdict: 'pass', ...found };
  if (!back) return { verdict: 'stop', reason: 'no-return-route', ...found };
  if (back.type !== 'unicast' && back.type !== 'local')
    return { verdict: back.uncertain ? 'unknown' : 'stop', reason: 'invalid-source', ...found };
  if (usesDevice(back, link)) return { verdict: 'pass', ...found };
  // Loose mode asks only that a route exists, but a device without any address trusts nobody (no_addr: last_resort).
  const strict = rpFilter === 1 || addressesOf(link, 4).length === 0;
  if (!strict) return { verdict: back.uncertain ? 'unknown' : 'pass', ...found };
  return { verdict: back.uncertain ? 'unknown' : 'stop', reason: 'reverse-path', ...found };
}

/** fib_info_nh_uses_dev: any next hop of the route counts, not only the chosen one. */
function usesDevice(back: RouteFound, link: Link): boolean {
  return back.route.nextHops.some(({ device }) => device === link.name);
}
