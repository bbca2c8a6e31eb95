import type { StackGate } from '../../path/gate.ts';
import type { Change } from '../../topology/change.ts';
import type { Link, Namespace } from '../../topology/model.ts';
import { inNetns, placeName } from '../../topology/naming.ts';
import { linkOf, masterOf, namespaceOf } from '../../topology/query.ts';
import type { Claim, Context, Cure, Rule } from '../rule.ts';

export const bridgePortOwnsIp: Rule = {
  id: 'bridge-port-owns-ip',
  severity: 'fault',
  title: 'an IP address sits on a bridge port: what the port receives goes up to the bridge',
  explain: {
    what: `An interface that is enslaved to a bridge has become a port: everything it receives is handed to the bridge.
The stack behind the port can still send by it, but never hears an answer there. An IP address on the port makes
the kernel send, and ask ARP, by an interface it cannot receive on.`,
    wire: `The ARP request leaves the port and the reply comes back to it, and then is seen on the bridge: it went up there.
The request is repeated, since the neighbour entry of the port never learns of the reply. When others ping the address,
their echo request comes to the bridge, and the answer's own ARP request leaves by the port and is lost the same way.
No drop event tells of it.`,
    confirm: `  ip -br addr                 an address on an interface whose link shows "master"
  ip neigh show dev PORT      the entry is INCOMPLETE or FAILED
  tcpdump -n -i PORT arp      request and reply, again and again
  tcpdump -n -p -i BRIDGE arp the replies alone`,
    cure: `Give the address to the bridge, and with it the routes that used the port:
  ip addr del ADDRESS/LEN dev PORT
  ip addr add ADDRESS/LEN dev BRIDGE
Connections over that address break for the moment between the two commands: on a machine you reach through this very
interface, run both in one line. Make it permanent in the network configuration, where the bridge gets the address.`,
    otherwise: `If the replies do not come back to the port at all, it is not this. If the bridge has the address and the ping is
bound to the port, only the ping is wrong: ping from the bridge.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'stack') return undefined;
    const { gate } = situation;
    const namespace = namespaceOf(topology, gate.waiting.netns);
    const port = linkOf(topology, gate.waiting);
    const bridge = namespace && port && masterOf(namespace, port);
    if (!namespace || !port || bridge?.kind !== 'bridge' || bridge.name !== gate.arrived.name) return undefined;
    return claim(context, gate, namespace, port, bridge);
  },
};

function claim(context: Context, gate: StackGate, namespace: Namespace, port: Link, bridge: Link): Claim {
  const { topology } = context;
  const name = placeName(topology, gate.waiting);
  const own = port.addresses.filter(({ family }) => family === 4);
  const held = own.filter(({ address }) => address === gate.address);
  const moved = held.length > 0 ? held : own;
  const packet = gate.awaits === 'neighbour' ? 'the ARP reply' : 'the echo reply';
  const address = moved[0]?.address;
  return {
    title: address
      ? `${name} is a port of ${bridge.name} and holds ${address}: replies go up into ${bridge.name}, never to the stack behind ${port.name}`
      : `${name} is a port of ${bridge.name}: replies go up into ${bridge.name}, never to a socket on ${port.name}`,
    summary: `${packet} comes in by ${name}, and the bridge takes it: ${port.name} is one of its ports${inNetns(topology, namespace.id)}. ${
      gate.awaits === 'neighbour'
        ? `The neighbour entry on ${port.name} never learns the answer, so nothing can be sent there.`
        : `The socket waits on ${port.name} and gets nothing.`
    } ${address ? `The address belongs on ${bridge.name}.` : `The address is on another interface: ping from ${bridge.name}.`}`,
    where: gate.waiting,
    cure: cure(context, gate, namespace, port, bridge, moved),
  };
}

function cure(
  context: Context,
  gate: StackGate,
  namespace: Namespace,
  port: Link,
  bridge: Link,
  moved: Link['addresses'],
): Cure {
  const { query } = context;
  const { netns } = gate.waiting;
  const at = { netns, name: port.name };
  const to = { netns, name: bridge.name };
  const changes: Change[] = moved.flatMap(({ address, prefixLength }): Change[] => [
    { kind: 'address-del', at, address, prefixLength },
    ...(bridge.addresses.some((have) => have.address === address)
      ? []
      : [{ kind: 'address-add', at: to, address, prefixLength } as const]),
  ]);
  // With its last address the port loses the routes that were set by hand: they follow to the bridge.
  for (const route of namespace.routes) {
    const hop = route.nextHops[0];
    if (route.family !== 4 || route.table !== 'main' || route.protocol === 'kernel' || hop?.device !== port.name)
      continue;
    changes.push({
      kind: 'route-replace',
      netns,
      destination: route.destination,
      ...(hop.gateway === undefined ? {} : { gateway: hop.gateway }),
      device: bridge.name,
    });
  }
  const starts = query.start.netns === netns && query.start.name === port.name;
  return {
    why:
      moved.length > 0
        ? `give the address to ${bridge.name}; ${port.name} is then a wire`
        : `nothing to change: ping from ${bridge.name}`,
    changes,
    ...(starts ? { start: to } : {}),
  };
}
