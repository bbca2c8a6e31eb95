import { inNetns, placeName } from '../../topology/naming.ts';
import type { Rule } from '../rule.ts';

export const bridgePortIsolated: Rule = {
  id: 'bridge-port-isolated',
  severity: 'fault',
  title: 'both ports of the bridge are isolated from each other',
  explain: {
    what: `A bridge passes nothing from one isolated port to another: no broadcast, no unicast, whatever its table says. An
isolated port talks to the bridge itself and to ports that are not isolated. One isolated port alone changes nothing.
Some network plugins isolate the ports of different customers on purpose.`,
    wire: `The ARP request comes in by the one port and goes up to the bridge, and never leaves by the other port. Pings to the
bridge's own address, and to ports that are not isolated, work.`,
    confirm: `  bridge -d link show dev PORT        "isolated on", on both`,
    cure: `  bridge link set dev PORT isolated off
on one of the two: it then talks to all ports of the bridge. Somebody isolated it: ask who, and why, before.`,
    otherwise: `If only one of the two is isolated, it is not this. If broadcasts pass and unicast does not, look at the forwarding
table (bridge-fdb-wrong-port) and at flooding (bridge-unicast-flood-off).`,
  },
  evaluate({ situation, topology }) {
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'port-flag' || situation.gate.flag !== 'isolated')
      return undefined;
    const { place, ingress, bridge } = situation.gate;
    if (!ingress) return undefined;
    const [from, to] = [placeName(topology, ingress), placeName(topology, place)];
    return {
      title: `${from} and ${to} are both isolated ports of ${bridge.name}: nothing passes between them`,
      summary: `what comes in by ${from} may not leave by ${to}: both are isolated${inNetns(topology, bridge.netns)}. They reach ${bridge.name} itself and ports that are not isolated.`,
      where: ingress,
      cure: {
        why: `let ${from} talk to all ports of ${bridge.name}`,
        changes: [{ kind: 'port-flag', at: ingress, flag: 'isolated', on: false }],
      },
    };
  },
};
