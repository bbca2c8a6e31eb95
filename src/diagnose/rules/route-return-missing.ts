import { netnsName, placeName } from '../../topology/naming.ts';
import { noWayBack } from '../no-way-back.ts';
import type { Rule } from '../rule.ts';
import { translationInto, translationText } from '../translated.ts';
import { routeBack } from '../way-back.ts';

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
    const { topology, path } = context;
    const back = noWayBack(context);
    if (!back) return undefined;
    const { place, sender, dropped, midway } = back;
    const who = netnsName(topology, place.netns);
    const at = placeName(topology, place);
    const cure = routeBack(context, place, sender);
    // Nobody wrote this address into the sender: a rule did, on the way.
    const translated = translationInto(path, 'source', sender);
    return {
      title: `${who} has no route back to ${sender}`,
      summary: `${
        midway
          ? `the reply to ${sender} comes to ${at}, which should pass it on, and ${who} has no route to that address. Whoever replied is told so, and ${sender} hears nothing.`
          : `the request from ${sender} comes to ${at}, and ${who} has no route to that address: ${
              dropped ? 'source validation drops the request' : 'the reply cannot be sent'
            }. Nothing comes back, not even an error.`
      }${translated ? ` It is no sender's own address: ${translationText(topology, translated, 'source')}.` : ''}`,
      where: place,
      ...(cure === undefined ? {} : { cure }),
    };
  },
};
