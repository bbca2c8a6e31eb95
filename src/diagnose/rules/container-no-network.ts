import { inNetns, netnsName } from '../../topology/naming.ts';
import { namespaceOf } from '../../topology/query.ts';
import type { Rule } from '../rule.ts';

export const containerNoNetwork: Rule = {
  id: 'container-no-network',
  severity: 'fault',
  title: 'the namespace has no interface but lo: nothing leads out of it',
  explain: {
    what: `A new network namespace has a loopback device and nothing else. A container that was started without a network
(--network none), or whose network was taken away or never came (the plugin that should have made the veth pair failed),
is in such a namespace: it can reach its own addresses and nothing else.`,
    wire: `Nothing on any wire. What is sent by lo comes back by lo and ends there.`,
    confirm: `  ip -br link                 in the namespace: lo, and nothing else`,
    cure: `Give it a network: by the runtime (docker network connect NETWORK CONTAINER), or by hand:
  ip link add HOSTEND type veth peer name eth0 netns NAMESPACE
  ip link set HOSTEND master BRIDGE up
  ip -n NAMESPACE addr add ADDRESS/LEN dev eth0
  ip -n NAMESPACE link set eth0 up
  ip -n NAMESPACE route add default via GATEWAY`,
    otherwise: `If there is another interface and it is down, it is link-down. If it is up and has no address, it is address-missing.`,
  },
  evaluate({ situation, topology, query }) {
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'loopback') return undefined;
    const { purpose, place } = situation.gate;
    const links = namespaceOf(topology, place.netns)?.links ?? [];
    if (purpose !== 'foreign' || links.some(({ kind }) => kind !== 'loopback')) return undefined;
    const who = place.netns === topology.home ? 'this namespace' : netnsName(topology, place.netns);
    return {
      title: `${who} has no network: its only interface is ${place.name}`,
      summary: `there is no interface but ${place.name}${inNetns(topology, place.netns)}, so nothing that is sent to ${query.destination} can leave it. It needs one end of a veth pair, an address and a route; whatever started it did not give it any.`,
      where: place,
    };
  },
};
