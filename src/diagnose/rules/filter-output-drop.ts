import { filterClaim } from '../filter-claim.ts';
import { filterCulprit, roleOf } from '../filter-culprit.ts';
import type { Rule } from '../rule.ts';

export const filterOutputDrop: Rule = {
  id: 'filter-output-drop',
  severity: 'fault',
  title: 'a filter of the sender, or of whoever replies, drops what it sends',
  explain: {
    what: `A rule or the policy of an OUTPUT chain drops what the namespace itself sends, or one of POSTROUTING or of the device's
egress does. For the sender that is the request: the program is told "Operation not permitted". For the target it is the
reply, and nobody is told anything.`,
    wire: `Nothing on any wire, not even on the interface it should leave by, and no ARP for it. If the target's OUTPUT drops the
reply, the request is sighted arriving and nothing comes back.`,
    confirm: `in the namespace that sends:
  ping -c 1 TARGET                             sendmsg: Operation not permitted
  nft -a list ruleset                          chains with "hook output", handles, policies
  iptables-nft -vnL OUTPUT --line-numbers      counters that grow with each ping; iptables-legacy beside it`,
    cure: `Accept it before the rule that drops, in the chain that has the rule:
  nft insert rule FAMILY TABLE CHAIN position HANDLE oifname DEV ip daddr TARGET accept
  iptables -I OUTPUT N -o DEV -d TARGET -j ACCEPT
or delete the rule by its handle. It lasts until the rules are loaded anew: put it where they come from.`,
    otherwise: `"Network is unreachable" is a route, not a filter (route-missing). "No buffer space available" is a queue or the
neighbour table. If the request leaves and is lost later, look at the routers and the target.`,
  },
  evaluate(context) {
    const culprit = filterCulprit(context);
    if (!culprit || culprit.stopper?.rejects !== undefined || roleOf(culprit.gate) !== 'output') return undefined;
    return filterClaim(context, culprit);
  },
};
