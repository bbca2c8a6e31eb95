import type { OwnerGate, RouteGate } from '../../path/gate.ts';
import { familyOf, isLinkLocal } from '../../topology/address.ts';
import type { Change } from '../../topology/change.ts';
import { netnsName, placeName } from '../../topology/naming.ts';
import { addressesOf } from '../../topology/query.ts';
import { gatewaysOf, routersAmong } from '../routers.ts';
import type { Context, Cure, Rule } from '../rule.ts';
import { coveringPrefix, isOnLink } from '../segment.ts';

export const gatewayUnreachable: Rule = {
  id: 'gateway-unreachable',
  severity: 'fault',
  title: 'the next hop of the route does not answer: it is the wrong address, or on no interface',
  explain: {
    what: `The route to the target goes by a router, and nobody on the segment has that router's address: the route names the
wrong one, or the router (for containers: the bridge) has lost its address.`,
    wire: `ARP requests (IPv6: neighbour solicitations) for the gateway's address, unanswered; never an echo request.`,
    confirm: `  ip route get TARGET         names the gateway
  ip -br addr                 at the router: another address, or none`,
    cure: `If the router has another address on the segment:
  ip route replace default via RIGHT
If the router has none:
  ip addr add GATEWAY/LEN dev BRIDGE`,
    otherwise: `If the gateway answers ARP and the packet is lost behind it, look at the router: forwarding-off, filters.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped') return undefined;
    const { gate } = situation;
    if (gate.kind !== 'owner' || !gate.gateway) return undefined;
    const asker = placeName(topology, gate.asker);
    const cure = cureOf(context, gate);
    const beyond = gate.outside.map((place) => placeName(topology, place)).join(', ');
    return {
      title: `the gateway ${gate.target} of ${asker} does not answer`,
      summary: `the route goes by ${gate.target}, and ${asker} asks who has it. ${
        beyond
          ? `The request leaves this machine by ${beyond}, and no reply comes back`
          : 'No interface the request reaches has that address'
      }, so nothing can be sent to the router.`,
      where: gate.asker,
      ...(cure === undefined ? {} : { cure }),
    };
  },
};

/**
 * The router's own address, where it has one on this network. Where it has one of another network alone (a bridge that kept
 * its address when the containers were given new ones), what gets the packet further: a route to that, or the address.
 */
function cureOf(context: Context, gate: OwnerGate): Cure | undefined {
  const right = rightGateway(context, gate);
  const missing = missingAddress(context, gate);
  if (!right || !missing) return right ?? missing;
  const [change] = right.changes;
  if (change?.kind !== 'route-replace' || change.onLink !== true) return right;
  return context.best([right.changes, missing.changes]) === missing.changes ? missing : right;
}

/** Another router's address on the same segment. */
function rightGateway(context: Context, gate: OwnerGate): Cure | undefined {
  const { topology, path } = context;
  const route = path.legs
    .flatMap(({ steps }) => steps)
    .flatMap((step) => (step.kind === 'gate' && step.gate.kind === 'route' ? [step.gate] : []))
    .find(
      (candidate: RouteGate) => candidate.route?.gateway === gate.target && candidate.place.netns === gate.asker.netns,
    )?.route;
  if (!route) return undefined;
  const family = familyOf(gate.target);
  const addresses = routersAmong(topology, gate.asker.netns, gate.reached, family)
    .flatMap((router) => gatewaysOf(router, family))
    .filter((address) => address !== gate.target);
  const attempts = addresses.map((gateway): Change[] => [
    {
      kind: 'route-replace',
      netns: gate.asker.netns,
      destination: route.route.destination,
      gateway,
      table: route.route.table,
      metric: route.route.metric,
      // Outside the asker's own prefixes only a route marked so may go there.
      ...(isOnLink(topology, gate.asker, gateway) ? {} : { device: gate.asker.name, onLink: true }),
      ...(isLinkLocal(gateway) ? { device: gate.asker.name } : {}),
    },
  ]);
  const changes = context.best(attempts);
  const [change] = changes ?? [];
  return change?.kind === 'route-replace' && changes
    ? { why: `the router of this segment has ${change.gateway}, not ${gate.target}`, changes }
    : undefined;
}

/** A router on the segment that has no address of the asker's network. */
function missingAddress(context: Context, gate: OwnerGate): Cure | undefined {
  const { topology } = context;
  const prefixLength = coveringPrefix(topology, gate.asker, gate.target);
  const family = familyOf(gate.target);
  const strangers = routersAmong(topology, gate.asker.netns, gate.reached, family).filter(({ link }) =>
    addressesOf(link, family).every(
      ({ scope, address }) => scope === 'link' || !isOnLink(topology, gate.asker, address),
    ),
  );
  const [router, ...others] = strangers;
  if (!router || others.length > 0 || prefixLength === undefined) return undefined;
  const at = { netns: router.namespace.id, name: router.link.name };
  const bare = addressesOf(router.link, family).every(({ scope }) => scope === 'link');
  return {
    why: `${placeName(topology, at)} leads on from this segment and has no address ${bare ? 'on it' : 'of this network'}${at.netns === topology.home ? '' : ` (in ${netnsName(topology, at.netns)})`}`,
    changes: [{ kind: 'address-add', at, address: gate.target, prefixLength }],
  };
}
