import { stopperText } from '../../path/ruleset.ts';
import { familyOf } from '../../topology/address.ts';
import { inNetns, placeName } from '../../topology/naming.ts';
import { circleCure } from '../circle-cure.ts';
import { deletion } from '../filter-cure.ts';
import type { Rule } from '../rule.ts';

export const ttlExpired: Rule = {
  id: 'ttl-expired',
  severity: 'fault',
  title: 'the time to live runs out: routers send the packet in a circle, or it started too small',
  explain: {
    what: `Every router takes one from a packet's time to live, and the one that would make it 0 drops it and says so (ICMP time
exceeded). IPv6 calls it hop limit. A packet only gets that far when routers send it in a circle, each taking the
other for the way to the target,
or when it was sent with too small a value (ping -t), or when a packet filter's rule on its way sets one.`,
    wire: `The same packet again and again between two routers, with a falling TTL, and then an ICMP time exceeded that goes
back to the sender.`,
    confirm: `  ip route get TARGET         at each router of the circle: they point at each other
  tcpdump -v -n -i DEV icmp   ttl 62, ttl 60, ttl 58 ...`,
    cure: `Correct the route that points back: at the last router that is right, the target's network must lead on, or be on
one of its own links. With a small -t, send with more.
A rule that sets it (nft: ip ttl set, ip6 hoplimit set; iptables: -j TTL, -j HL) has to set more, or to go.`,
    otherwise: `If the circle is there because an interface is down and its route with it, it is link-down.`,
  },
  evaluate(context) {
    const { situation, topology, query } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'ttl') return undefined;
    const { gate, leg } = situation;
    const at = placeName(topology, gate.place);
    const cure = gate.circle ? circleCure(context) : undefined;
    const limit = familyOf(query.destination) === 6 ? 'hop limit' : 'time to live';
    const { setBy } = gate;
    if (setBy && !gate.circle) {
      const { netns, rule } = setBy;
      const deleted = deletion(netns, rule);
      return {
        title: `${stopperText(rule)}${inNetns(topology, netns)} sets the ${limit}, and it runs out at ${at}`,
        summary: `the packet comes to ${at} with a ${limit} of ${gate.ttl}, since a rule on its way set it${rule.text ? `: ${rule.text}` : ''}. Passing it on would make that 0, so this router drops it and answers with an ICMP time exceeded.`,
        where: gate.place,
        ...(deleted && context.passes([deleted]) ? { cure: { why: 'delete that rule', changes: [deleted] } } : {}),
      };
    }
    return {
      title: gate.circle
        ? `routers send packets to ${leg.destination} in a circle through ${at}`
        : `the ${limit} of ${query.ttl ?? gate.ttl} runs out at ${at}`,
      summary: gate.circle
        ? `the packet to ${leg.destination} comes back to ${at}, where it has been before: the routers' routes point at each other, and it travels until its ${limit} is used up.`
        : `the packet comes to ${at} with a ${limit} of 1. Passing it on would make that 0, so this router drops it and answers with an ICMP time exceeded.`,
      where: gate.place,
      ...(cure === undefined ? {} : { cure }),
    };
  },
};
