import { expectPath } from '../../path/expect.ts';
import type { BridgeFilterGate } from '../../path/gate.ts';
import { type Stopper, stopperText } from '../../path/ruleset.ts';
import { applyChanges } from '../../topology/apply-changes.ts';
import type { Change } from '../../topology/change.ts';
import { inNetns, placeName } from '../../topology/naming.ts';
import { acceptance, deletion, narrowAcceptance, stopperAfter } from '../filter-cure.ts';
import type { Context, Cure, Rule } from '../rule.ts';

export const bridgeNetfilterDrop: Rule = {
  id: 'bridge-netfilter-drop',
  severity: 'fault',
  title: 'br_netfilter sends bridged IP packets through the IP filter, which drops them',
  explain: {
    what: `With the module br_netfilter loaded and bridge-nf-call-iptables=1, a bridge shows the IP packets that it passes from
port to port to the IP chains too: PREROUTING, FORWARD and POSTROUTING, as if they were routed. A FORWARD chain whose
policy is drop (Docker, ufw and firewalld set it) then stops traffic between two containers on one bridge.
Kubernetes needs the setting on, so every bridge of the machine gets it.`,
    wire: `ARP passes, since it is no IP. The echo request comes in by the sender's port and leaves by no other.`,
    confirm: `  sysctl net.bridge.bridge-nf-call-iptables       1
  nft list ruleset; iptables-save -c              a FORWARD chain with policy drop, or a rule whose counter moves`,
    cure: `Where a rule drops these packets in particular, accept them before it. Where a policy drops all that is passed on,
accept what stays inside the bridge; in DOCKER-USER where Docker owns FORWARD:
  nft insert rule ip filter FORWARD iifname BRIDGE oifname BRIDGE accept
  iptables -I FORWARD -i BRIDGE -o BRIDGE -j ACCEPT          the same, with iptables
The command lasts until the rules are loaded anew: put it where they come from.
Or switch the detour off: sysctl -w net.bridge.bridge-nf-call-iptables=0. Its price: Kubernetes' services and network
policies, and Docker's isolation of containers on one network, no longer work for bridged packets.`,
    otherwise: `If ARP is lost too, it is not this: look at the bridge family (bridge-filter-drop). If the packet is routed from the
bridge to another interface, FORWARD is where it belongs: filter-forward-drop.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'bridge-filter') return undefined;
    const { gate } = situation;
    const { by, bridge, stopper, from, to, hook } = gate;
    if (by !== 'br_netfilter' || !stopper) return undefined;
    const way = `${from ? placeName(topology, from) : bridge.name} to ${to ? placeName(topology, to) : bridge.name}`;
    const cure = cureFor(context, gate, stopper);
    return {
      title: `${stopperText(stopper)} drops what ${bridge.name} passes from port to port (br_netfilter)`,
      summary: `the packet stays inside ${bridge.name}, from ${way}. br_netfilter shows it to the IP chains all the same${inNetns(topology, bridge.netns)}, and at ${hook} ${stopperText(stopper)} drops it. ARP is not shown to them, and passes.`,
      where: gate.place,
      ...(cure ? { cure } : {}),
    };
  },
};

/** Chains at one hook that have to be told one by one: an accept in one says nothing in the next. */
const MAX_CHAINS = 4;

function cureFor(context: Context, gate: BridgeFilterGate, first: Stopper): Cure | undefined {
  // Away from forward, an accept would be for what is routed as well.
  const deleted = gate.hook === 'forward' ? undefined : deletion(gate.bridge.netns, first);
  if (deleted && context.passes([deleted])) return { why: 'delete that rule', changes: [deleted] };
  const narrow = first.specific ? narrowCure(context, gate, first) : undefined;
  if (narrow) return narrow;
  const changes: Change[] = [];
  let stopper: Stopper | undefined = first;
  while (stopper && changes.length < MAX_CHAINS) {
    const accept = acceptance(context.topology, gate, stopper);
    if (!accept) return undefined;
    changes.push(accept);
    if (context.passes(changes)) return { why: `accept what stays inside ${gate.bridge.name}`, changes };
    stopper = stopperAfter(context, gate, changes);
  }
  return undefined;
}

/** A rule that asks for something was put there for a reason: only this packet, and its reply, get past it. */
function narrowCure(context: Context, gate: BridgeFilterGate, first: Stopper): Cure | undefined {
  const changes: Change[] = [];
  let next: Stop | undefined = { gate, stopper: first };
  let helped = false;
  while (next && changes.length < MAX_CHAINS) {
    const accept = narrowAcceptance(context.topology, next.gate, next.stopper);
    if (!accept) break;
    changes.push(accept);
    helped ||= context.passes(changes);
    next = stillStopped(context, gate, changes);
  }
  const what = changes.length > 1 ? 'the packet and its reply' : 'the packet';
  return helped ? { why: `accept ${what} before the rule that drops`, changes } : undefined;
}

interface Stop {
  readonly gate: BridgeFilterGate;
  readonly stopper: Stopper;
}

/** What drops the request or its reply in the same bridge then. */
function stillStopped(
  { topology, query }: Context,
  { by, hook, bridge }: BridgeFilterGate,
  changes: readonly Change[],
): Stop | undefined {
  const { legs } = expectPath(applyChanges(topology, changes), query);
  for (const step of legs.flatMap(({ steps }) => steps)) {
    if (step.kind !== 'gate' || step.gate.kind !== 'bridge-filter' || step.gate.verdict !== 'stop') continue;
    const { gate } = step;
    const same = gate.by === by && gate.hook === hook && gate.bridge.netns === bridge.netns;
    if (same && gate.bridge.name === bridge.name && gate.stopper) return { gate, stopper: gate.stopper };
  }
  return undefined;
}
