import type { Gate } from '../../path/gate.ts';
import type { Topology } from '../../topology/model.ts';
import { placeName } from '../../topology/naming.ts';
import { linkOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
import { downLinkBehind } from '../lost-routes.ts';
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
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped') return undefined;
    const { gate } = situation;
    const behind = downLinkBehind(context);
    const bridge = downBridge(gate, topology) ?? (behind?.link.kind === 'bridge' ? behind.at : undefined);
    if (!bridge) return undefined;
    const name = placeName(topology, bridge);
    return {
      title: `${name} is down, and so are all its ports`,
      summary: `${way(gate, topology, name)} is administratively down: it forwards nothing, and its routes are gone.`,
      where: bridge,
      cure: { why: `set ${name} up`, changes: [{ kind: 'link-up', at: bridge }] },
    };
  },
};

function way(gate: Gate, topology: Topology, name: string): string {
  if (gate.kind !== 'port-state') return `the packet should leave by ${name}, and the bridge`;
  const port = placeName(topology, gate.place);
  return `the frame ${gate.direction === 'ingress' ? 'comes in by' : 'should leave by'} ${port}, a port of ${name}, and the bridge`;
}

function downBridge(gate: Gate, topology: Topology): Place | undefined {
  if (gate.kind === 'port-state') return gate.bridgeUp ? undefined : gate.bridge;
  const down = gate.kind === 'device' && gate.state === 'down' && linkOf(topology, gate.place)?.kind === 'bridge';
  return down ? gate.place : undefined;
}
