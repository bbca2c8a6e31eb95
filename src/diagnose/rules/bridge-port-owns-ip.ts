import type { Gate, OwnerGate } from '../../path/gate.ts';
import { type Family, familyOf } from '../../topology/address.ts';
import type { Change, RouteChange } from '../../topology/change.ts';
import type { Link, Namespace } from '../../topology/model.ts';
import { inNetns, placeName } from '../../topology/naming.ts';
import { linkOf, masterOf, namespaceOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
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
    if (situation.kind !== 'stopped') return undefined;
    const silent = situation.gate.kind === 'owner' ? heldByPort(context, situation.gate) : undefined;
    if (silent) return silent;
    const wait = waitOf(situation.gate);
    const namespace = wait && namespaceOf(topology, wait.at.netns);
    const port = wait && linkOf(topology, wait.at);
    const bridge = namespace && port && masterOf(namespace, port);
    if (!wait || !namespace || !port || bridge?.kind !== 'bridge') return undefined;
    if (wait.arrived !== undefined && wait.arrived.name !== bridge.name) return undefined;
    const claimed = claim(context, wait, namespace, port, bridge);
    // Nobody answered at all: it is this only if the answer would come once the address has moved.
    return wait.arrived !== undefined || cures(context, claimed) ? claimed : undefined;
  },
};

/** Somebody who waits on a port for what will not come there. */
interface Wait {
  readonly at: Place;
  readonly for: 'neighbour' | 'socket';
  /** The address that makes the kernel use the port. */
  readonly address: string;
  /** Where the packet was handed up instead; absent when it never came back, since it was sent out of the wrong port. */
  readonly arrived?: Place;
}

function waitOf(gate: Gate): Wait | undefined {
  if (gate.kind === 'stack')
    return { at: gate.waiting, for: gate.awaits, address: gate.address, arrived: gate.arrived };
  // Asked by one port alone, a neighbour behind another one never hears of it.
  if (gate.kind === 'owner') return { at: gate.asker, for: 'neighbour', address: gate.askerAddress };
  return undefined;
}

/** Over IPv6 an interface answers for its own addresses alone: a question that comes up in the bridge is not the port's. */
function heldByPort(context: Context, { reached, elsewhere, target }: OwnerGate): Claim | undefined {
  const { topology } = context;
  for (const at of elsewhere) {
    const namespace = namespaceOf(topology, at.netns);
    const port = linkOf(topology, at);
    const bridge = namespace && port && masterOf(namespace, port);
    if (!namespace || !port || bridge?.kind !== 'bridge') continue;
    if (!reached.some(({ netns, name }) => netns === at.netns && name === bridge.name)) continue;
    const name = placeName(topology, at);
    const family = familyOf(target);
    const moved = port.addresses.filter((own) => own.family === family && own.scope !== 'link');
    const wait: Wait = { at, for: 'neighbour', address: target };
    const claimed: Claim = {
      title: `${name} is a port of ${bridge.name} and holds ${target}: questions for it go up into ${bridge.name}, which does not answer`,
      summary: `${name} is a port of ${bridge.name}${inNetns(topology, namespace.id)}: what comes in by it, or by another port, is the bridge's. The question for ${target} comes up in ${bridge.name}, and ${bridge.name} does not have the address. It belongs there.`,
      where: at,
      cure: cure(context, wait, namespace, port, bridge, moved),
    };
    if (cures(context, claimed)) return claimed;
  }
  return undefined;
}

function cures(context: Context, { cure: proposed }: Claim): boolean {
  return (
    proposed !== undefined &&
    context.passes(proposed.changes, { ...context.query, start: proposed.start ?? context.query.start })
  );
}

function claim(context: Context, wait: Wait, namespace: Namespace, port: Link, bridge: Link): Claim {
  const { topology } = context;
  const name = placeName(topology, wait.at);
  // All of them: one that stays would keep its network's route on the port.
  const family = familyOf(wait.address);
  const moved = port.addresses.filter((own) => own.family === family && own.scope !== 'link');
  const answer = family === 6 ? 'the neighbour advertisement' : 'the ARP reply';
  const packet = wait.for === 'neighbour' ? answer : 'the echo reply';
  const address = moved.find((held) => held.address === wait.address)?.address ?? moved[0]?.address;
  return {
    title: address
      ? `${name} is a port of ${bridge.name} and holds ${address}: replies go up into ${bridge.name}, never to the stack behind ${port.name}`
      : `${name} is a port of ${bridge.name}: replies go up into ${bridge.name}, never to a socket on ${port.name}`,
    summary: `${
      wait.arrived
        ? `${packet} comes in by ${name}, and the bridge takes it: ${port.name} is one of its ports${inNetns(topology, namespace.id)}.`
        : `${name} is a port of ${bridge.name}, but the stack behind it asks by this one port alone, and what comes back there is the bridge's.`
    } ${
      wait.for === 'neighbour'
        ? `The neighbour entry on ${port.name} never learns the answer, so nothing can be sent there.`
        : `The socket waits on ${port.name} and gets nothing.`
    } ${address ? `The address belongs on ${bridge.name}.` : `The address is on another interface: ping from ${bridge.name}.`}`,
    where: wait.at,
    cure: cure(context, wait, namespace, port, bridge, moved),
  };
}

function cure(
  context: Context,
  wait: Wait,
  namespace: Namespace,
  port: Link,
  bridge: Link,
  moved: Link['addresses'],
): Cure {
  const { query } = context;
  const { netns } = wait.at;
  const at = { netns, name: port.name };
  const to = { netns, name: bridge.name };
  const changes: Change[] = [
    // Secondary ones first: with its primary a secondary address is gone too.
    ...moved
      .toReversed()
      .map(({ address, prefixLength }): Change => ({ kind: 'address-del', at, address, prefixLength })),
    ...moved
      .filter(({ address }) => !bridge.addresses.some((have) => have.address === address))
      .map(({ address, prefixLength }): Change => ({ kind: 'address-add', at: to, address, prefixLength })),
    ...movedRoutes(namespace, port, bridge, familyOf(wait.address)),
  ];
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

/** With its last address the port loses the routes that were set by hand: they follow to the bridge, those on the link first. */
function movedRoutes(namespace: Namespace, port: Link, bridge: Link, of: Family): Change[] {
  return namespace.routes
    .filter(({ family, table, protocol }) => family === of && table !== 'local' && protocol !== 'kernel')
    .flatMap(({ destination, table, metric, source, nextHops: [hop] }): RouteChange[] =>
      hop?.device === port.name
        ? [
            {
              kind: 'route-replace',
              netns: namespace.id,
              destination,
              device: bridge.name,
              table,
              metric,
              ...(source === undefined ? {} : { source }),
              ...(hop.gateway === undefined ? {} : { gateway: hop.gateway }),
              ...(hop.flags.includes('onlink') ? { onLink: true } : {}),
            },
          ]
        : [],
    )
    .sort((a, b) => Number(a.gateway !== undefined) - Number(b.gateway !== undefined));
}
