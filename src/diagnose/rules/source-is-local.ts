import type { Leg } from '../../path/model.ts';
import type { Address, Topology } from '../../topology/model.ts';
import { placeName } from '../../topology/naming.ts';
import { ownersOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
import { relaxations } from '../relax.ts';
import type { Cure, Rule } from '../rule.ts';

export const sourceIsLocal: Rule = {
  id: 'source-is-local',
  severity: 'fault',
  title: "the sender's address belongs to the receiving namespace itself, which takes that for a forgery",
  explain: {
    what: `The packet comes in by one interface with a source address that the same namespace holds on another.
From outside that would be a forgery (a martian), so the kernel ignores it unless accept_local is 1 on the interface.
It happens when both ends of a veth pair are in one namespace, or two cards of one host are on one segment.`,
    wire: `The ARP request is seen leaving one interface and arriving at the other, and nobody answers. With the address
resolved, the echo request arrives and is dropped there. An ignored ARP request leaves no drop event and no counter.`,
    confirm: `  ip addr                     sender and target address are both here
  sysctl net.ipv4.conf.all.accept_local net.ipv4.conf.DEV.accept_local
  sysctl -w net.ipv4.conf.all.log_martians=1; dmesg    names martian sources of IP packets`,
    cure: `What one usually wants is a namespace for the other end:
  ip netns add peer
  ip link set DEV netns peer      (its addresses are gone then: add them again inside, and set it up)
If both have to stay in one namespace, every interface that receives must accept local sources, and must not insist
on the reverse path:
  sysctl -w net.ipv4.conf.DEV.accept_local=1
  sysctl -w net.ipv4.conf.DEV.rp_filter=2
The price: on that interface a forged packet with this machine's own address is believed.`,
    otherwise: `If the source address is not one of this namespace, it is reverse-path-filter or route-return-missing.`,
  },
  evaluate(context) {
    const { situation, topology, query } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'source') return undefined;
    const { gate } = situation;
    if (gate.result.reason !== 'local-source') return undefined;
    const at = placeName(topology, gate.place);
    const holder = ownersOf(topology, gate.source).find(({ namespace }) => namespace.id === gate.place.netns);
    const holds = holder
      ? placeName(topology, { netns: holder.namespace.id, name: holder.link.name })
      : 'the same namespace';
    const packet = gate.protocol === 'arp' ? 'the ARP request' : 'the packet';
    const relaxed = relaxations(context, gate.place, `let ${at} accept packets from the namespace's own addresses`, [
      { kind: 'interface-sysctl', at: gate.place, setting: 'accept_local', value: 1 },
    ]);
    return {
      title: `${at} ignores ${gate.source}: that is an address of its own namespace (on ${holds}), and accept_local is 0`,
      summary: `${packet} from ${gate.source} arrives at ${at}, and ${holds} in the same namespace holds that address. A packet from outside with an own address is taken for a forgery and ignored${
        gate.protocol === 'arp' ? ', silently' : ''
      }. Put the two ends into different namespaces, or let ${at} accept it.`,
      where: gate.place,
      ...(holder && sentElsewhere(situation.leg, gate.place) && holder.address.address !== query.destination
        ? { cure: takeAway(topology, gate.place.netns, holder.link.name, holder.address) }
        : relaxed),
    };
  },
};

/** True when the packet was sent in another namespace: both hold the address, and the receiver's is one too many. */
function sentElsewhere(leg: Leg, at: Place): boolean {
  const first = leg.steps.find((step) => step.kind === 'place');
  return first?.kind === 'place' && first.place.netns !== at.netns;
}

function takeAway(topology: Topology, netns: string, name: string, { address, prefixLength }: Address): Cure {
  const at = { netns, name };
  return {
    why: `the sender has ${address} already: take it from ${placeName(topology, at)}`,
    changes: [{ kind: 'address-del', at, address, prefixLength }],
  };
}
