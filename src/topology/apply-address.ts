/**
 * What addresses that come and go do to the model: the kernel makes and takes routes with them (net/ipv4/fib_frontend.c,
 * net/ipv6/addrconf.c).
 */
import { familyBits, familyOf, isLinkLocal } from './address.ts';
import { editLink } from './edit.ts';
import type { Address, Namespace, Route } from './model.ts';
import { prefixAround, prefixContains } from './prefix.ts';

export function addAddress(
  namespace: Namespace,
  device: string,
  { address, prefixLength }: Pick<Address, 'address' | 'prefixLength'>,
): Namespace {
  const scope = isLinkLocal(address) ? 'link' : 'global';
  const added: Address = { family: familyOf(address), address, prefixLength, scope, flags: [] };
  const edited = editLink(namespace, device, (link) => ({ ...link, addresses: [...link.addresses, added] }));
  return withRoutes(edited, device, added);
}

/** The kernel's own routes for an address: local, and the prefix it is in (fib_add_ifaddr, addrconf_prefix_route). */
export function withRoutes(namespace: Namespace, device: string, own: Address): Namespace {
  const { family, address, prefixLength, peer } = own;
  const bits = familyBits(family);
  // IPv6 routes of the kernel's own name no source, and have a metric.
  const route = (table: string, type: string, destination: string): Route => ({
    family,
    table,
    type,
    destination,
    metric: family === 6 && type === 'unicast' ? 256 : 0,
    scope: type === 'local' ? 'host' : 'link',
    protocol: 'kernel',
    ...(family === 4 ? { source: address } : {}),
    nextHops: [{ device, flags: [] }],
  });
  const wanted = [route('local', 'local', `${address}/${bits}`)];
  const link = namespace.links.find(({ name }) => name === device);
  // Of a device that is down only the address itself is local; on lo the whole prefix is.
  if (prefixLength < bits && link?.flags.includes('UP')) {
    const around = prefixAround(peer ?? address, prefixLength);
    wanted.push(
      link.kind === 'loopback' && family === 4 ? route('local', 'local', around) : route('main', 'unicast', around),
    );
  }
  const missing = wanted.filter(
    ({ table, destination }) =>
      !namespace.routes.some(
        (have) => have.table === table && have.destination === destination && have.nextHops[0]?.device === device,
      ),
  );
  return { ...namespace, routes: [...namespace.routes, ...missing] };
}

/**
 * With its last address a device loses all its routes (fib_disable_ip), else those of the address: not what another
 * prefix of the same address still holds (fib_del_ifaddr).
 */
export function deleteAddress(
  namespace: Namespace,
  device: string,
  { address, prefixLength }: Pick<Address, 'address' | 'prefixLength'>,
): Namespace {
  const held = namespace.links.find(({ name }) => name === device)?.addresses ?? [];
  const isIt = (candidate: Address) => candidate.address === address && candidate.prefixLength === prefixLength;
  const secondary = held.find(isIt)?.flags.includes('secondary') ?? true;
  // Its secondary addresses go with a primary one (promote_secondaries is off unless somebody set it).
  const gone = (candidate: Address) =>
    isIt(candidate) ||
    (!secondary &&
      candidate.flags.includes('secondary') &&
      candidate.prefixLength === prefixLength &&
      prefixContains(`${address}/${prefixLength}`, candidate.address));
  const edited = editLink(namespace, device, (link) => ({
    ...link,
    addresses: link.addresses.filter((candidate) => !gone(candidate)),
  }));
  const left = held.filter((candidate) => !gone(candidate));
  const family = familyOf(address);
  const last = family === 4 && left.every((candidate) => candidate.family !== 4);
  const kept = new Set(left.map((candidate) => candidate.address));
  const dropped = new Set(held.filter(gone).map((candidate) => candidate.address));
  const around = prefixAround(address, prefixLength);
  const goes = ({ family: of, table, nextHops, source, destination, protocol }: Route): boolean => {
    if (of !== family || nextHops[0]?.device !== device) return false;
    if (last || (table === 'main' && protocol === 'kernel' && destination === around && !secondary)) return true;
    const owner = [source ?? '', destination.replace(family === 4 ? /\/32$/ : /\/128$/, '')].find((candidate) =>
      dropped.has(candidate),
    );
    return owner !== undefined && !kept.has(owner);
  };
  return { ...edited, routes: edited.routes.filter((route) => !goes(route)) };
}
