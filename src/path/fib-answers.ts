/** What a namespace's routing tables answer to rules that ask them (net/ipv4/fib_frontend.c inet_addr_type, net/ipv6/netfilter/nft_fib_ipv6.c). */
import { familyOf, isMulticast, parseAddress } from '../topology/address.ts';
import type { Namespace, Route } from '../topology/model.ts';
import { prefixContains, prefixLength } from '../topology/prefix.ts';
import { findRoute } from './fib.ts';
import type { FibAnswers, FibAsked } from './ruleset.ts';

export function fibAnswers(namespace: Namespace): FibAnswers {
  return {
    addressType: (address, device) => addressType(namespace, address, device),
    deviceTo: (address, from, asked) => deviceTo(namespace, address, from, asked),
  };
}

/** Over IPv4 the route is looked up first, and then whether it uses the device; over IPv6 only routes by it count. */
function deviceTo(
  namespace: Namespace,
  destination: string,
  source: string,
  { device, mark, local }: FibAsked,
): string | undefined {
  const bound = device !== undefined && familyOf(destination) === 6 ? { outputInterface: device } : {};
  const found = findRoute(namespace, { destination, source, ...bound, ...(mark === undefined ? {} : { mark }) });
  const hops = found?.route.nextHops ?? [];
  const uses = device === undefined || hops.some((hop) => hop.device === device);
  const reached = (found?.type === 'unicast' || (local === true && found?.type === 'local')) && uses;
  // Of several next hops each counts as used.
  if (found?.uncertain !== undefined && (!reached || hops.length < 2 || device === undefined)) return undefined;
  if (!reached) return 'none';
  return device ?? found?.device;
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
