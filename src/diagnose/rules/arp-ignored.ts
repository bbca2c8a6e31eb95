import type { ArpAnswerGate } from '../../path/gate.ts';
import type { Change } from '../../topology/change.ts';
import { inNetns, placeName } from '../../topology/naming.ts';
import { linkOf, namespaceOf, ownersOf } from '../../topology/query.ts';
import type { Context, Rule } from '../rule.ts';

export const arpIgnored: Rule = {
  id: 'arp-ignored',
  severity: 'fault',
  title: "arp_ignore or arp_filter keeps the address's owner from answering ARP",
  explain: {
    what: `Linux answers ARP for all of its addresses on all of its interfaces, unless it is told not to.
arp_ignore=1 answers only for addresses of the interface the request comes in by, 2 in addition only where the asker is
in the same subnet, 3 not for addresses of scope host, 8 never. arp_filter=1 answers only by the interface by which the
namespace would send to the asker. The greater of net.ipv4.conf.all and the interface's own value counts.
Load balancers set it on purpose: a real server behind LVS holds the service's address and must not answer for it.`,
    wire: `The ARP request is seen coming in at the owner of the address, and no reply leaves it. No drop event, no counter.`,
    confirm: `  sysctl net.ipv4.conf.all.arp_ignore net.ipv4.conf.DEV.arp_ignore
  sysctl net.ipv4.conf.all.arp_filter net.ipv4.conf.DEV.arp_filter
  ip addr                     is the address on DEV, or on another interface beside it?`,
    cure: `  sysctl -w net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.DEV.arp_ignore=0
or arp_filter likewise; or put the address on the interface that is asked. If a load balancer wants the silence, ask the
balancer for the address, not this machine.`,
    otherwise: `If the settings are 0 and the owner is silent all the same, look at the way back to the asker (source validation
decides ARP too: reverse-path-filter, source-is-local) and at NOARP (link-arp-off).`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'arp-answer') return undefined;
    const { gate, leg } = situation;
    if (gate.by !== 'arp_ignore' && gate.by !== 'arp_filter') return undefined;
    const name = placeName(topology, gate.place);
    const holder = ownersOf(topology, leg.destination).find(({ namespace }) => namespace.id === gate.place.netns);
    const holds =
      holder && holder.link.name !== gate.place.name
        ? ` The address is on ${placeName(topology, { netns: gate.place.netns, name: holder.link.name })}, and the request comes in by ${name}.`
        : '';
    const value = effective(context, gate);
    const changes = unset(context, gate);
    return {
      title: `${gate.by}=${value} keeps ${name} from answering for ${leg.destination}`,
      summary: `the ARP request for ${leg.destination} comes in by ${name}${inNetns(topology, gate.place.netns)}, whose namespace has the address, and ${gate.by} is ${value} there: it stays silent, without any trace.${holds}`,
      where: gate.place,
      ...(changes.length > 0 && context.passes(changes)
        ? { cure: { why: `let ${name} answer for every address of its namespace`, changes } }
        : {}),
    };
  },
};

function effective({ topology }: Context, { place, by }: ArpAnswerGate): number {
  const all = namespaceOf(topology, place.netns)?.sysctls[`ipv4.conf.all.${by}`] ?? 0;
  return Math.max(all, linkOf(topology, place)?.ipv4[by] ?? 0);
}

/** Both values count: whichever is set is set to 0. */
function unset({ topology }: Context, { place, by }: ArpAnswerGate): Change[] {
  const all = namespaceOf(topology, place.netns)?.sysctls[`ipv4.conf.all.${by}`] ?? 0;
  const own = linkOf(topology, place)?.ipv4[by] ?? 0;
  return [
    ...(all === 0
      ? []
      : [{ kind: 'namespace-sysctl', netns: place.netns, setting: `ipv4.conf.all.${by}`, value: 0 } as const]),
    ...(own === 0 ? [] : [{ kind: 'interface-sysctl', at: place, setting: by, value: 0 } as const]),
  ];
}
