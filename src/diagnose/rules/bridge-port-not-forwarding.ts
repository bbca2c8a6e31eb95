import type { PortStateGate } from '../../path/gate.ts';
import { isLooped } from '../../path/loop.ts';
import type { Change } from '../../topology/change.ts';
import { placeName } from '../../topology/naming.ts';
import { linkOf, namespaceOf, portsOf } from '../../topology/query.ts';
import type { Context, Cure, Rule } from '../rule.ts';

export const bridgePortNotForwarding: Rule = {
  id: 'bridge-port-not-forwarding',
  severity: 'fault',
  title: 'a port of the bridge is not in state forwarding',
  explain: {
    what: `A bridge port passes frames only in state forwarding. With the spanning tree protocol (STP) on, a fresh port first
listens and then learns, each for the forward delay: 30 seconds in all by default. It is blocking where the protocol
found a loop, and stays so while there is one. Without STP a port can still be set to another state by hand.`,
    wire: `Coming in: the frame is seen on the port and nothing after, not even on the bridge. Going out: it is seen on the other
port and on the bridge, and never leaves by this one.`,
    confirm: `  bridge link show dev PORT           state listening, learning, blocking or disabled
  ip -d link show BRIDGE              stp_state, forward_delay`,
    cure: `Fresh ports: wait for twice the forward delay. If there is no loop behind the bridge, STP is not needed:
  ip link set BRIDGE type bridge stp_state 0
  bridge link set dev PORT state forwarding      ports that are waiting still wait, unless they are told
or keep it, and shorten the delay for the ports to come: ip link set BRIDGE type bridge forward_delay 200
Never turn STP off where a port is blocking: a loop would bring the whole segment down. Find the second cable.`,
    otherwise: `If all ports are disabled, the bridge itself is down: bridge-down. A port without carrier is disabled too: then its
own device, or its other end, is down.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'port-state' || !situation.gate.bridgeUp)
      return undefined;
    const { gate } = situation;
    const { place, bridge, state, direction } = gate;
    const name = placeName(topology, place);
    const settings = linkOf(topology, bridge)?.bridge;
    const waits = settings?.stp === true && (state === 'listening' || state === 'learning');
    const seconds = Math.ceil((2 * (settings?.forwardDelay ?? 0)) / 100);
    const cure = cureFor(context, gate, waits);
    return {
      title: `${name} is a port of ${bridge.name} in state ${state}: it passes nothing`,
      summary: `the frame ${direction === 'ingress' ? 'comes in' : 'should go out'} by ${name}, and that port is ${state}. ${
        waits
          ? `STP is on: a port that came up forwards after ${seconds} s at the latest, unless there is a loop.`
          : settings?.stp
            ? `STP is on, and has closed this way: there is another one, or somebody else's bridge says so.`
            : 'STP is off: somebody set the state by hand.'
      }`,
      where: place,
      ...(cure ? { cure } : {}),
    };
  },
};

/** Nothing for a port that STP keeps closed for a loop: opening it would do more harm. */
function cureFor({ topology, passes }: Context, gate: PortStateGate, waits: boolean): Cure | undefined {
  const namespace = namespaceOf(topology, gate.bridge.netns);
  const bridge = linkOf(topology, gate.bridge);
  if (!namespace || !bridge?.bridge) return undefined;
  if (!bridge.bridge.stp)
    return {
      why: 'let the port forward',
      changes: [{ kind: 'port-forwarding', at: gate.place }],
    };
  if (!waits || isLooped(topology, gate.bridge)) return undefined;
  const waiting = portsOf(namespace, bridge).filter(
    ({ port }) => port?.state === 'listening' || port?.state === 'learning',
  );
  const changes: Change[] = [
    { kind: 'bridge-stp-off', at: gate.bridge },
    ...waiting.map(({ name }): Change => ({ kind: 'port-forwarding', at: { netns: namespace.id, name } })),
  ];
  return passes(changes)
    ? { why: 'there is no loop here to protect from: do without STP, or wait', changes }
    : undefined;
}
