import type { MtuGate, Tunnel } from '../../path/gate.ts';
import { familyOf } from '../../topology/address.ts';
import type { Change } from '../../topology/change.ts';
import { placeName } from '../../topology/naming.ts';
import { linkOf, masterOf, namespaceOf, ownersOf } from '../../topology/query.ts';
import { type Place, placeKey } from '../../trace/frame.ts';
import type { Context, Cure, Rule } from '../rule.ts';

export const vxlanMtu: Rule = {
  id: 'vxlan-mtu',
  severity: 'fault',
  title: 'packets of a VXLAN network are too long for what carries them: the MTU inside leaves no room',
  explain: {
    what: `Around each packet of a VXLAN network stand another Ethernet, IP, UDP and VXLAN header: 50 bytes, over IPv6 70. The MTU
inside has to be so much smaller than what passes between the nodes. Where it is not, big packets are cut, which is
slow, or lost: a switch between the nodes that has no room drops them without a word, a device that sets the
don't-fragment bit drops them itself, and one that is a bridge port answers what may not be cut with an ICMP error.
A VXLAN device that was made without "dev UPLINK" has an MTU of 1500, whatever is below it.`,
    wire: `Small packets pass, ARP and a plain ping among them. A big one leaves by the VXLAN device, and its UDP packet is never
seen at the uplink, or never at the other node's. TCP connects, and hangs as soon as it has much to say.`,
    confirm: `  ping -s 1400 -M do NODE                between the nodes: the biggest that passes, plus 28, is the MTU there
  ip link show VX; ip link show eth0      the same in the containers: no more than that minus 50`,
    cure: `Give the interfaces inside the smaller MTU, in the containers and on the VXLAN device:
  ip link set DEV mtu N-50
and in the configuration of the network (flannel, Docker's com.docker.network.driver.mtu), so that the next container has
it too. Where the network between the nodes can take more (jumbo frames), raise it there instead.`,
    otherwise: `If small packets are lost as well, it is not the length. A bridge port or veth with a smaller MTU before the frame is
put into its UDP packet is link-mtu-smaller.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'mtu') return undefined;
    const gate = notedFrom(context, situation.gate);
    const { tunnel } = gate;
    if (!tunnel) return undefined;
    const vx = placeName(topology, tunnel.sender);
    const at = placeName(topology, gate.place);
    const own = gate.place.netns === tunnel.sender.netns && gate.place.name === tunnel.sender.name;
    const room = roomOf(gate, tunnel);
    const six = familyOf(tunnel.remote) === 6;
    const inner = own ? gate.lengthBytes : gate.lengthBytes - tunnel.overheadBytes;
    const cure = smaller(context, room) ?? larger(context, gate);
    return {
      title: own
        ? `${vx} has room for packets of ${room} bytes, and ${six ? `this one has ${inner}` : `one of ${inner} bytes may not be cut`}`
        : `the MTU of ${at} is ${gate.mtu}: with ${tunnel.overheadBytes} bytes around it a packet of ${vx} may have ${room} bytes, and this one has ${inner}`,
      summary: own
        ? six
          ? `${vx} puts ${tunnel.overheadBytes} bytes around each packet on its way to ${tunnel.remote}. Over IPv6 nobody cuts what comes out of that: what is longer than ${room} bytes is dropped.`
          : gate.noted
            ? `${vx} puts ${tunnel.overheadBytes} bytes around each packet on its way to ${tunnel.remote}, which leaves ${room} for what is inside. The first packet that is longer passes in pieces, and the kernel takes note: those behind it that may not be cut it refuses ("message too long").`
            : `${vx} puts ${tunnel.overheadBytes} bytes around each packet on its way to ${tunnel.remote}. What is longer than ${room} bytes and may not be cut does not fit: the device drops it and answers with an ICMP error in the name of the target.`
        : `${vx} puts ${tunnel.overheadBytes} bytes around each packet on its way to ${tunnel.remote}, which makes it ${gate.lengthBytes} bytes long. ${at} takes no more than ${gate.mtu}, and drops it. Shorter packets pass.`,
      where: own ? tunnel.sender : gate.place,
      ...(cure === undefined ? {} : { cure }),
    };
  },
};

/** What a sender knows of the path may come from its own tunnel: then that is the cause. */
function notedFrom({ path }: Context, gate: MtuGate): MtuGate {
  if (gate.by !== 'sender' || gate.of !== 'learnt') return gate;
  const steps = path.legs.flatMap((leg) => leg.steps);
  const source = steps.flatMap((step) =>
    step.kind === 'gate' && step.gate.kind === 'mtu' && step.gate.tunnel && step.gate.mtu === gate.mtu
      ? [step.gate]
      : [],
  );
  const [found] = source.filter(({ place, tunnel }) => tunnel && placeKey(place) === placeKey(tunnel.sender));
  return found ?? gate;
}

/** The longest packet inside. */
function roomOf({ mtu, place }: MtuGate, { sender, overheadBytes }: Tunnel): number {
  const own = place.netns === sender.netns && place.name === sender.name;
  return own ? mtu : mtu - overheadBytes;
}

/** No more than fits, at whoever sends it: at both ends, since the answer is as long as the question. */
function smaller(context: Context, room: number): Cure | undefined {
  const { topology, query } = context;
  const ends = [
    query.start,
    ...ownersOf(topology, query.destination).map(({ namespace, link }) => ({ netns: namespace.id, name: link.name })),
  ];
  const senders = ends.flatMap((end) => sendersOf(context, end));
  const changes = [...new Map(senders.map((at) => [`${at.netns}/${at.name}`, at])).values()]
    .filter((at) => (linkOf(topology, at)?.mtu ?? 0) > room)
    .map((at): Change => ({ kind: 'link-mtu', at, mtu: room }));
  if (changes.length === 0 || query.dontFragment === 'do' || !context.passes(changes)) return undefined;
  return { why: `let nobody inside send more than ${room} bytes in one packet`, changes };
}

/** A device that carries addresses, and the VXLAN devices of its namespace that have their own: those route, and cut for others. */
function sendersOf({ topology }: Context, end: Place): Place[] {
  const namespace = namespaceOf(topology, end.netns);
  const routed = (namespace?.links ?? []).filter(
    (link) =>
      namespace && link.kind === 'vxlan' && link.addresses.length > 0 && masterOf(namespace, link) === undefined,
  );
  return [end, ...routed.map(({ name }) => ({ netns: end.netns, name }))];
}

/** As much as the packet needs, where the one device between the nodes that has not got it can have it. */
function larger(context: Context, gate: MtuGate): Cure | undefined {
  const { topology } = context;
  const changes: Change[] = [{ kind: 'link-mtu', at: gate.place, mtu: gate.lengthBytes }];
  if (gate.by === 'sender' || gate.by === 'router' || !context.passes(changes)) return undefined;
  return { why: `give ${placeName(topology, gate.place)} room for what the nodes send each other`, changes };
}
