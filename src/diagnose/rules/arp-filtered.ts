import { stopperText } from '../../path/ruleset.ts';
import type { Change } from '../../topology/change.ts';
import { inNetns, placeName } from '../../topology/naming.ts';
import { packetName } from '../evidence.ts';
import { deletion } from '../filter-cure.ts';
import type { Rule } from '../rule.ts';

export const arpFiltered: Rule = {
  id: 'arp-filtered',
  severity: 'fault',
  title: 'a filter rule for ARP drops the request or the reply',
  explain: {
    what: `ARP has packet filters of its own: nftables' family "arp", which arptables writes to as well. They see what a
namespace's own stack takes in (input) and sends (output) of ARP, and nothing else does: neither iptables nor the IP
chains. Load balancers use them to keep a real server silent, guards against ARP spoofing to let only known pairs pass.`,
    wire: `Dropped at input, the request (or the reply) is seen coming in, and nothing follows. Dropped at output, it is seen
nowhere, not even on the interface that should have sent it.`,
    confirm: `  nft -a list ruleset arp             the rules, with handles; add "counter" to one to see it work
  arptables -vnL                      the same, where arptables made them`,
    cure: `Delete the rule by its handle:
  nft delete rule arp TABLE CHAIN handle N
or, where a policy drops, accept before it:
  nft insert rule arp TABLE CHAIN iifname DEV accept
If a load balancer or a guard against spoofing made the rule, change it there: it comes back.`,
    otherwise: `Without such rules, look at arp_ignore (arp-ignored) and NOARP (link-arp-off). A rule of the bridge family drops
between the ports: bridge-filter-drop.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'arp-filter') return undefined;
    const { place, hook, packet, stopper } = situation.gate;
    if (!stopper) return undefined;
    const { netns } = place;
    const { family, table, base, legacy } = stopper;
    const deleted = deletion(netns, stopper);
    const names = [place.name];
    const accepted: Change = {
      kind: 'filter-accept',
      netns,
      family,
      table,
      chain: base,
      legacy,
      input: hook === 'input' ? names : [],
      output: hook === 'output' ? names : [],
    };
    const change = (deleted ? [deleted, accepted] : [accepted]).find((attempt) => context.passes([attempt]));
    const name = placeName(topology, place);
    return {
      title: `${stopperText(stopper)} drops the ${packetName(packet)} ${hook === 'input' ? `that comes in by ${name}` : `that should leave by ${name}`}`,
      summary: `at ${hook} of ${name}${inNetns(topology, netns)} the ARP family's ${stopperText(stopper)} drops the ${packetName(packet)} without an answer. Rules for IP, and iptables, have no part in it.`,
      where: place,
      ...(change
        ? {
            cure: {
              why:
                change === deleted
                  ? 'delete that rule'
                  : `accept ARP ${hook === 'input' ? 'from' : 'to'} that link before it`,
              changes: [change],
            },
          }
        : {}),
    };
  },
};
