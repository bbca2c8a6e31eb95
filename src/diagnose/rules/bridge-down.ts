import { placeName } from '../../topology/naming.ts';
import type { Rule } from '../rule.ts';

export const bridgeDown: Rule = {
  id: 'bridge-down',
  severity: 'fault',
  title: 'the bridge itself is down',
  explain: {
    what: `A bridge that is administratively down disables all its ports, although each of them is up and shows a carrier.`,
    wire: `The frame is seen coming in by a port, and nothing after: neither on the bridge nor on any other port.`,
    confirm: `  ip -br link show type bridge        DOWN
  bridge link                         the ports are in state disabled`,
    cure: `  ip link set BRIDGE up`,
    otherwise: `If the bridge is up and one port alone is not forwarding, look at its STP state: bridge-port-not-forwarding.`,
  },
  evaluate({ situation, topology }) {
    if (situation.kind !== 'stopped') return undefined;
    const { gate } = situation;
    const bridge = gate.kind === 'port-state' && !gate.bridgeUp ? gate.bridge : undefined;
    if (!bridge || gate.kind !== 'port-state') return undefined;
    const name = placeName(topology, bridge);
    return {
      title: `${name} is down, and so are all its ports`,
      summary: `the frame ${gate.direction === 'ingress' ? 'comes in by' : 'should leave by'} ${placeName(topology, gate.place)}, a port of ${name}, and the bridge is administratively down: it forwards nothing.`,
      where: bridge,
      cure: { why: `set ${name} up`, changes: [{ kind: 'link-up', at: bridge }] },
    };
  },
};
