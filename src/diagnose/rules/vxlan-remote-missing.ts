import { isGroup } from '../../path/ethernet.ts';
import type { VxlanGate } from '../../path/gate.ts';
import type { Change } from '../../topology/change.ts';
import { commandIn, placeName } from '../../topology/naming.ts';
import { linkOf, namespaceOf, ownersOf } from '../../topology/query.ts';
import { vxlanSettings } from '../../topology/vxlan.ts';
import type { Claim, Context, Cure, Rule } from '../rule.ts';

const ALL_ZEROS = '00:00:00:00:00:00';

export const vxlanRemoteMissing: Rule = {
  id: 'vxlan-remote-missing',
  severity: 'fault',
  title: 'a VXLAN device does not know to which node the frame has to go',
  explain: {
    what: `A VXLAN device sends each frame in a UDP packet to another node. To which one its forwarding table says: an entry for
the hardware address, or the entries for all zeros, which count for broadcasts and for addresses nobody knows. Without
either the frame is dropped in the device. With "proxy" the device answers ARP out of its own neighbour table and passes
no question on: then a missing neighbour entry is as bad.`,
    wire: `The frame leaves by the VXLAN device, as far as its tap shows, and nothing leaves by the uplink: no UDP packet to any
node, or only to others. With a broadcast that goes to some of the nodes, the others never hear it.`,
    confirm: `  bridge fdb show dev VX             no entry for the address, no 00:00:00:00:00:00 with "dst NODE"
  ip -d link show VX                 nolearning, proxy, l2miss: then somebody has to fill the tables
  ip neigh show dev VX               with proxy`,
    cure: `  bridge fdb append 00:00:00:00:00:00 dev VX dst NODE      for broadcasts and unknown addresses
  bridge fdb append MAC dev VX dst NODE                    for one address
What fills the table (flannel, Docker's swarm, a routing daemon) should have done it: look into its log, or the entry is
gone again with its next start.`,
    otherwise: `An entry that leads to the wrong node is vxlan-remote-wrong. If there is an entry and no route to the node it names,
it is route-missing. If the UDP packet leaves by the uplink and never comes to
the other node, look at filters in between: vxlan-blocked.`,
  },
  evaluate(context) {
    const { situation } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'vxlan') return undefined;
    const { gate } = situation;
    if (gate.by !== 'remote' && gate.by !== 'proxy') return undefined;
    return unknown(context, gate);
  },
};

function unknown(context: Context, gate: VxlanGate): Claim {
  const { topology } = context;
  const name = placeName(topology, gate.sender);
  const { peer } = gate;
  const group = isGroup(gate.mac);
  const cure = entriesFor(context, gate);
  const at = peer ? `, and ${placeName(topology, peer.place)}, of the same VNI ${gate.vni}, is at ${peer.address}` : '';
  const lacks =
    gate.remote === undefined
      ? `has no entry that says where ${group ? 'broadcasts go' : `${gate.mac} is`}`
      : `sends ${group ? 'broadcasts' : gate.mac} to ${gate.remote} alone`;
  return gate.by === 'proxy'
    ? {
        title: `${name} answers ARP itself and has no neighbour entry for ${gate.asked}`,
        summary: `${name} is set to answer questions for hardware addresses (proxy) and passes none on. It has no usable neighbour entry for ${gate.asked}, so nobody answers${at}.`,
        where: gate.sender,
        ...(cure === undefined ? {} : { cure }),
      }
    : {
        title: `${name} ${lacks}`,
        summary: `the frame leaves by ${name}, which has to send it to another node in a UDP packet. It ${lacks}${at}. The frame ends in the device.`,
        where: gate.sender,
        ...(cure === undefined ? {} : { cure }),
        evidence: [
          {
            kind: 'state',
            text: `the forwarding table of ${name} has no other entry that fits`,
            place: gate.sender,
            look: commandIn(topology, gate.sender.netns, ['bridge', 'fdb', 'show', 'dev', gate.sender.name]),
          },
        ],
      };
}

/** Entries as the others of the device are: filled in one by one, or for all zeros. */
function entriesFor(context: Context, gate: VxlanGate): Cure | undefined {
  const { situation, topology } = context;
  const { peer, sender: at } = gate;
  if (situation.kind === 'overall' || !peer) return undefined;
  const why = `${placeName(topology, peer.place)} is at ${peer.address}`;
  const append = (mac: string): Change => ({ kind: 'vxlan-append', at, mac, remote: peer.address });
  if (!isGroup(gate.mac) && gate.by !== 'proxy') return { why, changes: [append(gate.mac)] };
  const target = gate.asked ?? situation.leg.destination;
  const [owner] = ownersOf(topology, target);
  const byHand: Change[] = owner
    ? [
        {
          kind: 'neighbour-set',
          at: gate.by === 'proxy' ? at : (situation.leg.asker ?? at),
          address: target,
          mac: owner.link.mac,
        },
      ]
    : [];
  const known =
    owner &&
    namespaceOf(topology, at.netns)?.fdb.some(
      ({ device, mac, remote }) => device === at.name && mac === owner.link.mac && remote !== undefined,
    );
  const single = owner && byHand.length > 0 ? [...byHand, ...(known ? [] : [append(owner.link.mac)])] : undefined;
  const all = [append(ALL_ZEROS)];
  const attempts = gate.by === 'proxy' ? [single] : isFilledByHand(context, gate) ? [single, all] : [all, single];
  const changes = context.best(attempts.filter((attempt) => attempt !== undefined));
  return changes && { why, changes };
}

/** It learns nothing and has no entry for broadcasts: somebody writes an entry for each address. */
function isFilledByHand({ topology }: Context, { sender, peer }: VxlanGate): boolean {
  const link = linkOf(topology, sender);
  const learning = link && vxlanSettings(link)?.learning;
  const broadcasts = [sender, ...(peer ? [peer.place] : [])].some(({ netns, name }) =>
    namespaceOf(topology, netns)?.fdb.some(
      ({ device, mac, remote }) => device === name && mac === ALL_ZEROS && remote !== undefined,
    ),
  );
  return learning === false && !broadcasts;
}
