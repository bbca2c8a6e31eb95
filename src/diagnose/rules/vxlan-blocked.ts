import type { BridgeFilterGate, Gate, Tunnel } from '../../path/gate.ts';
import { stopperText } from '../../path/ruleset.ts';
import { placeName } from '../../topology/naming.ts';
import { filterClaim } from '../filter-claim.ts';
import { filterCulprit } from '../filter-culprit.ts';
import { acceptance, deletion } from '../filter-cure.ts';
import type { Claim, Context, Rule } from '../rule.ts';

export const vxlanBlocked: Rule = {
  id: 'vxlan-blocked',
  severity: 'fault',
  title: 'a filter drops the UDP packets of a VXLAN network between its nodes',
  explain: {
    what: `What containers on different nodes send each other travels in UDP packets between the nodes. A packet filter of a node,
or of what lies between them, that does not know the port drops all of it, while the nodes reach each other by
everything else. Some clouds and hypervisors drop one of the usual ports too: VMware takes 8472 and 4789 for its own.`,
    wire: `The UDP packet (port 4789, or 8472) with the container's frame inside leaves one node's uplink and does not come in by
the other's; or it comes in, and no frame comes out of the VXLAN device. Already ARP between the containers fails.`,
    confirm: `  nft list ruleset; iptables-save -c          on both nodes: does anything accept udp dport 4789?
  tcpdump -ni UPLINK udp port 4789            on both: leaves here, arrives there?`,
    cure: `Accept the packets of the other nodes, before the rule that drops:
  nft insert rule inet filter input ip saddr NODE udp dport 4789 accept
and in the security group or firewall between the nodes, if there is one.`,
    otherwise: `If the packet comes in by the other uplink and there is no rule, compare identifiers and ports: vxlan-vni-mismatch. If
only big packets are lost, it is vxlan-mtu.`,
  },
  evaluate(context) {
    const culprit = filterCulprit(context);
    if (culprit?.gate.tunnel) {
      const claim = filterClaim(context, culprit);
      const who = culprit.stopper ? stopperText(culprit.stopper) : `a rule at ${culprit.gate.hook}`;
      return { ...claim, ...worded(context, culprit.gate, culprit.gate.tunnel, who) };
    }
    const { situation } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'bridge-filter') return undefined;
    const { tunnel } = situation.gate;
    return tunnel && inBridge(context, situation.gate, tunnel);
  },
};

function worded({ topology }: Context, { place }: Gate, { sender, remote, port }: Tunnel, who: string) {
  const at = placeName(topology, place);
  const name = placeName(topology, sender);
  return {
    title: `${who} drops the UDP packets of ${name} to ${remote}, port ${port}, at ${at}`,
    summary: `${name} puts what it sends into UDP packets to ${remote}, port ${port}. At ${at} ${who} drops them, so nothing of the VXLAN network comes through there.`,
  };
}

function inBridge(context: Context, gate: BridgeFilterGate, tunnel: Tunnel): Claim | undefined {
  const { stopper } = gate;
  if (!stopper) return undefined;
  const attempts = [deletion(gate.bridge.netns, stopper), acceptance(context.topology, gate, stopper)];
  const changes = context.best(attempts.flatMap((change) => (change ? [[change]] : [])));
  return {
    ...worded(context, gate, tunnel, stopperText(stopper)),
    where: gate.place,
    ...(changes ? { cure: { why: 'let the UDP packets of the nodes pass', changes } } : {}),
  };
}
