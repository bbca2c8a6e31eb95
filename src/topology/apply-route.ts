/** What a route that is set does to the model. */
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
          family !== 4 ||
          metric !== (change.metric ?? 0),
      ),
      routeFor(namespace, change),
    ],
  };
}

function routeFor(namespace: Namespace, change: RouteChange): Route {
  const { destination, gateway, device } = change;
  return {
    family: 4,
    table: change.table ?? 'main',
    type: 'unicast',
    destination,
    metric: change.metric ?? 0,
    ...(change.source === undefined ? {} : { source: change.source }),
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
        family === 4 &&
        gateway !== undefined &&
        prefixAround(address, prefixLength) === prefixAround(gateway, prefixLength),
    ),
  )?.name;
}
