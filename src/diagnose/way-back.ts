/** A route that would lead replies back to the sender. */
import type { Step } from '../path/model.ts';
import { familyBits, familyOf, isLinkLocal } from '../topology/address.ts';
import type { Change } from '../topology/change.ts';
import { netnsName } from '../topology/naming.ts';
import { prefixAround } from '../topology/prefix.ts';
import { addressesOf, linkOf, namespaceOf, ownersOf } from '../topology/query.ts';
import type { Place } from '../trace/frame.ts';
import type { Context, Cure } from './rule.ts';
import { isOnLink } from './segment.ts';

/** A route to the sender's network by the router the request came from, or on the link where it came directly. */
export function routeBack(context: Context, at: Place, sender: string): Cure | undefined {
  const { topology, path, query } = context;
  const network = networkOf(context, sender);
  const isArrival = (step: Step) => step.kind === 'place' && step.place.netns === at.netns && step.direction === 'in';
  const arriving = path.legs.findLast((leg) => leg.kind === 'echo-request' && leg.steps.some(isArrival));
  const from = arriving?.steps.find((step) => step.kind === 'place');
  const last = arriving?.steps.findLast(isArrival);
  const by = last?.kind === 'place' ? { place: stackOf(context, last.place) } : undefined;
  const router = from?.kind === 'place' ? linkOf(topology, from.place) : undefined;
  const gateway =
    by && router
      ? addressesOf(router, familyOf(sender)).find(({ address }) => isOnLink(topology, by.place, address))?.address
      : undefined;
  // One that leads elsewhere makes way: of one network there are no two.
  const taken = namespaceOf(topology, at.netns)?.routes.find(
    (route) => route.table === 'main' && route.destination === network,
  );
  const direct = from?.kind === 'place' && from.place.netns === query.start.netns;
  const change: Change | undefined =
    gateway !== undefined && gateway !== sender
      ? {
          ...(taken === undefined
            ? { kind: 'route-add' as const }
            : { kind: 'route-replace' as const, metric: taken.metric }),
          netns: at.netns,
          destination: network,
          gateway,
          ...(isLinkLocal(gateway) && by ? { device: by.place.name } : {}),
        }
      : direct
        ? {
            kind: 'route-add',
            netns: at.netns,
            destination: `${sender}/${familyBits(familyOf(sender))}`,
            device: at.name,
          }
        : undefined;
  return change && context.passes([change])
    ? { why: `tell ${netnsName(topology, at.netns)} the way back`, changes: [change] }
    : undefined;
}

/** What comes in by a bridge's port comes to the bridge's stack: routes name the bridge. */
function stackOf({ topology }: Context, place: Place): Place {
  const master = linkOf(topology, place)?.master;
  const bridge = namespaceOf(topology, place.netns)?.links.find(({ index }) => index === master);
  return bridge?.kind === 'bridge' ? { netns: place.netns, name: bridge.name } : place;
}

/** The network the sender's address is in, as its own interface has it. */
function networkOf({ topology, query }: Context, sender: string): string {
  const own = ownersOf(topology, sender).find(({ namespace }) => namespace.id === query.start.netns)?.address;
  return prefixAround(sender, own?.prefixLength ?? familyBits(familyOf(sender)));
}
