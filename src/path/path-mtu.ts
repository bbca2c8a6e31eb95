/** Which MTU counts for a packet: that of the device, of its route, or of what the sender was told of the path. */
import { type Family, familyOf } from '../topology/address.ts';
import type { Namespace } from '../topology/model.ts';
import type { RouteFound } from './fib.ts';
import type { Port } from './world.ts';

export interface RoutedMtu {
  /** Bytes. */
  readonly mtu: number;
  /** `learnt`: an earlier ICMP error said so, and the kernel remembers it. */
  readonly of: 'device' | 'route' | 'learnt';
  /** Nothing that is sent by it need stay whole (ip_dont_fragment, include/net/ip.h). */
  readonly locked: boolean;
}

/** The least MTU that IPv6 links may have (RFC 8200 section 5), and that a router tells of. */
const IPV6_LEAST = 1280;

/** net.ipv6.conf.DEV.mtu, which a router advertisement may make smaller than the device's. */
function ownMtu({ link }: Port, family: Family): number {
  return family === 6 ? (link.ipv6.mtu ?? link.mtu) : link.mtu;
}

/** Whatever is known of routes and paths. */
export function deviceMtu(port: Port, destination: string): RoutedMtu {
  return { mtu: ownMtu(port, familyOf(destination)), of: 'device', locked: false };
}

/** What an IPv4 socket has when nobody asks for anything else (inet_create, net/ipv4/af_inet.c). */
export function discoveryOf({ sysctls }: Namespace): 'want' | 'dont' {
  return (sysctls['ipv4.ip_no_pmtu_disc'] ?? 0) === 0 ? 'want' : 'dont';
}

/** What an ICMP error has taught this namespace of the path. */
function learntMtu({ namespace, link }: Port, destination: string) {
  return namespace.pathMtus?.find(
    (learnt) => learnt.destination === destination && (learnt.device === undefined || learnt.device === link.name),
  );
}

/** What a stack sends itself is cut to (ip_skb_dst_mtu, ip6_skb_dst_mtu). */
export function senderMtu(port: Port, destination: string, route: RouteFound | undefined): RoutedMtu {
  const own = ownMtu(port, familyOf(destination));
  const locked = route?.route.mtuLocked === true;
  const learnt = learntMtu(port, destination);
  // What was learnt is never more than what the route allowed then; a locked route learns nothing.
  if (learnt && !locked && learnt.mtu < (route?.route.mtu ?? own))
    return { mtu: learnt.mtu, of: 'learnt', locked: learnt.locked };
  const given = route?.route.mtu;
  return given === undefined ? { mtu: own, of: 'device', locked } : { mtu: given, of: 'route', locked };
}

/** What a router passes on (ip_dst_mtu_maybe_forward, ip6_dst_mtu_maybe_forward). */
export function routerMtu(port: Port, destination: string, route: RouteFound | undefined): RoutedMtu {
  const family = familyOf(destination);
  const own = ownMtu(port, family);
  const given = route?.route.mtu;
  const locked = route?.route.mtuLocked === true;
  if (family === 6) {
    const mtu = locked && given !== undefined ? given : own;
    return { mtu: Math.max(mtu, IPV6_LEAST), of: mtu === own ? 'device' : 'route', locked };
  }
  const learnt = trustsErrors(port.namespace) ? learntMtu(port, destination) : undefined;
  if (learnt && learnt.mtu < (given ?? own)) return { mtu: learnt.mtu, of: 'learnt', locked };
  return given === undefined ? { mtu: own, of: 'device', locked } : { mtu: given, of: 'route', locked };
}

/** A router believes what it was told of paths only where it is told to (net.ipv4.ip_forward_use_pmtu). */
function trustsErrors({ sysctls }: Namespace): boolean {
  return (sysctls['ipv4.ip_forward_use_pmtu'] ?? 0) !== 0;
}
