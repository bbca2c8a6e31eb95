import type { MtuGate } from '../../path/gate.ts';
import type { Change } from '../../topology/change.ts';
import { placeName } from '../../topology/naming.ts';
import { linkOf, lowerOf, ownersOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
import { isWhole } from '../mtu-cure.ts';
import type { Context, Cure, Rule } from '../rule.ts';

export const linkMtuSmaller: Rule = {
  id: 'link-mtu-smaller',
  severity: 'fault',
  title: 'an interface on the way has a smaller MTU than the packet: it drops it and sends no error',
  explain: {
    what: `All interfaces of one segment must have one MTU. A router that cannot pass a packet on says so (ICMP
fragmentation needed); a bridge port and the far end of a veth pair say nothing, they drop what is longer than their
own MTU (4 bytes more still pass: room for a VLAN tag). A bridge takes the smallest MTU of its ports for itself, but
that counts only for what the bridge's own stack sends.`,
    wire: `Small packets pass, ARP and a plain ping among them. A big one is seen leaving the sender's interface and never at
the other end of its veth; or it comes in by one bridge port and never leaves by the other. TCP connects, and hangs
as soon as it has much to say.`,
    confirm: `  ping -I DEV -s 1472 -M do TARGET      fails, while without -s it works
  ip link                               in every namespace of the path: look for the smaller mtu`,
    cure: `  ip link set DEV mtu N
where N is the MTU of the others. If the small one is small for a reason (a tunnel, a VPN behind it), set the senders
to it instead. Whatever made the interface (a runtime's network option, an overlay) makes the next one the same: set it
there too.`,
    otherwise: `If an ICMP "fragmentation needed" comes back, a router has the smaller MTU: that is fragmentation-needed. If ping
itself says "message too long", the sender's own interface has it.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'mtu' || SPEAKS.has(situation.gate.by))
      return undefined;
    const { gate, leg } = situation;
    const name = placeName(topology, gate.place);
    const sender = leg.steps.find((step) => step.kind === 'place')?.place;
    const cure = sender && levelled(context, gate, sender);
    return {
      title: `the MTU of ${name} is ${gate.mtu}: packets of ${gate.lengthBytes} bytes are dropped there without an error`,
      summary: `${sender ? placeName(topology, sender) : 'the sender'} sends packets of up to ${gate.lengthBytes} bytes, and ${
        gate.by === 'bridge' ? `they should leave by the bridge port ${name}` : `they should come in by ${name}`
      }, whose MTU is ${gate.mtu}. A bridge port or the end of a veth pair drops what is longer and tells nobody. Shorter packets pass.`,
      where: gate.place,
      ...(cure === undefined ? {} : { cure }),
    };
  },
};

/** These tell the sender. */
const SPEAKS: ReadonlySet<MtuGate['by']> = new Set(['sender', 'router']);

/** The small one to the sender's MTU, or the sender to the small one: after whichever fewer others stop the packet. */
function levelled(context: Context, gate: MtuGate, sender: Place): Cure | undefined {
  const { topology, query, situation } = context;
  const [link, own] = [linkOf(topology, gate.place), linkOf(topology, sender)];
  if (situation.kind !== 'stopped' || !link || !own) return undefined;
  const raise: Change[] = [{ kind: 'link-mtu', at: gate.place, mtu: own.mtu }];
  const lower: Change[] = [{ kind: 'link-mtu', at: sender, mtu: gate.mtu }];
  // No device that sits on another one may have a greater MTU than that.
  const raisable = own.mtu <= (lowerOf(topology, link)?.link.mtu ?? own.mtu);
  // A router that is set lower would refuse whole packets instead, and a sender that may not fragment sends none.
  const source = situation.leg.source;
  const origin = ownersOf(topology, source).some(({ namespace }) => namespace.id === sender.netns);
  const lowerable = origin && !(isWhole(query) && situation.leg.kind === 'echo-request');
  const changes = context.best([...(raisable ? [raise] : []), ...(lowerable ? [lower] : [])]);
  if (!changes) return undefined;
  const name = placeName(topology, gate.place);
  return changes === raise
    ? { why: `give ${name} the MTU of ${placeName(topology, sender)}`, changes }
    : { why: `let ${placeName(topology, sender)} send no more than ${name} takes`, changes };
}
