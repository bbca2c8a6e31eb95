import type { VlanGate } from '../../path/gate.ts';
import type { Change } from '../../topology/change.ts';
import { placeName } from '../../topology/naming.ts';
import { linkOf, masterOf, namespaceOf, portsOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
import type { Context, Rule } from '../rule.ts';

export const bridgeVlanMismatch: Rule = {
  id: 'bridge-vlan-mismatch',
  severity: 'fault',
  title: 'the bridge filters by VLAN, and the ports share none',
  explain: {
    what: `With vlan_filtering on, a bridge is one bridge for each VLAN. An untagged frame gets the PVID of the port it comes in
by, and leaves only by ports that are in that VLAN; without a PVID it is dropped at once. A port that is in the VLAN
but not "untagged" sends it with a tag, which a container without a VLAN interface drops. The bridge's own stack is a
member too, with VLANs of its own ("self").`,
    wire: `The frame comes in by the sender's port and leaves by none that is not in its VLAN, perhaps not even up to the bridge. Or
it arrives with a tag, and is ignored.`,
    confirm: `  ip -d link show BRIDGE              vlan_filtering 1
  bridge vlan show                    the VLANs of each port: PVID, Egress Untagged`,
    cure: `Put both ports into one VLAN, each with it as its PVID:
  bridge vlan add dev PORT vid N pvid untagged
  bridge vlan add dev BRIDGE vid N pvid untagged self        where the bridge itself is to be reached
Different VLANs are usually meant to be apart: make sure these are not.`,
    otherwise: `If vlan_filtering is 0, VLANs of ports mean nothing, and it is not this. This rule is proven on a built capture and
topology, not on a running bridge.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'vlan') return undefined;
    const { gate } = situation;
    const name = placeName(topology, gate.place);
    const changes = cureFor(context, gate);
    const [first] = changes ?? [];
    const vlan = first?.kind === 'vlan-add' ? first.vlan : undefined;
    return {
      title: titleOf(gate, name),
      summary: `${gate.bridge ? `${placeName(topology, gate.bridge)} filters by VLAN. ` : ''}${summaryOf(gate, name)}`,
      where: gate.place,
      ...(changes ? { cure: { why: `make VLAN ${vlan} the PVID there, untagged`, changes } } : {}),
    };
  },
};

function titleOf({ direction, vlan }: VlanGate, name: string): string {
  if (direction === 'tagged')
    return `the frame comes to ${name} with the tag of VLAN ${vlan}, and nobody there takes it off`;
  if (vlan === undefined) return `${name} has no PVID: what comes in there untagged is dropped`;
  return `${name} is not in VLAN ${vlan}, which the frame belongs to`;
}

function summaryOf({ direction, vlan }: VlanGate, name: string): string {
  if (direction === 'tagged') return `The port is in VLAN ${vlan}, but tagged: ${name} has no interface for that VLAN.`;
  if (direction === 'ingress')
    return vlan === undefined
      ? `The frame has no tag, and ${name} gives it none.`
      : `The frame has the tag of VLAN ${vlan}, and ${name} is not in it.`;
  return `The frame was given VLAN ${vlan} where it came in, and may leave only by ports of that VLAN.`;
}

/** The frame's own VLAN where it has one, else one that other members of the bridge have as theirs. */
function cureFor(context: Context, gate: VlanGate): readonly Change[] | undefined {
  const { topology, best } = context;
  const at = gate.direction === 'tagged' ? taggingPort(context, gate) : gate.place;
  const namespace = at && namespaceOf(topology, at.netns);
  const link = at && linkOf(topology, at);
  if (!namespace || !link) return undefined;
  const bridge = link.bridge ? link : masterOf(namespace, link);
  if (!bridge) return undefined;
  const pvids = [bridge, ...portsOf(namespace, bridge)].flatMap(({ port, bridge: own }) =>
    (port?.vlans ?? own?.vlans ?? []).flatMap(({ id, pvid }) => (pvid ? [id] : [])),
  );
  const wanted = gate.vlan === undefined ? [...new Set(pvids)] : [gate.vlan];
  const self = link.bridge !== undefined;
  return best(wanted.map((vlan): Change[] => [{ kind: 'vlan-add', at, vlan, self }]));
}

/** The port by which it left with its tag: the last gate of that VLAN before. */
function taggingPort({ situation }: Context, gate: VlanGate): Place | undefined {
  if (situation.kind !== 'stopped') return undefined;
  const gates = situation.leg.steps.flatMap((step) => (step.kind === 'gate' ? [step.gate] : []));
  return gates
    .slice(0, gates.indexOf(gate))
    .findLast((before) => before.kind === 'vlan' && before.direction === 'egress' && before.vlan === gate.vlan)?.place;
}
