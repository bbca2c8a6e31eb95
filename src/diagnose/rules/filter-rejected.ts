import { familyOf } from '../../topology/address.ts';
import { placeName } from '../../topology/naming.ts';
import { ownersOf } from '../../topology/query.ts';
import { icmpName } from '../../wire/icmp-name.ts';
import { filterClaim } from '../filter-claim.ts';
import { filterCulprit, isRefusal } from '../filter-culprit.ts';
import type { Claim, Context, Rule } from '../rule.ts';

export const filterRejected: Rule = {
  id: 'filter-rejected',
  severity: 'fault',
  title: 'a filter rejects the packet and says so in an ICMP error',
  explain: {
    what: `A rule with "reject" (REJECT in iptables) stops the packet and sends an ICMP error back, "port unreachable" unless the
rule says otherwise; firewalld and many appliances say "administratively prohibited". The kernel itself never answers an
echo request with "port unreachable": a rule did. A route of type prohibit sends "administratively prohibited" as well.`,
    wire: `The request ends at the machine that filters; the error comes back from it, at once and for every request. If the rule is
the sender's own, nothing is on any wire, and ping shows the error from its own address.`,
    confirm: `on the machine that sent the error:
  nft -a list ruleset | grep -B3 reject
  iptables-nft -vnL | grep REJECT              counters that grow with each ping; iptables-legacy beside it
  ip route get ADDRESS                         "prohibited": a route, no rule`,
    cure: `Accept what is wanted before the rule that rejects, as narrowly as it can be said:
  nft insert rule FAMILY TABLE CHAIN position HANDLE ip saddr SOURCE ip daddr TARGET accept
  iptables -I CHAIN N -s SOURCE -d TARGET -j ACCEPT
Where firewalld made the rule: firewall-cmd --zone=trusted --add-source=SOURCE, and --permanent to keep it.`,
    otherwise: `If the error comes from an address that is not on your machines, somebody else filters: ask them. "Host unreachable" is
no filter: nobody answered the router's ARP.`,
  },
  evaluate(context) {
    const culprit = filterCulprit(context);
    if (culprit?.stopper?.rejects !== undefined) return filterClaim(context, culprit);
    return context.situation.kind === 'lost' ? refusedElsewhere(context) : undefined;
  },
};

/** An error says so, and no rule that vdiag can read does. */
function refusedElsewhere(context: Context): Claim | undefined {
  const { example, topology, query } = context;
  const icmp = example?.probe?.error?.icmp;
  if (!icmp || !isRefusal(query.destination, icmp.type, icmp.code)) return undefined;
  const error = icmpName(familyOf(query.destination), icmp.type, icmp.code);
  const [owner] = ownersOf(topology, icmp.from);
  const where = owner ? { netns: owner.namespace.id, name: owner.link.name } : undefined;
  const named = where ? `${icmp.from} (${placeName(topology, where)})` : icmp.from;
  return {
    title: `${named} rejects the echo request: ${error}`,
    summary: `the error came back from ${named}, quoting the request. A rule there rejects it${
      where ? ', and none that vdiag decides does' : ', on a machine whose rules cannot be seen from here'
    }.`,
    where: where ?? query.start,
    confidence: where ? 'likely' : 'proven',
  };
}
