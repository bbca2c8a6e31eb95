import { filterClaim } from '../filter-claim.ts';
import { filterCulprit, roleOf } from '../filter-culprit.ts';
import type { Rule } from '../rule.ts';

export const filterInputDrop: Rule = {
  id: 'filter-input-drop',
  severity: 'fault',
  title: 'a filter of the receiver drops the packet',
  explain: {
    what: `The packet arrives at the namespace it is for, and a rule or the policy of an INPUT chain there drops it before
anything sees it. Every chain at the hook has its say: an accept in one table does not overrule a drop in another, and
iptables-legacy, iptables-nft and nft have tables of their own that all count. For a reply the receiver is the sender of
the request: a chain that lets in only "established" drops it where conntrack did not see the request go out.`,
    wire: `The packet is sighted coming in by the receiver's interface; no answer follows, and no error. ARP is answered: filters
for IP do not see it. Neighbour solicitations of IPv6 are ICMPv6, and a chain that drops all ICMPv6 drops them too.`,
    confirm: `in the receiver's namespace:
  nft -a list ruleset                    chains with "hook input", handles, policies
  iptables-nft -vnL INPUT --line-numbers       counters that grow with each ping; iptables-legacy beside it
  vdiag drops --for 10                   NETFILTER_DROP while it happens`,
    cure: `Accept it before the rule that drops, in the chain that has the rule:
  nft insert rule FAMILY TABLE CHAIN position HANDLE iifname DEV ip saddr SOURCE accept
  iptables -I INPUT N -i DEV -s SOURCE -j ACCEPT
or delete the rule by its handle. It lasts until the rules are loaded anew: put it where they come from (firewalld, ufw,
nftables.conf, the container image).`,
    otherwise: `If the request is answered and the reply does not arrive, look at the sender's own INPUT and at the routers. If there are
no rules, the receiver may have no way back (route-return-missing) or ignores echoes (echo-ignored).`,
  },
  evaluate(context) {
    const culprit = filterCulprit(context);
    if (!culprit || culprit.stopper?.rejects !== undefined || roleOf(culprit.gate) !== 'input') return undefined;
    return filterClaim(context, culprit);
  },
};
