/** Routes that would lead a packet on: by a router the sender, or another router, shares a segment with. */
import { type Family, familyBits, familyOf, isLinkLocal } from '../topology/address.ts';
import type { Change } from '../topology/change.ts';
import type { NetnsId, Topology } from '../topology/model.ts';
import { prefixAround } from '../topology/prefix.ts';
import { addressesOf, linkOf, namespaceOf, ownersOf } from '../topology/query.ts';
import type { Place } from '../trace/frame.ts';
import { gatewaysOf, routersAmong, segmentOf } from './routers.ts';
import type { Context, Cure } from './rule.ts';
import { isOnLink } from './segment.ts';

/** Who hears what an interface broadcasts. */
export function segmentAround(topology: Topology, { netns, name }: Place): Place[] {
  const namespace = namespaceOf(topology, netns);
  const link = namespace?.links.find((candidate) => candidate.name === name);
  return namespace && link ? segmentOf(topology, { namespace, link }) : [];
}

/** A default route by a router of the segment, if the model's packet then gets on. */
export function defaultRoute(context: Context, asker: Place, reached: readonly Place[]): Cure | undefined {
  const { topology } = context;
  const namespace = namespaceOf(topology, asker.netns);
  if (!namespace) return undefined;
  const family = familyOf(context.query.destination);
  const gateways = routersAmong(topology, asker.netns, reached, family)
    .flatMap((router) => gatewaysOf(router, family))
    .filter((address) => isOnLink(topology, asker, address));
  // Where there is a default route already, only the target's own network is missing.
  const everything = family === 6 ? '::/0' : '0.0.0.0/0';
  const hasDefault = namespace.routes.some(
    (route) => route.family === family && route.table === 'main' && route.destination === everything,
  );
  const destination = hasDefault ? networkAround(topology, context.query.destination) : everything;
  const attempts = gateways.map((gateway): Change[] => [
    { kind: 'route-add', netns: asker.netns, destination, gateway, ...by(gateway, asker.name) },
  ]);
  const changes = context.best(attempts);
  return changes && { why: 'the router of this segment leads there', changes };
}

/** At a router: a route to an address's network by whoever has it, or by another router, on a segment they share, if the packet then gets on. */
export function routeOnwards(context: Context, netns: NetnsId, address: string): Cure | undefined {
  const destination = networkAround(context.topology, address);
  const led = (hops: readonly NextRouter[]) =>
    context.best(hops.map((hop): Change[] => [{ kind: 'route-add', netns, destination, ...hop }]));
  const near = led(ownersBeside(context.topology, netns, address));
  if (near) return { why: 'whoever has that address shares a segment with it', changes: near };
  const changes = led(gatewaysFrom(context.topology, netns, familyOf(address)));
  return changes && { why: 'a router it shares a segment with leads there', changes };
}

/** What a router may name as its next hop. */
interface NextRouter {
  readonly gateway: string;
  /** Where the gateway alone does not say it: a link-local one. */
  readonly device?: string;
}

/** The addresses of routers that a namespace shares a segment with. */
export function gatewaysFrom(topology: Topology, netns: NetnsId, family: Family): NextRouter[] {
  const namespace = namespaceOf(topology, netns);
  if (!namespace) return [];
  return namespace.links
    .filter((link) => link.kind !== 'loopback' && addressesOf(link, family).length > 0)
    .flatMap((link) =>
      routersAmong(topology, netns, segmentOf(topology, { namespace, link }), family)
        .flatMap((router) => gatewaysOf(router, family))
        .filter((address) => isOnLink(topology, { netns, name: link.name }, address))
        .map((gateway) => ({ gateway, ...by(gateway, link.name) })),
    );
}

/** Other addresses, on a segment that a namespace is on as well, of who has this one. */
function ownersBeside(topology: Topology, netns: NetnsId, address: string): NextRouter[] {
  const family = familyOf(address);
  const namespace = namespaceOf(topology, netns);
  const owners = new Set(ownersOf(topology, address).map((owner) => owner.namespace.id));
  if (!namespace || owners.has(netns)) return [];
  return namespace.links
    .filter((link) => link.kind !== 'loopback' && addressesOf(link, family).length > 0)
    .flatMap((link) =>
      segmentOf(topology, { namespace, link })
        .filter((place) => owners.has(place.netns))
        .flatMap((place) => {
          const near = linkOf(topology, place);
          return near ? addressesOf(near, family).map((own) => own.address) : [];
        })
        .filter((gateway) => gateway !== address && isOnLink(topology, { netns, name: link.name }, gateway))
        .map((gateway) => ({ gateway, ...by(gateway, link.name) })),
    );
}

/** A link-local gateway is one on this device. */
function by(gateway: string, device: string): { device?: string } {
  return isLinkLocal(gateway) ? { device } : {};
}

/** The network an address is in, as its owner's interface has it; the address alone where that is not known. */
export function networkAround(topology: Topology, address: string): string {
  return prefixAround(address, ownersOf(topology, address)[0]?.address.prefixLength ?? familyBits(familyOf(address)));
}
