import { filterClaim } from '../filter-claim.ts';
import { filterCulprit, roleOf } from '../filter-culprit.ts';
import type { Rule } from '../rule.ts';

export const filterForwardDrop: Rule = {
  id: 'filter-forward-drop',
  severity: 'fault',
  title: 'a filter of a router drops what it should pass on',
  explain: {
    what: `A rule or the policy of a FORWARD chain of a machine between the two drops the packet, or one of POSTROUTING on its way
out. Docker sets the policy of FORWARD to DROP and lets its own networks through; what comes from elsewhere needs a rule
in DOCKER-USER. Every chain at the hook has its say: an accept in one table does not overrule a drop in another.`,
    wire: `The request comes in by one interface of the router and leaves by none; no error comes back. Or the reply does: a chain
that passes "established" alone drops it where conntrack did not see the request, as on asymmetric ways.`,
    confirm: `on the router:
  nft -a list ruleset                          chains with "hook forward", handles, policies
  iptables-nft -vnL FORWARD --line-numbers     counters that grow with each ping; iptables-legacy beside it
  vdiag drops --for 10                         NETFILTER_DROP while it happens`,
    cure: `Accept it before the rule that drops, in the chain that has the rule; in DOCKER-USER where Docker owns FORWARD:
  iptables -I DOCKER-USER -i IN -o OUT -s SOURCE -d TARGET -j ACCEPT
  nft insert rule FAMILY TABLE CHAIN position HANDLE iifname IN oifname OUT ip saddr SOURCE ip daddr TARGET accept
and the same for the reply, unless established connections are accepted already. Or delete the rule by its handle.
It lasts until the rules are loaded anew: put it where they come from.`,
    otherwise: `If the router does not forward at all, no counter of FORWARD grows: forwarding-off. What stays inside one bridge and is
dropped here all the same is sent through FORWARD by br_netfilter: bridge-netfilter-drop.`,
  },
  evaluate(context) {
    const culprit = filterCulprit(context);
    if (!culprit || culprit.stopper?.rejects !== undefined || roleOf(culprit.gate) !== 'forward') return undefined;
    return filterClaim(context, culprit);
  },
};
