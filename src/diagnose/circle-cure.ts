/** Packets that are sent in a circle: the one route that would lead them out of it. */
import { expectPath } from '../path/expect.ts';
import type { RouteGate } from '../path/gate.ts';
import type { Leg, Step } from '../path/model.ts';
import { familyOf } from '../topology/address.ts';
import { applyChanges } from '../topology/apply-changes.ts';
import type { Change } from '../topology/change.ts';
import { netnsName } from '../topology/naming.ts';
import { prefixLength } from '../topology/prefix.ts';
import { reaches, withoutRoute } from './detour.ts';
import type { Context, Cure } from './rule.ts';
import { gatewaysFrom, networkAround } from './way-onwards.ts';

/**
 * Of the routes that the routers of the circle could have instead, or could do without, the one after which the packet
 * comes to its destination and fewest gates stop it. None where the destination is nobody's: then no route is right.
 */
export function circleCure(context: Context): Cure | undefined {
  const { situation, topology, query, path } = context;
  if (situation.kind !== 'stopped') return undefined;
  const { kind } = situation.leg;
  const way = kind === 'echo-reply' ? 'back' : 'there';
  const attempts = decisions(path.legs.filter((leg) => leg.kind === kind))
    .flatMap((gate) => routesInstead(context, gate))
    .filter((changes) => reaches(expectPath(applyChanges(topology, changes), query), way));
  const changes = context.best(attempts);
  const [change] = changes ?? [];
  if (!changes || !change) return undefined;
  const who = netnsName(topology, 'at' in change ? change.at.netns : change.netns);
  return {
    why:
      change.kind === 'route-del' || change.kind === 'rule-del'
        ? `without it ${who} leads on to ${situation.leg.destination}`
        : `the way from ${who} to ${situation.leg.destination} is by ${'gateway' in change ? change.gateway : 'another router'}`,
    changes,
  };
}

/** What each router decides for the packet, the last one first: it is nearest to the destination. */
function decisions(legs: readonly Leg[]): RouteGate[] {
  const seen = new Set<string>();
  return legs
    .flatMap(({ steps }) => steps)
    .flatMap((step: Step) => (step.kind === 'gate' && step.gate.kind === 'route' ? [step.gate] : []))
    .filter(({ purpose, place }) => {
      if (purpose !== 'forward' || seen.has(place.netns)) return false;
      seen.add(place.netns);
      return true;
    })
    .reverse();
}

function routesInstead({ topology }: Context, { route, place, destination }: RouteGate): Change[][] {
  if (!route || route.uncertain !== undefined) return [];
  const { netns } = place;
  const network = networkAround(topology, destination);
  const taken = route.route;
  // A route for more than this network stays what it is for the rest of it.
  const wider = prefixLength(taken.destination) < prefixLength(network);
  const away = wider ? undefined : withoutRoute(netns, route);
  const instead = gatewaysFrom(topology, netns, familyOf(destination)).map((hop): Change[] => [
    wider
      ? { kind: 'route-add', netns, destination: network, ...hop }
      : {
          kind: 'route-replace',
          netns,
          destination: taken.destination,
          table: taken.table,
          metric: taken.metric,
          ...hop,
        },
  ]);
  return [...(away ? [[away]] : []), ...instead];
}
