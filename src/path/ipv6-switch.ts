/** Whether IPv6 is switched on at a device (disable_ipv6, net/ipv6/ip6_input.c ip6_rcv_core). */
import { commandIn, interfaceSysctl, placeName } from '../topology/naming.ts';
import { ipv6Setting } from '../topology/query.ts';
import type { Ipv6Gate } from './gate.ts';
import { type Port, placeOf, type World } from './world.ts';

/**
 * Where IPv6 is switched on there is nothing to tell.
 * @param lost the address it was known by: with IPv6 it went
 */
export function ipv6Gates({ topology }: World, { namespace, link }: Port, lost?: Ipv6Gate['lost']): Ipv6Gate[] {
  if (ipv6Setting(namespace, link, 'disable_ipv6') !== 1) return [];
  const place = placeOf({ namespace, link });
  const look = commandIn(topology, place.netns, ['sysctl', interfaceSysctl('ipv6', link.name, 'disable_ipv6')]);
  return [
    {
      kind: 'ipv6',
      place,
      verdict: 'stop',
      ...(lost === undefined ? {} : { lost }),
      facts: [{ text: `disable_ipv6 is 1 at ${placeName(topology, place)}`, look }],
    },
  ];
}
