import { filterClaim } from '../filter-claim.ts';
import { filterCulprit, roleOf } from '../filter-culprit.ts';
import type { Rule } from '../rule.ts';

export const filterPreroutingDrop: Rule = {
  id: 'filter-prerouting-drop',
  severity: 'fault',
  title: 'a filter drops the packet as it comes in, before it is routed',
  explain: {
    what: `A rule at PREROUTING (tables raw and mangle, or any nft chain with "hook prerouting") or at a device's ingress hook drops
the packet before the kernel decides whether it is for this machine or to be passed on. Docker 28 does so in raw
PREROUTING with what comes to a container's address by another way than its bridge (direct routing). Guards against
spoofed sources (fib, rpfilter) and against floods sit there too.`,
    wire: `The packet is sighted coming in by the interface, and nothing follows. The counters of INPUT and FORWARD stand still.`,
    confirm: `  iptables-nft -t raw -vnL PREROUTING --line-numbers     counters that grow with each ping; -t mangle too
  nft -a list ruleset                                    chains with "hook prerouting" or "hook ingress"
  vdiag drops --for 10                                   NETFILTER_DROP while it happens`,
    cure: `Accept it before the rule that drops, in the chain that has the rule:
  iptables -t raw -I PREROUTING N -i DEV -s SOURCE -d TARGET -j ACCEPT
  nft insert rule FAMILY TABLE CHAIN position HANDLE iifname DEV ip saddr SOURCE ip daddr TARGET accept
For Docker's own rules: publish the port instead of routing to the container, or create the network with
com.docker.network.bridge.gateway_mode_ipv4=routed or trusted_host_interfaces. A rule put in by hand lasts until Docker
loads its own anew.`,
    otherwise: `The kernel's own check of sources drops at the same place without any rule: reverse-path-filter. If the counters of
INPUT or FORWARD do grow, it is one of those: filter-input-drop, filter-forward-drop.`,
  },
  evaluate(context) {
    const culprit = filterCulprit(context);
    if (!culprit || culprit.stopper?.rejects !== undefined || roleOf(culprit.gate) !== 'prerouting') return undefined;
    return filterClaim(context, culprit);
  },
};
