import { placeName } from '../../topology/naming.ts';
import type { Rule } from '../rule.ts';

export const bridgeSnoopingDropsNd: Rule = {
  id: 'bridge-snooping-drops-nd',
  severity: 'fault',
  title: 'multicast snooping of a bridge swallows neighbour solicitations',
  explain: {
    what: `A bridge that snoops (mcast_snooping 1, the default) sends a multicast to those ports alone where somebody has
reported to listen, as soon as it knows of a querier: itself (mcast_querier 1), or a router or switch that sends MLD
queries. Neighbour solicitations are multicasts, to the group of the address (ff02::1:ff…). Where the reports of the
target got lost (a filter that lets no MLD through, a guest that sends none, an entry that aged out), the port is left
out and the target cannot be found over IPv6. Without a querier the bridge floods, and all is well: the fault comes
with the querier, seconds after it.`,
    wire: `The neighbour solicitation comes in by one port and never leaves by the target's. ARP works, and IPv6 works for as
long as the neighbour is known from before, and in the other direction.`,
    confirm: `  bridge mdb show dev BRIDGE              no entry for ff02::1:ffXX:XXXX at the target's port
  ip -d link show dev BRIDGE              mcast_snooping 1; mcast_querier 1, or another querier:
  bridge -d mdb show dev BRIDGE           the router ports were heard asking
  tcpdump -ni PORT 'icmp6 and ip6[48] == 143 or ip6[48] == 131'      are there reports at all?`,
    cure: `  ip link set BRIDGE type bridge mcast_snooping 0
Multicast then goes to every port. Where that is too much, let the reports through (ICMPv6 types 131, 132 and 143 must
not be filtered), or make the target's port one that gets everything:
  bridge link set dev PORT mcast_router 2`,
    otherwise: `If the group has an entry at the target's port, or nobody asks, it is not the snooping: bridge-multicast-flood-off,
bridge-filter-drop. If ARP is lost at the same port too, the port is isolated or not forwarding.`,
  },
  evaluate({ situation, topology }) {
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'snooping') return undefined;
    const { place, bridge, group, host } = situation.gate;
    const { destination } = situation.leg;
    const name = placeName(topology, place);
    return {
      title: `${bridge.name} snoops multicast, and sends no solicitation for ${destination} ${host ? 'up to its own stack' : `out of ${name}`}`,
      summary: `the neighbour solicitation for ${destination} goes to the group ${group}. ${placeName(topology, bridge)} knows of a querier, so it sends a group to its members alone, and nobody has reported to listen to this one ${host ? 'there' : `behind ${name}`}. Over IPv6 the target cannot be found; IPv4 does not mind.`,
      where: place,
      cure: {
        why: `send multicasts to every port of ${bridge.name} again`,
        changes: [{ kind: 'bridge-snooping-off', at: bridge }],
      },
    };
  },
};
