import type { VxlanGate } from '../../path/gate.ts';
import type { Change } from '../../topology/change.ts';
import type { Link, Topology } from '../../topology/model.ts';
import { placeName } from '../../topology/naming.ts';
import { linkOf, masterOf, namespaceOf } from '../../topology/query.ts';
import { vxlanSettings } from '../../topology/vxlan.ts';
import type { Place } from '../../trace/frame.ts';
import type { Context, Cure, Rule } from '../rule.ts';

export const vxlanVniMismatch: Rule = {
  id: 'vxlan-vni-mismatch',
  severity: 'fault',
  title: 'the VXLAN devices of two nodes have different identifiers or UDP ports',
  explain: {
    what: `Devices of one VXLAN network have one identifier (VNI) and one UDP port, on every node. What comes with an identifier
that no device of the node has is dropped; what comes to a port that no device listens on is answered with an ICMP
error. Ports differ sooner than one thinks: the standard says 4789, and Linux sends to 8472 where nothing is said.`,
    wire: `The UDP packet leaves one uplink and comes in by the other, and no frame comes out of the VXLAN device there. With
different ports the node sends ICMP "port unreachable" back.`,
    confirm: `  ip -d link show type vxlan         on both nodes: "vxlan id N … dstport P"
  vdiag drops --for 10               VXLAN_VNI_NOT_FOUND, or NO_SOCKET in __udp4_lib_rcv`,
    cure: `Neither can be changed while the device exists: make it anew on the node that has it wrong.
  ip link del VX
  ip link add VX type vxlan id N dstport P …
with its addresses, its bridge and its entries. Whatever makes the device (a network option, a unit file) has the wrong
number: correct it there.`,
    otherwise: `If the UDP packet never comes in by the other uplink, it is filtered on its way: vxlan-blocked. If it goes to a node that
is not of this network at all, the entry is wrong: vxlan-remote-wrong.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'vxlan') return undefined;
    const { gate } = situation;
    if (gate.by !== 'vni' && gate.by !== 'port' && gate.by !== 'absent') return undefined;
    const name = placeName(topology, gate.sender);
    const { peer } = gate;
    if (!peer)
      return {
        title: `no VXLAN device listens on ${gate.remote}, where ${name} sends to`,
        summary: `${name} sends to ${gate.remote}, and the namespace that has this address has no VXLAN device: nobody takes the frame out of its UDP packet. Either a device is missing there, or the entry of ${name} names the wrong node.`,
        where: gate.place,
      };
    const other = placeName(topology, peer.place);
    const cure = remade(context, gate, peer);
    const [own, theirs] =
      gate.by === 'vni' ? [`VNI ${gate.vni}`, `VNI ${peer.vni}`] : [`UDP port ${gate.port}`, `port ${peer.port}`];
    return {
      title: `${name} sends with ${own}, and ${other} has ${theirs}`,
      summary: `the UDP packet comes to ${gate.remote}, and no VXLAN device there takes it: ${other} has VNI ${peer.vni} on port ${peer.port}, and ${name} sends VNI ${gate.vni} to port ${gate.port}.`,
      where: peer.place,
      ...(cure === undefined ? {} : { cure }),
    };
  },
};

/** The device that is alone with its numbers is made anew; where each is, the one that receives. */
function remade(context: Context, gate: VxlanGate, peer: NonNullable<VxlanGate['peer']>): Cure | undefined {
  const { topology } = context;
  const theirs = { at: peer.place, vni: gate.vni, port: gate.port };
  const own = { at: gate.sender, vni: peer.vni, port: peer.port };
  const order =
    likeIt(topology, own.vni, own.port) > likeIt(topology, theirs.vni, theirs.port) ? [own, theirs] : [theirs, own];
  const attempts = order.flatMap(({ at, vni, port }) => anew(topology, at, vni, port) ?? []);
  const best = context.best(attempts.map(({ changes }) => changes));
  const chosen = attempts.find(({ changes }) => changes === best);
  return (
    chosen && {
      why: `make ${placeName(topology, chosen.at)} anew, with the numbers of the other`,
      changes: chosen.changes,
    }
  );
}

/** How many devices have these numbers. */
function likeIt({ namespaces }: Topology, vni: number, port: number): number {
  const all = namespaces.flatMap(({ links }) => links.flatMap((link) => vxlanSettings(link) ?? []));
  return all.filter((settings) => settings.vni === vni && settings.port === port).length;
}

/** The same device with other numbers; undefined where its socket is in another namespace, which no command reaches from here. */
function anew(topology: Topology, at: Place, vni: number, port: number): { at: Place; changes: Change[] } | undefined {
  const namespace = namespaceOf(topology, at.netns);
  const link = linkOf(topology, at);
  if (!namespace || !link || link.socketNetns !== undefined || vxlanSettings(link)?.external) return undefined;
  const master = masterOf(namespace, link);
  const known = [link.data.remote, link.data.remote6, link.data.group, link.data.group6];
  const entries = namespace.fdb.filter(
    ({ device, master: over, remote, state }) =>
      device === at.name && over === undefined && remote !== undefined && state !== '' && !known.includes(remote),
  );
  const neighbours = namespace.neighbours.filter(
    ({ device, state, proxy }) => device === at.name && state === 'PERMANENT' && !proxy,
  );
  return {
    at,
    changes: [
      { kind: 'link-del', at },
      { kind: 'vxlan-add', at, mac: link.mac, vni, port, data: link.data },
      { kind: 'link-mtu', at, mtu: link.mtu },
      ...(master?.kind === 'bridge' ? [{ kind: 'enslave', at, bridge: master.name } as const] : []),
      ...addresses(link).map(
        ({ address, prefixLength }): Change => ({ kind: 'address-add', at, address, prefixLength }),
      ),
      { kind: 'link-up', at },
      ...entries.map(({ mac, remote = '' }): Change => ({ kind: 'vxlan-append', at, mac, remote })),
      ...neighbours.map(({ address, mac = '' }): Change => ({ kind: 'neighbour-set', at, address, mac })),
      ...routesBy(topology, at),
    ],
  };
}

function addresses({ addresses: all }: Link) {
  return all.filter(({ scope, peer }) => scope === 'global' && peer === undefined);
}

/** Routes that somebody set: those of its addresses come by themselves. */
function routesBy(topology: Topology, at: Place): Change[] {
  return (namespaceOf(topology, at.netns)?.routes ?? []).flatMap((route): Change[] => {
    const [hop, ...others] = route.nextHops;
    if (route.type !== 'unicast' || route.protocol === 'kernel' || hop?.device !== at.name || others.length > 0)
      return [];
    return [
      {
        kind: 'route-replace',
        netns: at.netns,
        destination: route.destination,
        device: at.name,
        ...(hop.gateway === undefined ? {} : { gateway: hop.gateway, onLink: hop.flags.includes('onlink') }),
        ...(route.table === 'main' ? {} : { table: route.table }),
        ...(route.metric ? { metric: route.metric } : {}),
        ...(route.source === undefined ? {} : { source: route.source }),
      },
    ];
  });
}
