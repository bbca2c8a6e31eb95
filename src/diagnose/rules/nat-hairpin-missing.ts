import { expectPath } from '../../path/expect.ts';
import type { TranslationGate } from '../../path/gate.ts';
import type { Path } from '../../path/model.ts';
import { applyChanges } from '../../topology/apply-changes.ts';
import type { Change } from '../../topology/change.ts';
import { placeName } from '../../topology/naming.ts';
import { placeKey } from '../../trace/frame.ts';
import { masqueradeAt, networkOf, routersPassing } from '../masquerade.ts';
import type { Claim, Context, Rule } from '../rule.ts';
import { translationInto, translationText } from '../translated.ts';

export const natHairpinMissing: Rule = {
  id: 'nat-hairpin-missing',
  severity: 'fault',
  title: 'the reply goes round the router that translated the request, and comes from an address nobody asked',
  explain: {
    what: `A router translates the destination (DNAT, a published address) and leaves the source as it is. The target then sees the
real sender, finds it on its own segment or behind another router, and answers it directly. The reply never passes the
router that would turn its address back, so the sender gets an answer from a stranger. ping takes it and only says
"DIFFERENT ADDRESS"; TCP and UDP do not: the published port works from everywhere but from the same network.`,
    wire: `The request comes to the router for one address and leaves it for another. The reply comes to the sender from the
second address, without passing the router; both are sighted on one bridge.`,
    confirm: `  ping ADDRESS                            "(DIFFERENT ADDRESS!)"
  nft -a list ruleset | grep dnat; iptables-save -t nat | grep DNAT
  conntrack -L -d ADDRESS                 at the router: UNREPLIED, although answers come`,
    cure: `Let the router put its own address in as well, for those packets alone, so that the reply comes back by it:
  nft add rule ip nat postrouting ip saddr NETWORK ip daddr TARGET oifname BRIDGE masquerade
The target then no longer sees who asks. Or let the name resolve to the inner address inside the network, or, where
the two share a bridge of the router, show bridged replies to conntrack:
  sysctl -w net.bridge.bridge-nf-call-iptables=1`,
    otherwise: `If no reply comes to the sender at all, it is lost on its own way: look where it was last sighted. If the router
translates nothing, an answer from another address comes from a host with several: it chose the wrong source.`,
  },
  evaluate(context) {
    const { situation, path } = context;
    if (situation.kind === 'stopped') {
      const { gate } = situation;
      return gate.kind === 'translation' && gate.reason === 'bypassed' ? claim(context, gate) : undefined;
    }
    if (situation.kind !== 'overall') return undefined;
    const gate = bypassedIn(path);
    // Nothing is said of what nobody sighted.
    return gate && isSighted(context) ? { ...claim(context, gate), severity: 'warning' } : undefined;
  },
};

function bypassedIn({ legs }: Path): TranslationGate | undefined {
  for (const { steps } of legs)
    for (const step of steps)
      if (step.kind === 'gate' && step.gate.kind === 'translation' && step.gate.reason === 'bypassed') return step.gate;
  return undefined;
}

/** A reply that came to the probing interface from another address than was asked. */
function isSighted({ example, query }: Context): boolean {
  return (
    example?.replies.some(({ sightings }) =>
      sightings.some(
        ({ frame, packet }) =>
          placeKey(frame.place) === placeKey(query.start) &&
          packet.ip !== undefined &&
          packet.ip.source !== query.destination,
      ),
    ) ?? false
  );
}

function claim(context: Context, gate: TranslationGate): Claim {
  const { topology, path } = context;
  const { source, destination } = gate.from;
  const by = translationInto(path, 'destination', source);
  const router = gate.translator === undefined ? 'the router' : placeName(topology, gate.translator);
  const changes = cureAt(context, gate);
  return {
    title: `the answer for ${gate.to.source} comes from ${source}, round the router that translated the request`,
    summary: `${by ? translationText(topology, by, 'destination') : `the request is translated at ${router}`}, and leaves the sender's address ${destination} as it is. ${source} answers ${destination} directly: the reply does not come back by ${router}, and nobody turns its source back. ping takes such a reply, TCP and UDP do not.`,
    where: gate.place,
    ...(changes === undefined
      ? {}
      : {
          cure: { why: 'let the router put its own address in as well, so that the reply comes back by it', changes },
        }),
  };
}

function cureAt(context: Context, { from, translator }: TranslationGate): readonly Change[] | undefined {
  const { topology, query } = context;
  const passing = routersPassing(context, from.destination).find(({ namespace }) => namespace.id === translator?.netns);
  const changes = passing && masqueradeAt(context, passing, networkOf(context, from.destination), from.source);
  return changes && !bypassedIn(expectPath(applyChanges(topology, changes), query)) ? changes : undefined;
}
