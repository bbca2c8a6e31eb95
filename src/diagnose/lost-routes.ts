/** The routes of a device vanish when it goes down: a route that is missing, or a wider one in its place, may have that cause. */
import { familyBits, familyOf, isLinkLocal } from '../topology/address.ts';
import { applyChanges } from '../topology/apply-changes.ts';
import type { Change } from '../topology/change.ts';
import type { Link, Topology } from '../topology/model.ts';
import { prefixContains, prefixLength } from '../topology/prefix.ts';
import { addressesOf, isUp, linkOf, namespaceOf, peerOf } from '../topology/query.ts';
import type { Place } from '../trace/frame.ts';
import { gatewaysOf, routersAmong, segmentOf } from './routers.ts';
import type { Context } from './rule.ts';

export interface DownLink {
  readonly at: Place;
  readonly link: Link;
}

/**
 * A device that is down where the packet was routed, whose address covers the destination more closely than the route taken,
 * and whose coming up lets the packet pass.
 */
export function downLinkBehind(context: Context): DownLink | undefined {
  const { situation, topology, path } = context;
  if (situation.kind !== 'stopped' || situation.gate.kind === 'device') return undefined;
  for (const { steps } of path.legs)
    for (const step of steps) {
      if (step.kind !== 'gate') continue;
      const routed = routedBy(step.gate);
      if (!routed) continue;
      for (const link of namespaceOf(topology, routed.netns)?.links ?? []) {
        const at = { netns: routed.netns, name: link.name };
        const covers = addressesOf(link, familyOf(routed.destination)).some(
          (own) =>
            own.prefixLength > routed.length &&
            prefixContains(`${own.address}/${own.prefixLength}`, routed.destination),
        );
        if (covers && !isUp(link) && context.passes([{ kind: 'link-up', at }])) return { at, link };
      }
    }
  return downUplink(context);
}

/**
 * A route that would have been taken, but does not count while its device has no carrier (ignore_routes_with_linkdown), and
 * the other end of that device, whose coming up lets the packet pass.
 */
export function downPeerBehind(context: Context): { readonly at: Place; readonly device: Place } | undefined {
  const { situation, topology } = context;
  if (situation.kind !== 'stopped' || situation.gate.kind !== 'route') return undefined;
  const routed = routedBy(situation.gate);
  const namespace = routed && namespaceOf(topology, routed.netns);
  if (!routed || !namespace) return undefined;
  for (const { destination, nextHops } of namespace.routes) {
    if (prefixLength(destination) <= routed.length || !prefixContains(destination, routed.destination)) continue;
    for (const { device, flags } of nextHops) {
      const link = flags.includes('linkdown') ? namespace.links.find(({ name }) => name === device) : undefined;
      const peer = link && peerOf(topology, namespace.id, link);
      if (!link || !peer || isUp(peer.link)) continue;
      const at = { netns: peer.namespace.id, name: peer.link.name };
      if (context.passes([{ kind: 'link-up', at }])) return { at, device: { netns: namespace.id, name: link.name } };
    }
  }
  return undefined;
}

/** No route at all, and a device that is down behind which a router leads there: its routes were deleted with it. */
function downUplink(context: Context): DownLink | undefined {
  const { situation, topology, query } = context;
  if (situation.kind !== 'stopped') return undefined;
  const { gate } = situation;
  const routeless =
    (gate.kind === 'route' && gate.route === undefined) || (gate.kind === 'owner' && gate.assumedOnLink);
  const namespace = namespaceOf(topology, gate.place.netns);
  if (!routeless || !namespace) return undefined;
  const destination = gate.kind === 'route' ? gate.destination : query.destination;
  const family = familyOf(destination);
  const by = (link: Link, up: Topology) =>
    routersAmong(
      up,
      namespace.id,
      segmentOf(up, { namespace: namespaceOf(up, namespace.id) ?? namespace, link }),
      family,
    )
      .flatMap((router) => gatewaysOf(router, family))
      .map(
        (gateway): Change => ({
          kind: 'route-add',
          netns: namespace.id,
          destination: `${destination}/${familyBits(family)}`,
          gateway,
          ...(isLinkLocal(gateway) ? { device: link.name } : {}),
        }),
      );
  const links = namespace.links.filter(
    ({ kind, addresses }) => kind !== 'loopback' && addresses.some((own) => own.family === family),
  );
  // A router behind a device that is up is nearer at hand: then only the route is missing.
  if (links.filter(isUp).some((link) => by(link, topology).some((change) => context.passes([change]))))
    return undefined;
  for (const link of links) {
    if (isUp(link)) continue;
    const at = { netns: namespace.id, name: link.name };
    const raise: Change = { kind: 'link-up', at };
    const up = applyChanges(topology, [raise]);
    const raised = linkOf(up, at);
    if (raised && by(raised, up).some((change) => context.passes([raise, change]))) return { at, link };
  }
  return undefined;
}

type AnyGate = Extract<Context['path']['legs'][number]['steps'][number], { kind: 'gate' }>['gate'];

/** Where a routing decision was made, and the length of the prefix it found: -1 for none. */
function routedBy(gate: AnyGate): { netns: string; destination: string; length: number } | undefined {
  const { netns } = gate.place;
  if (gate.kind === 'route') {
    const length = gate.route ? prefixLength(gate.route.route.destination) : -1;
    return { netns, destination: gate.destination, length };
  }
  return gate.kind === 'owner' && gate.assumedOnLink ? { netns, destination: gate.target, length: -1 } : undefined;
}
