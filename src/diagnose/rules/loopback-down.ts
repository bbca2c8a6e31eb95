import { inNetns, netnsName, placeName } from '../../topology/naming.ts';
import type { Rule } from '../rule.ts';

export const loopbackDown: Rule = {
  id: 'loopback-down',
  severity: 'fault',
  title: 'lo is down: the namespace cannot reach its own addresses',
  explain: {
    what: `A new network namespace has a loopback device, and it is down. What the namespace sends to any of its own addresses,
not only to 127.0.0.1, goes over lo: so it does not arrive.`,
    wire: `Nothing on any wire, and nothing on lo: the send itself fails, or the reply goes nowhere.`,
    confirm: `  ip -br link show lo         DOWN`,
    cure: `  ip link set lo up
in the namespace; its addresses 127.0.0.1 and ::1 come with it.`,
    otherwise: `If lo is up (its state reads UNKNOWN, which is right), it is not this.`,
  },
  evaluate({ situation, topology }) {
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'loopback') return undefined;
    if (situation.gate.purpose === 'foreign') return undefined;
    const { place, purpose } = situation.gate;
    const name = placeName(topology, place);
    const who = place.netns === topology.home ? 'this namespace' : netnsName(topology, place.netns);
    return {
      title: `${name} is down: ${who} cannot reach its own addresses`,
      summary: `${purpose === 'reply' ? 'the reply goes to an address of the same namespace, and so' : 'what a namespace sends to its own address goes'} over lo, and lo is down${inNetns(topology, place.netns)}.`,
      where: place,
      cure: { why: `set ${name} up`, changes: [{ kind: 'link-up', at: place }] },
    };
  },
};
