/** VLAN filtering of a bridge: which VLAN a frame belongs to, and where that VLAN goes (net/bridge/br_vlan.c). */
import type { BridgePort } from '../topology/model.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import { portsOf } from '../topology/query.ts';
import type { VlanGate } from './gate.ts';
import { type Port, placeOf, type World } from './world.ts';

type Vlans = BridgePort['vlans'];

export interface Entering {
  /** Undefined where the bridge does not filter, or its tables were not read. */
  readonly id: number | undefined;
  readonly gates: readonly VlanGate[];
}

/**
 * br_allowed_ingress: an untagged frame gets the PVID of the port, or of the bridge itself where its own stack sends.
 * @param tag the frame's own, where it came tagged
 */
export function ingressVlan(world: World, bridge: Port, from: Port, tag: number | undefined): Entering {
  if (!bridge.link.bridge?.vlanFiltering) return { id: undefined, gates: [] };
  const vlans = vlansOf(from);
  if (!isRead(bridge)) return { id: undefined, gates: [gate(world, bridge, from, 'ingress', undefined, 'unknown')] };
  const id = tag ?? vlans.find(({ pvid }) => pvid)?.id;
  const allowed = id !== undefined && vlans.some((vlan) => vlan.id === id);
  return { id, gates: [gate(world, bridge, from, 'ingress', id, allowed ? 'pass' : 'stop')] };
}

/** br_allowed_egress and br_handle_vlan: may the frame leave here, and does it keep its tag? */
export function egressVlan(
  world: World,
  bridge: Port,
  to: Port,
  id: number | undefined,
): { readonly gates: readonly VlanGate[]; readonly tag?: number } {
  if (!bridge.link.bridge?.vlanFiltering || id === undefined) return { gates: [] };
  const vlan = vlansOf(to).find((candidate) => candidate.id === id);
  const gates = [gate(world, bridge, to, 'egress', id, vlan ? 'pass' : 'stop')];
  return vlan && !vlan.untagged ? { gates, tag: id } : { gates };
}

/** A stack without an interface for the VLAN drops what comes with its tag; with one, the walk does not follow it there. */
export function taggedGate(world: World, port: Port, id: number): VlanGate {
  const { topology } = world;
  const { namespace, link } = port;
  const known = namespace.links.some(
    ({ kind, peer }) => kind === 'vlan' && peer?.index === link.index && peer.netns === namespace.id,
  );
  return {
    kind: 'vlan',
    place: placeOf(port),
    direction: 'tagged',
    vlan: id,
    verdict: known ? 'unknown' : 'stop',
    facts: [
      {
        text: `it comes to ${placeName(topology, placeOf(port))} with the tag of VLAN ${id}, for which there is ${known ? 'an interface' : 'no interface'} on it`,
        look: commandIn(topology, namespace.id, ['ip', '-d', 'link', 'show', 'type', 'vlan']),
      },
    ],
  };
}

function vlansOf({ link }: Port): Vlans {
  return link.port?.vlans ?? link.bridge?.vlans ?? [];
}

/** A bridge that filters has VLANs somewhere: where there are none at all, they were not read. */
function isRead(bridge: Port): boolean {
  const ports = portsOf(bridge.namespace, bridge.link);
  return [bridge.link, ...ports].some((link) => vlansOf({ ...bridge, link }).length > 0);
}

function gate(
  { topology }: World,
  bridge: Port,
  port: Port,
  direction: 'ingress' | 'egress',
  vlan: number | undefined,
  verdict: VlanGate['verdict'],
): VlanGate {
  const { namespace, link } = port;
  const own = link.name === bridge.link.name;
  const name = placeName(topology, placeOf(port));
  const words = ['bridge', 'vlan', 'show', 'dev', link.name];
  const text =
    verdict === 'unknown'
      ? `${bridge.link.name} filters by VLAN, and its VLANs could not be read`
      : vlan === undefined
        ? `${bridge.link.name} filters by VLAN, and ${name} has no PVID`
        : `${bridge.link.name} filters by VLAN, and ${name} ${verdict === 'pass' ? 'is' : 'is not'} in VLAN ${vlan}`;
  return {
    kind: 'vlan',
    place: placeOf(port),
    direction,
    bridge: placeOf(bridge),
    ...(vlan === undefined ? {} : { vlan }),
    verdict,
    facts: [{ text, look: commandIn(topology, namespace.id, own ? [...words, 'self'] : words) }],
  };
}
