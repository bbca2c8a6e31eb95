import { placeName } from '../../topology/naming.ts';
import type { Rule } from '../rule.ts';

export const bridgeHairpinOff: Rule = {
  id: 'bridge-hairpin-off',
  severity: 'fault',
  title: 'the frame would have to leave by the bridge port it came in by',
  explain: {
    what: `A bridge never sends a frame back out of the port it came in by, unless hairpin mode is on there. Several hosts
behind one port that leave it to the bridge to pass frames between them (macvlans of mode vepa, a container that
reaches itself by an address that is translated in between) need it.`,
    wire: `The frame comes in by the port, is flooded to the others, and never comes back out of the same one.`,
    confirm: `  bridge -d link show dev PORT        "hairpin off"`,
    cure: `  bridge link set dev PORT hairpin on
Broadcasts then come back to their sender too: IPv6 duplicate address detection may take its own probe for another's.
For macvlans, mode bridge does without the way over the bridge.`,
    otherwise: `If the target is behind another port, it is not this: look at the forwarding table (bridge-fdb-wrong-port).`,
  },
  evaluate({ situation, topology }) {
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'port-flag' || situation.gate.flag !== 'hairpin')
      return undefined;
    const { place, bridge } = situation.gate;
    const name = placeName(topology, place);
    return {
      title: `${name} is a port of ${bridge.name} that sends nothing back where it came from (hairpin off)`,
      summary: `sender and target are both behind ${name}, and leave it to ${bridge.name} to pass frames between them. It does not: hairpin is off on that port.`,
      where: place,
      cure: {
        why: `let ${bridge.name} send back by ${name}`,
        changes: [{ kind: 'port-flag', at: place, flag: 'hairpin', on: true }],
      },
    };
  },
};
