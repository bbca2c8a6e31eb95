import { inNetns, placeName } from '../../topology/naming.ts';
import type { Rule } from '../rule.ts';

export const neighborWrongMac: Rule = {
  id: 'neighbor-wrong-mac',
  severity: 'fault',
  title: "a neighbour entry points to a hardware address that is not the owner's",
  explain: {
    what: `Instead of asking ARP, the kernel used an entry of its neighbour table, and that entry names another hardware
address than the owner of the IP address has. Permanent entries never correct themselves; a stale one lives until the
kernel doubts it. It happens after a container was recreated with the same address, or an entry was set by hand.`,
    wire: `No ARP. The packet is sent to the wrong address: seen on the wire, perhaps even at the right interface, and ignored
there, since it is addressed to somebody else. The same on the way back, when the replier's entry is the wrong one.`,
    confirm: `  ip neigh show ADDRESS dev DEV
  ip link show DEV            at the owner: another address`,
    cure: `  ip neigh del ADDRESS dev DEV
in the namespace that holds the entry; the next packet asks anew. Whatever sets the entry may set it again.`,
    otherwise: `If two hosts answer for one address, the entry may be right half of the time: that is address-duplicate.`,
  },
  evaluate({ situation, topology }) {
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'neighbour' || !situation.gate.owner) return undefined;
    const { entry, holder, owner } = situation.gate;
    const name = placeName(topology, holder);
    return {
      title: `${name} sends to ${entry.address} at ${entry.mac}, but ${placeName(topology, owner.place)} has ${owner.mac}`,
      summary: `the neighbour entry for ${entry.address} on ${name} (${entry.state}) names ${entry.mac}. The address is on ${placeName(topology, owner.place)}${inNetns(topology, owner.place.netns)}, whose hardware address is ${owner.mac}: it takes what comes for somebody else's and ignores it.`,
      where: holder,
      cure: {
        why: 'forget the entry: the next packet asks anew',
        changes: [{ kind: 'neighbour-del', at: holder, address: entry.address }],
      },
    };
  },
};
