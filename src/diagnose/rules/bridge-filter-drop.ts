import { stopperText } from '../../path/ruleset.ts';
import { inNetns, placeName } from '../../topology/naming.ts';
import { packetName } from '../evidence.ts';
import { acceptance, deletion } from '../filter-cure.ts';
import type { Rule } from '../rule.ts';
import { culprit } from '../suspect.ts';

export const bridgeFilterDrop: Rule = {
  id: 'bridge-filter-drop',
  severity: 'fault',
  title: 'a filter rule of the bridge itself drops the frame',
  explain: {
    what: `Bridges have packet filters of their own: nftables' family "bridge", which ebtables writes to as well. They see every
frame the bridge takes in (prerouting), hands up to its stack (input), passes from port to port (forward) or sends
(output, postrouting), ARP as well as IP. The IP chains, and iptables, know nothing of them.`,
    wire: `The frame comes in by the sender's port, goes up to the bridge if it is a broadcast, and never leaves by the other one.`,
    confirm: `  nft -a list ruleset bridge          the rules, with handles; add "counter" to one to see it work
  ebtables -L --Lc                    the same, where ebtables made them`,
    cure: `Delete the rule by its handle:
  nft delete rule bridge TABLE CHAIN handle N
or accept before it:
  nft insert rule bridge TABLE CHAIN iifname { "A", "B" } oifname { "A", "B" } accept
Rules that libvirt, Docker or a network policy made come back: change them where they come from.`,
    otherwise: `If ARP passes and IP does not, it may be a rule for IP here, or br_netfilter: bridge-netfilter-drop.`,
  },
  evaluate(context) {
    const { topology } = context;
    const found = culprit(context, 'bridge-filter');
    if (!found) return undefined;
    const { gate, certain } = found;
    const { by, bridge, hook, packet, from, to } = gate;
    // A rule that takes some and not others (a rate, a chance) is not decided: the kernel, or the loss of some, says that it did.
    const stopper = gate.stopper ?? (certain || context.partial ? gate.suspect : undefined);
    if (by !== 'bridge' || !stopper) return undefined;
    const deleted = deletion(bridge.netns, stopper);
    const change = [deleted, acceptance(topology, gate, stopper)].find(
      (attempt) => attempt !== undefined && (gate.stopper === undefined || context.passes([attempt])),
    );
    const places = [from, to].flatMap((place) => (place ? [placeName(topology, place)] : []));
    return {
      title: `${stopperText(stopper)} drops the ${packetName(packet)} in ${bridge.name}`,
      summary: `the frame is in ${bridge.name}${inNetns(topology, bridge.netns)} (${places.join(' to ')}), and at ${hook} ${stopperText(stopper)} drops it. These are rules of the bridge, which iptables does not show.`,
      where: gate.place,
      ...(gate.stopper ? {} : { confidence: certain ? ('proven' as const) : ('likely' as const) }),
      ...(change
        ? {
            cure: {
              why: change === deleted ? 'delete that rule' : 'accept the frame before it',
              changes: [change],
            },
          }
        : {}),
    };
  },
};
