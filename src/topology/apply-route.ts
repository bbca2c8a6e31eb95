/** What a route that is set does to the model. */
import { familyOf } from './address.ts';
import type { RouteChange } from './change.ts';
import type { Namespace, Route } from './model.ts';
import { prefixAround } from './prefix.ts';

/** `route-replace` takes the place of one with the same prefix, table and metric; `route-add` stands beside what is there. */
export function applyRouteChange(namespace: Namespace, change: RouteChange): Namespace {
  return {
    ...namespace,
    routes: [
      ...namespace.routes.filter(
        ({ destination, table, family, metric }) =>
          change.kind === 'route-add' ||
          destination !== change.destination ||
          table !== (change.table ?? 'main') ||
          family !== familyOf(change.destination.replace(/\/.*$/, '')) ||
          metric !== (change.metric ?? 0),
      ),
      routeFor(namespace, change),
    ],
  };
}

function routeFor(namespace: Namespace, change: RouteChange): Route {
  const { destination, gateway, device } = change;
  const family = familyOf(destination.replace(/\/.*$/, ''));
  return {
    family,
    table: change.table ?? 'main',
    type: 'unicast',
    destination,
    // IPv6 gives a route that has none this one (IP6_RT_PRIO_USER).
    metric: change.metric ?? (family === 6 ? 1024 : 0),
    ...(change.source === undefined ? {} : { source: change.source }),
    ...(change.mtu === undefined ? {} : { mtu: change.mtu }),
    scope: gateway === undefined ? 'link' : 'global',
    protocol: 'boot',
    nextHops: [
      {
        ...(gateway === undefined ? {} : { gateway }),
        device: device ?? deviceTowards(namespace, gateway) ?? '',
        flags: change.onLink ? ['onlink'] : [],
      },
    ],
  };
}

function deviceTowards(namespace: Namespace, gateway: string | undefined): string | undefined {
  return namespace.links.find(({ addresses }) =>
    addresses.some(
      ({ family, address, prefixLength }) =>
        gateway !== undefined &&
        family === familyOf(gateway) &&
        prefixAround(address, prefixLength) === prefixAround(gateway, prefixLength),
    ),
  )?.name;
}
