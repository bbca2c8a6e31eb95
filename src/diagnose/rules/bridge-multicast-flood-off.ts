import { placeName } from '../../topology/naming.ts';
import type { Rule } from '../rule.ts';

export const bridgeMulticastFloodOff: Rule = {
  id: 'bridge-multicast-flood-off',
  severity: 'fault',
  title: 'a bridge port gets no multicasts: over IPv6 nobody behind it can be found',
  explain: {
    what: `IPv6 asks for a hardware address by multicast, to the group of the address (ff02::1:ff…), where IPv4 broadcasts. With
mcast_flood off, a bridge sends no multicast out of the port, but for groups whose members were heard there, and that
only where there is a querier on the segment (mcast_querier, or a router that asks).`,
    wire: `The neighbour solicitation comes in by one port and never leaves by the other. IPv4 works; IPv6 works for as long as
the neighbour is known from before, and in the other direction.`,
    confirm: `  bridge -d link show dev PORT          mcast_flood off
  bridge mdb show                       the groups the bridge has heard of`,
    cure: `  bridge link set dev PORT mcast_flood on
Where it is off to keep video or discovery traffic away, a querier on the bridge lets the groups through that somebody
asked for:  ip link set BRIDGE type bridge mcast_querier 1`,
    otherwise: `If ARP is lost at the same port too, the port is isolated or not forwarding. If the solicitation comes to its target
and is not answered, look there: address-tentative, ipv6-disabled.`,
  },
  evaluate({ situation, topology }) {
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'port-flag' || situation.gate.flag !== 'mcast_flood')
      return undefined;
    const { place, bridge } = situation.gate;
    const name = placeName(topology, place);
    return {
      title: `${name} is a port of ${bridge.name} that gets no multicasts (mcast_flood off)`,
      summary: `the neighbour solicitation is a multicast, and ${bridge.name} sends none out of ${name}. Who is behind it cannot be found over IPv6 from the other ports.`,
      where: place,
      cure: {
        why: `send multicasts to ${name} too`,
        changes: [{ kind: 'port-flag', at: place, flag: 'mcast_flood', on: true }],
      },
    };
  },
};
