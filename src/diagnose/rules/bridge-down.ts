import type { Gate } from '../../path/gate.ts';
import type { Topology } from '../../topology/model.ts';
import { placeName } from '../../topology/naming.ts';
import { linkOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
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
    const bridge = downBridge(gate, topology);
    if (!bridge) return undefined;
    const name = placeName(topology, bridge);
    const way =
      gate.kind === 'port-state'
        ? `the frame ${gate.direction === 'ingress' ? 'comes in by' : 'should leave by'} ${placeName(topology, gate.place)}, a port of ${name}, and the bridge`
        : `the packet should leave by ${name}, and the bridge`;
    return {
      title: `${name} is down, and so are all its ports`,
      summary: `${way} is administratively down: it forwards nothing.`,
      where: bridge,
      cure: { why: `set ${name} up`, changes: [{ kind: 'link-up', at: bridge }] },
    };
  },
};

function downBridge(gate: Gate, topology: Topology): Place | undefined {
  if (gate.kind === 'port-state') return gate.bridgeUp ? undefined : gate.bridge;
  const down = gate.kind === 'device' && gate.state === 'down' && linkOf(topology, gate.place)?.kind === 'bridge';
  return down ? gate.place : undefined;
}
