/** What a namespace's routing tables answer to rules that ask them (net/ipv4/fib_frontend.c inet_addr_type, net/ipv6/netfilter/nft_fib_ipv6.c). */
import { familyOf, isMulticast, parseAddress } from '../topology/address.ts';
import type { Namespace, Route } from '../topology/model.ts';
import { prefixContains, prefixLength } from '../topology/prefix.ts';
import { findRoute } from './fib.ts';
import type { FibAnswers } from './ruleset.ts';

export function fibAnswers(namespace: Namespace): FibAnswers {
  return {
    addressType: (address, device) => addressType(namespace, address, device),
    reaches: (address, from, device) => reaches(namespace, address, from, device),
  };
}

/** Over IPv4 the route is looked up first, and then whether it uses the device; over IPv6 only routes by it count. */
function reaches(namespace: Namespace, destination: string, source: string, device?: string): boolean | undefined {
  const bound = device !== undefined && familyOf(destination) === 6 ? { outputInterface: device } : {};
  const found = findRoute(namespace, { destination, source, ...bound });
  if (found?.uncertain !== undefined) return undefined;
  if (found?.type !== 'unicast' && found?.type !== 'local') return false;
  return device === undefined || found.route.nextHops.some((hop) => hop.device === device);
}

/** Only the table `local` is asked: whatever it does not know is unicast. */
function addressType(namespace: Namespace, address: string, device: string | undefined): string | undefined {
  const parsed = parseAddress(address);
  if (!parsed) return undefined;
  if (isMulticast(parsed)) return 'multicast';
  if (address === '255.255.255.255' || (parsed.family === 4 && parsed.value >> 24n === 0n)) return 'broadcast';
  const best = narrowest(namespace, address);
  if (best && (device === undefined || best.nextHops.some((hop) => hop.device === device))) return best.type;
  if (parsed.family === 4) return 'unicast';
  return findRoute(namespace, { destination: address })?.type ?? 'unreachable';
}

function narrowest({ routes }: Namespace, address: string): Route | undefined {
  const family = familyOf(address);
  return routes
    .filter((route) => route.family === family && route.table === 'local' && prefixContains(route.destination, address))
    .sort((a, b) => prefixLength(b.destination) - prefixLength(a.destination))[0];
}
