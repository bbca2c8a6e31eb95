import { inNetns, placeName } from '../../topology/naming.ts';
import { linkOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
import type { Claim, Context, Rule } from '../rule.ts';

export const linkArpOff: Rule = {
  id: 'link-arp-off',
  severity: 'fault',
  title: 'ARP is switched off on an interface that has to ask or to answer (NOARP)',
  explain: {
    what: `An interface with the flag NOARP neither asks ARP nor answers it. It sends everything to its own hardware address,
unless a neighbour entry is set by hand, and stays silent when somebody asks for its addresses.
Tunnels have the flag by nature; on a veth, a bridge or a card somebody has set it.`,
    wire: `At the owner: the ARP request comes in, and no reply leaves. At the sender: no ARP request at all, and the echo
request leaves with the sender's own address as its destination: no bridge passes it on, no host takes it.`,
    confirm: `  ip link show DEV            NOARP between the angle brackets
  ip neigh show nud all dev DEV         entries in state NOARP, with the interface's own address`,
    cure: `  ip link set DEV arp on
Where it is off on purpose, with every neighbour set by hand, the missing neighbour is the fault: ip neigh add.`,
    otherwise: `If the interface has no NOARP and stays silent, look at arp_ignore (arp-ignored) and at the way back to the asker.`,
  },
  evaluate(context) {
    const { situation } = context;
    if (situation.kind !== 'stopped') return undefined;
    const { gate, leg } = situation;
    if (gate.kind === 'arp-answer' && gate.by === 'noarp')
      return claim(
        context,
        gate.place,
        (name) => `ARP is off on ${name}: it does not answer for ${leg.destination}`,
        (name) =>
          `the ARP request for ${leg.destination} comes in by ${name}, which has the flag NOARP: it stays silent.`,
      );
    if (gate.kind !== 'neighbour' || gate.entry.state !== 'NOARP') return undefined;
    const { holder, entry } = gate;
    // An entry of that state may be set by hand as well.
    if (linkOf(context.topology, holder)?.flags.includes('NOARP') !== true) return undefined;
    return claim(
      context,
      holder,
      (name) => `ARP is off on ${name}: it cannot ask who has ${entry.address}`,
      (name) =>
        `${name} has the flag NOARP, so the kernel does not ask who has ${entry.address}: it sends to ${entry.mac}, the address of ${name} itself, which nobody else takes.`,
    );
  },
};

function claim(
  { topology }: Context,
  at: Place,
  title: (name: string) => string,
  summary: (name: string) => string,
): Claim {
  const name = placeName(topology, at);
  return {
    title: title(name),
    summary: `${summary(name)} Somebody has switched it off${inNetns(topology, at.netns)}: an interface of this kind has it on by nature.`,
    where: at,
    cure: { why: `switch ARP on at ${name}`, changes: [{ kind: 'link-arp', at }] },
  };
}
