import type { NeighbourGate } from '../../path/gate.ts';
import type { Topology } from '../../topology/model.ts';
import { placeName } from '../../topology/naming.ts';
import { linkOf, namespaceOf, portsOf } from '../../topology/query.ts';
import type { Rule } from '../rule.ts';

export const bridgeMacChanged: Rule = {
  id: 'bridge-mac-changed',
  severity: 'fault',
  title: "the bridge's hardware address followed its ports and changed; a neighbour holds the old one",
  explain: {
    what: `A bridge whose hardware address nobody has set takes the lowest one of its ports. When a port with a lower address is
added, or the port whose address it has goes, the bridge's own address changes, and it tells nobody: its neighbours
go on sending to the old one until they doubt their entry. A container that starts or stops can cut off all others.`,
    wire: `No ARP. The echo request for the bridge comes in by the sender's port with the old address: it goes up to the bridge as
somebody else's when a port still has that address, else it is flooded to all ports, and nobody takes it.`,
    confirm: `  ip neigh show ADDRESS dev DEV       at the sender
  ip -br link show BRIDGE             another address`,
    cure: `Set the address the neighbours know; set by hand, it follows the ports no longer:
  ip link set BRIDGE address OLD
Make it permanent where the bridge is configured (systemd-networkd: MACAddress=, netplan: macaddress).`,
    otherwise: `If the entry's address never was the bridge's, it is neighbor-wrong-mac.`,
  },
  evaluate({ situation, topology, passes }) {
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'neighbour' || !situation.gate.owner) return undefined;
    const { entry, holder, owner } = situation.gate;
    const { mac: old } = entry;
    if (old === undefined || !wasItsOwn(topology, situation.gate)) return undefined;
    const name = placeName(topology, owner.place);
    const changes = [{ kind: 'link-mac', at: owner.place, mac: old }] as const;
    return {
      title: `${name} has ${owner.mac} now, and ${placeName(topology, holder)} still sends to ${old}, which it had before`,
      summary: `the neighbour entry for ${entry.address} on ${placeName(topology, holder)} (${entry.state}) names ${old}. ${name} takes the lowest address of its ports, and since a port came or went that is ${owner.mac}: it ignores what comes for the old one.`,
      where: owner.place,
      ...(passes(changes) ? { cure: { why: 'give the bridge back the address its neighbours know', changes } } : {}),
    };
  },
};

/** The bridge has the address of one of its ports, and the entry's is another port's, or that of one that is gone. */
function wasItsOwn(topology: Topology, { entry, owner }: NeighbourGate): boolean {
  const bridge = owner && linkOf(topology, owner.place);
  const namespace = owner && namespaceOf(topology, owner.place.netns);
  if (!namespace || bridge?.kind !== 'bridge') return false;
  const ports = portsOf(namespace, bridge);
  if (!ports.some(({ mac }) => mac === bridge.mac)) return false;
  if (ports.some(({ mac }) => mac === entry.mac)) return true;
  const anybody = topology.namespaces.some(({ links }) => links.some(({ mac }) => mac === entry.mac));
  // Set by hand, it need never have been the bridge's.
  return !anybody && entry.state !== 'PERMANENT';
}
