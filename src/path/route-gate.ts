/** The gate of a routing decision, and the command that asks the kernel for it as the packet does. */
import { familyOf } from '../topology/address.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import { type RouteFound, type RouteQuery, routeText } from './fib.ts';
import type { RouteGate } from './gate.ts';
import { type Port, placeOf, type World } from './world.ts';

/** @param asked what was asked for beside the destination: the command names it where a policy rule decided */
export function routeGate(
  world: World,
  port: Port,
  purpose: RouteGate['purpose'],
  source: string,
  destination: string,
  route: RouteFound | undefined,
  asked: Omit<RouteQuery, 'destination'> = {},
): RouteGate {
  const { topology } = world;
  const place = placeOf(port);
  const usable = route !== undefined && route.type === 'unicast';
  return {
    kind: 'route',
    place,
    purpose,
    source,
    destination,
    ...(route === undefined ? {} : { route }),
    verdict: route?.uncertain !== undefined ? 'unknown' : usable ? 'pass' : 'stop',
    facts: [
      {
        text: route
          ? `the route to ${destination} is ${routeText(route)}${route.uncertain === undefined ? '' : `, but ${route.uncertain}`}`
          : `there is no route to ${destination} where ${placeName(topology, place)} is`,
        look: commandIn(topology, place.netns, [
          ...(familyOf(destination) === 6 ? ['ip', '-6'] : ['ip']),
          ...['route', 'get', destination],
          ...(route?.rule === undefined ? [] : selectorsOf(asked)),
        ]),
      },
    ],
  };
}

/** What policy rules may ask for, in the words of `ip route get`. */
function selectorsOf({ source, inputInterface, mark }: Omit<RouteQuery, 'destination'>): string[] {
  return [
    ...(source === undefined ? [] : ['from', source]),
    ...(inputInterface === undefined ? [] : ['iif', inputInterface]),
    ...(typeof mark === 'number' && mark !== 0 ? ['mark', `0x${mark.toString(16)}`] : []),
  ];
}
