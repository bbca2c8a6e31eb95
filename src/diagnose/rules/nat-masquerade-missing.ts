import { listing } from '../../path/nat-facts.ts';
import { familyOf } from '../../topology/address.ts';
import { netnsName, placeName } from '../../topology/naming.ts';
import { prefixLength } from '../../topology/prefix.ts';
import { linkOf } from '../../topology/query.ts';
import type { Confidence, Evidence } from '../finding.ts';
import { lossPlaces } from '../loss.ts';
import {
  isPrivate,
  isPublic,
  type Mismatch,
  masqueradeAt,
  mismatches,
  mismatchText,
  networkOf,
  type Passing,
  routersPassing,
} from '../masquerade.ts';
import { type NoWayBack, noWayBack } from '../no-way-back.ts';
import type { Claim, Context, Rule } from '../rule.ts';
import { coveringPrefix } from '../segment.ts';

export const natMasqueradeMissing: Rule = {
  id: 'nat-masquerade-missing',
  severity: 'fault',
  title: 'a private source address leaves by the uplink, and nobody can answer it',
  explain: {
    what: `Behind the uplink nobody knows a way back to the containers' network. A rule of the router has to put the uplink's
address in place of the container's (masquerade, or SNAT); it is missing, or it asks for another network or another
interface than this packet has. The router itself is answered, its containers are not.`,
    wire: `The request leaves by the uplink with the container's own address as its source, and no reply comes. Where the far
end can be listened to: the request arrives there, and no reply leaves.`,
    confirm: `  nft -a list ruleset | grep -E 'masquerade|snat'; iptables-save -t nat | grep -E 'MASQUERADE|SNAT'
  tcpdump -ni UPLINK icmp         shows the private source
  ip route show default           the interface that the rule has to name`,
    cure: `  nft add rule ip nat postrouting ip saddr NETWORK oifname UPLINK masquerade
  iptables -t nat -A POSTROUTING -s NETWORK -o UPLINK -j MASQUERADE      the same, where iptables owns the table
and take the rule away that was wrong. Or, where the far side is yours, a route to the container network on it.
Connections that are open keep what they had: conntrack -F, or wait.`,
    otherwise: `If the source that leaves is the router's own, this works, and the reply is lost elsewhere. Two private networks that
know each other by routes need no masquerading, nor does a far end next to the router where no rule for it was ever set:
then somebody lacks a route (route-return-missing).
Behind an uplink whose other end cannot be seen this is never proven: the far host may be down.`,
  },
  evaluate(context) {
    const { situation } = context;
    if (situation.kind === 'stopped') return unanswerable(context);
    return situation.kind === 'lost' ? gone(context) : undefined;
  },
};

/** Somebody beyond the router can be seen, and has no route back. */
function unanswerable(context: Context): Claim | undefined {
  const { topology } = context;
  const back = noWayBack(context);
  if (!back || !isPrivate(back.sender)) return undefined;
  const why = intended(context, back.sender, back.destination);
  const passing = why?.passing ?? byUplink(context, back);
  // Without a rule that was to do it, nobody said that this router masquerades: the far end lacks a route.
  if (!passing) return undefined;
  const who = netnsName(topology, back.place.netns);
  return claim(context, passing, back.sender, why, `${who} has no route back to ${back.sender}`);
}

/** The router that sends it into the Internet: to a public address, by the route it has for whatever is not its own. */
function byUplink(context: Context, { sender, destination }: NoWayBack): Passing | undefined {
  if (!isPublic(destination)) return undefined;
  const family = familyOf(destination);
  return routersPassing(context, sender).find(
    (passing) =>
      passing.namespace.routes.some(
        ({ family: of, table, type, destination: to, nextHops }) =>
          of === family &&
          table === 'main' &&
          type === 'unicast' &&
          prefixLength(to) === 0 &&
          nextHops.some(({ device, gateway }) => device === passing.out.name && gateway !== undefined),
      ) && masqueradeAt(context, passing, networkOf(context, sender)) !== undefined,
  );
}

/** It left this machine with an address that is not known there, and nothing came back. */
function gone(context: Context): Claim | undefined {
  const { situation, path, topology, example, query } = context;
  if (situation.kind !== 'lost' || path.end !== 'leaves' || situation.leg.kind !== 'echo-request') return undefined;
  const { last } = lossPlaces(situation);
  const sighting = example?.request?.sightings.findLast(({ frame }) => frame.direction === 'out');
  const source = sighting?.packet.ip?.source;
  if (!last || !source || !isPrivate(source) || example?.errors.length !== 0 || example.replies.length > 0)
    return undefined;
  if (sighting?.frame.place.name !== last.name || sighting.frame.place.netns !== last.netns) return undefined;
  const passing = routersPassing(context, source).find(({ out }) => linkOf(topology, out) !== undefined);
  if (!passing || passing.namespace.id !== last.netns) return undefined;
  // Who is in one network with it needs no route.
  if (coveringPrefix(topology, passing.out, source) !== undefined) return undefined;
  const why = intended(context, source, query.destination);
  const confidence: Confidence = why || isPublic(query.destination) ? 'likely' : 'possible';
  const beyond = `what lies behind ${placeName(topology, passing.out)} cannot be seen from here, and no reply came`;
  return { ...claim(context, why?.passing ?? passing, source, why, beyond), confidence };
}

/** The rule that was meant for this packet; towards the Internet any that masquerades others. */
function intended(context: Context, source: string, destination: string): Mismatch | undefined {
  const all = routersPassing(context, source).flatMap((passing) => mismatches(passing, source));
  return all.find(({ meant }) => meant) ?? (isPublic(destination) ? all[0] : undefined);
}

function claim(
  context: Context,
  passing: Passing,
  source: string,
  why: Mismatch | undefined,
  consequence: string,
): Claim {
  const { topology } = context;
  const { namespace, out } = passing;
  const uplink = placeName(topology, out);
  const network = networkOf(context, source);
  const changes = masqueradeAt(context, passing, network);
  const rule = why
    ? `${mismatchText(why)}${why.by === 'chain' ? '' : ', and does not match'}`
    : 'no rule there puts another one in its place';
  return {
    title: `${source} leaves by ${uplink} as it is: nothing masquerades it`,
    summary: `${source} is a private address, and nobody behind ${uplink} need know a way back to it. ${sentence(rule)}; ${consequence}.`,
    where: out,
    evidence: [stateOf(context, passing, why)],
    ...(changes === undefined
      ? {}
      : {
          cure: {
            why: `let ${netnsName(topology, namespace.id)} put its own address in place of those of ${network}`,
            changes,
          },
        }),
  };
}

function stateOf({ topology }: Context, { namespace, out }: Passing, why: Mismatch | undefined): Evidence {
  const text = why?.asked.rule.text;
  return {
    kind: 'state',
    place: out,
    text: why
      ? `${mismatchText(why)}${text === undefined ? '' : ` (${text})`}`
      : 'no rule of type nat takes the request at postrouting',
    look: listing(topology, namespace.id, why?.asked.rule),
  };
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
