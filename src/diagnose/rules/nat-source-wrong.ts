import { netnsName, placeName } from '../../topology/naming.ts';
import { namespaceOf } from '../../topology/query.ts';
import { masqueradeAt, networkOf } from '../masquerade.ts';
import type { Rule } from '../rule.ts';
import { translationInto, translationText } from '../translated.ts';

export const natSourceWrong: Rule = {
  id: 'nat-source-wrong',
  severity: 'fault',
  title: "a rule puts a source address on packets that is not its router's own: replies go to somebody else",
  explain: {
    what: `A router translates the source (SNAT) to an address that another machine has, or it has lost that address to another one.
The target answers that address, and the reply ends at a stack that knows nothing of the connection.`,
    wire: `The request leaves the router with the translated source; the reply comes to another machine, and no further.`,
    confirm: `  nft -a list ruleset | grep snat; iptables-save -t nat | grep SNAT
  ip -br addr                             at the router: the address is not there
  arping -I UPLINK ADDRESS                from the router: somebody else answers`,
    cure: `Masquerade, which takes the address the uplink has, before the rule that names the wrong one:
  nft insert rule ip nat postrouting ip saddr NETWORK oifname UPLINK masquerade
or correct the address in the rule, or give it back to the router: ip addr add ADDRESS/32 dev UPLINK`,
    otherwise: `If nobody has the address at all, the target's ARP for it is not answered: address-missing. If the address is the
router's and the reply comes there, and is not passed on, look for a second router on the way back.`,
  },
  evaluate(context) {
    const { situation, topology, path } = context;
    if (situation.kind !== 'stopped') return undefined;
    const { gate } = situation;
    if (gate.kind !== 'translation' || gate.reason !== 'elsewhere') return undefined;
    const wrong = gate.from.destination;
    const by = translationInto(path, 'source', wrong);
    const sender = gate.to.destination;
    const router = by && namespaceOf(topology, by.place.netns);
    const changes =
      by && router && masqueradeAt(context, { namespace: router, out: by.place }, networkOf(context, by.from.source));
    const at = placeName(topology, by?.place ?? gate.place);
    return {
      title: `replies go to ${wrong}, which is ${placeName(topology, gate.place)}'s address, and end there`,
      summary: `${by ? translationText(topology, by, 'source') : `the request from ${sender} leaves as ${wrong}`}. The reply goes to whoever has that address, ${placeName(topology, gate.place)}, which knows nothing of the connection${router === undefined ? '' : `; only ${netnsName(topology, router.id)} could turn it back`}.`,
      where: by?.place ?? gate.place,
      ...(changes ? { cure: { why: `put the address that ${at} has in its place`, changes } } : {}),
    };
  },
};
