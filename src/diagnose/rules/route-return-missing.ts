import type { Step } from '../../path/model.ts';
import { familyBits, familyOf, isLinkLocal } from '../../topology/address.ts';
import type { Change } from '../../topology/change.ts';
import { netnsName, placeName } from '../../topology/naming.ts';
import { prefixAround } from '../../topology/prefix.ts';
import { addressesOf, linkOf, ownersOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
import type { Context, Cure, Rule } from '../rule.ts';
import { isOnLink } from '../segment.ts';

export const routeReturnMissing: Rule = {
  id: 'route-return-missing',
  severity: 'fault',
  title: 'the target, or a router on the way back, has no route to the sender',
  explain: {
    what: `The request arrives, but whoever has to send the reply has no route to its source address. Private container
addresses are the usual case: the host beyond the router knows nothing of them, and nothing masquerades them.
With rp_filter on (strict or loose) the request is already dropped on arrival, for the same reason.`,
    wire: `The echo request is seen coming in at the target, and no reply ever leaves it. Silent: no ICMP error comes back.`,
    confirm: `  ip route get SOURCE         at the target: "Network is unreachable"`,
    cure: `A route back, at the target:
  ip route add SOURCE-NETWORK via ROUTER
or, where the target cannot be changed, masquerade at the router that leads there:
  nft add rule ip nat postrouting ip saddr SOURCE-NETWORK oifname UPLINK masquerade`,
    otherwise: `If a reply leaves the target and is lost on its way, it is not this. If the way back exists but goes by another
interface, it is reverse-path-filter.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped') return undefined;
    const { gate, leg } = situation;
    const missing =
      (gate.kind === 'route' &&
        gate.route === undefined &&
        (gate.purpose === 'reply' || (gate.purpose === 'forward' && leg.kind === 'echo-reply'))) ||
      (gate.kind === 'source' && gate.result.reason === 'no-return-route');
    if (!missing || (gate.kind !== 'route' && gate.kind !== 'source')) return undefined;
    const sender = gate.kind === 'source' || gate.purpose === 'forward' ? gateSender(context, gate) : gate.destination;
    const who = netnsName(topology, gate.place.netns);
    const at = placeName(topology, gate.place);
    const cure = routeBack(context, gate.place, sender);
    return {
      title: `${who} has no route back to ${sender}`,
      summary: `the request from ${sender} comes to ${at}, and ${who} has no route to that address: ${
        gate.kind === 'source' ? 'source validation drops the request' : 'the reply cannot be sent'
      }. Nothing comes back, not even an error.`,
      where: gate.place,
      ...(cure === undefined ? {} : { cure }),
    };
  },
};

function gateSender(
  context: Context,
  gate: { readonly source: string; readonly destination: string; readonly kind: string },
): string {
  return gate.kind === 'source' ? gate.source : (context.example?.source ?? gate.destination);
}

/** A route to the sender's network by the router the request came from, or on the link where it came directly. */
function routeBack(context: Context, at: Place, sender: string): Cure | undefined {
  const { topology, path, query } = context;
  const network = networkOf(context, sender);
  const isArrival = (step: Step) => step.kind === 'place' && step.place.netns === at.netns && step.direction === 'in';
  const arriving = path.legs.findLast((leg) => leg.kind === 'echo-request' && leg.steps.some(isArrival));
  const from = arriving?.steps.find((step) => step.kind === 'place');
  const by = arriving?.steps.findLast(isArrival);
  const router = from?.kind === 'place' ? linkOf(topology, from.place) : undefined;
  const gateway =
    by?.kind === 'place' && router
      ? addressesOf(router, familyOf(sender)).find(({ address }) => isOnLink(topology, by.place, address))?.address
      : undefined;
  const direct = from?.kind === 'place' && from.place.netns === query.start.netns;
  const change: Change | undefined =
    gateway !== undefined && gateway !== sender
      ? {
          kind: 'route-add',
          netns: at.netns,
          destination: network,
          gateway,
          ...(isLinkLocal(gateway) && by?.kind === 'place' ? { device: by.place.name } : {}),
        }
      : direct
        ? {
            kind: 'route-add',
            netns: at.netns,
            destination: `${sender}/${familyBits(familyOf(sender))}`,
            device: at.name,
          }
        : undefined;
  return change && context.passes([change])
    ? { why: `tell ${netnsName(topology, at.netns)} the way back`, changes: [change] }
    : undefined;
}

/** The network the sender's address is in, as its own interface has it. */
function networkOf({ topology, query }: Context, sender: string): string {
  const own = ownersOf(topology, sender).find(({ namespace }) => namespace.id === query.start.netns)?.address;
  return prefixAround(sender, own?.prefixLength ?? familyBits(familyOf(sender)));
}
