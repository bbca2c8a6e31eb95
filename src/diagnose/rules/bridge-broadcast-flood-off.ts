import { placeName } from '../../topology/naming.ts';
import type { Rule } from '../rule.ts';

export const bridgeBroadcastFloodOff: Rule = {
  id: 'bridge-broadcast-flood-off',
  severity: 'fault',
  title: 'a port of the bridge gets no broadcasts',
  explain: {
    what: `With bcast_flood off, a bridge sends no broadcast out of the port. ARP requests are broadcasts: nobody can find who
is behind it. What is known already still passes, so it works until the neighbour entries grow old. Broadcasts of the
bridge's own stack are sent all the same: the host can reach what its containers cannot.`,
    wire: `The ARP request comes in by the sender's port and goes up to the bridge, and never leaves by this port. Unicast does.`,
    confirm: `  bridge -d link show dev PORT        "bcast_flood off"`,
    cure: `  bridge link set dev PORT bcast_flood on
Where it is off on purpose (VXLAN, EVPN), the bridge has to answer ARP itself (neigh_suppress), or the neighbours have
to be set by hand.`,
    otherwise: `If the request leaves by the port, it is not this. If nothing at all leaves by it, look at its state
(bridge-port-not-forwarding) and at isolation (bridge-port-isolated).`,
  },
  evaluate({ situation, topology }) {
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'port-flag' || situation.gate.flag !== 'bcast_flood')
      return undefined;
    const { place, bridge } = situation.gate;
    const name = placeName(topology, place);
    return {
      title: `${name} is a port of ${bridge.name} that gets no broadcasts (bcast_flood off)`,
      summary: `the ARP request is a broadcast, and ${bridge.name} sends none out of ${name}. Who is behind it cannot be found from the other ports.`,
      where: place,
      cure: {
        why: `send broadcasts to ${name} too`,
        changes: [{ kind: 'port-flag', at: place, flag: 'bcast_flood', on: true }],
      },
    };
  },
};
