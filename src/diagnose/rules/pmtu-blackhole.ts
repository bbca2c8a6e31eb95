import type { Gate } from '../../path/gate.ts';
import type { Leg } from '../../path/model.ts';
import { familyOf } from '../../topology/address.ts';
import { placeName } from '../../topology/naming.ts';
import { errorEvidence, firstPlace, type News, newsOf, speaker } from '../error-news.ts';
import type { Evidence } from '../finding.ts';
import { mtuCure } from '../mtu-cure.ts';
import type { Claim, Context, Cure, Rule } from '../rule.ts';
import { trial } from '../trial.ts';

export const pmtuBlackhole: Rule = {
  id: 'pmtu-blackhole',
  severity: 'fault',
  title: 'a router says that the packet is too long, and its sender never hears of it',
  explain: {
    what: `A router that may not cut a packet that is too long for the next link drops it and tells the sender with an ICMP
error (fragmentation needed; ICMPv6 packet too big). All of path MTU discovery rests on that error. Where a
packet filter drops ICMP, where the router has no way back to the sender, where source validation refuses the
router's address, or where the sender is told to ignore such errors (net.ipv4.ip_no_pmtu_disc=2 or 3), the
sender goes on with packets that never arrive.`,
    wire: `Small packets pass. A long one comes to the router and does not leave it; the router's error leaves it and is
last seen before whatever drops it, never at the sender's socket. TCP connects, the first kilobytes come, and
then it hangs.`,
    confirm: `  ping -I DEV -M do -s 1472 TARGET           nothing at all, no error either, while -s 56 works
  tcpdump -n -i ROUTERDEV 'icmp[0]=3 and icmp[1]=4'    the errors (ip6: 'icmp6[0]=2')
  nft list ruleset                           who drops ICMP on the way back?
  ip route get TARGET                        no "mtu": the sender has learnt nothing`,
    cure: `Let the error through where it is dropped. It belongs to the connection it is about, so the usual rule is
  nft insert rule inet filter input ct state established,related accept
or for the error alone: icmp type destination-unreachable accept; over IPv6: icmpv6 type packet-too-big accept,
which RFC 4890 says must never be dropped. Where that is not yours to change: set the path's MTU on the sender's
route (ip route replace ... mtu N), or let the router clamp TCP's segments to it (nft ... tcp flags syn tcp
option maxseg size set rt mtu), which helps TCP alone.`,
    otherwise: `If the error reaches the sender, it is fragmentation-needed. If no router sends one, because the small MTU is a
bridge port's or the far end's of a veth pair, it is link-mtu-smaller.`,
  },
  evaluate(context) {
    const { situation, topology, query } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'mtu' || situation.gate.by !== 'router')
      return undefined;
    const { gate, leg } = situation;
    const news = newsOf(context, gate, leg);
    if (news.told) return undefined;
    const at = placeName(topology, gate.place);
    const sender = leg.kind === 'echo-request' ? query.start : firstPlace(leg);
    const name = sender ? placeName(topology, sender) : 'the sender';
    const family = familyOf(leg.destination);
    const said = family === 6 ? 'ICMPv6 packet too big' : 'ICMP fragmentation needed';
    const inner = news.blocker && claimOn(context, news.blocker.gate, news.blocker.leg);
    const stopped = stopsHow(context, news, inner);
    const from = gate.error?.from;
    const cure = inner?.cure ?? cureOf(context, news) ?? mtuCure(context, gate, leg);
    return {
      title: `packets of ${gate.lengthBytes} bytes do not pass ${at} (MTU ${gate.mtu}), and the error that says so does not reach ${name}`,
      summary: `the router on the way takes ${gate.mtu} bytes by ${at}, and ${name} sends ${gate.lengthBytes} that may not be cut. The router drops them, and its ${said}${from === undefined ? '' : ` from ${speaker(topology, from)}`} is lost: ${stopped}. ${name} goes on sending what never arrives.`,
      where: news.blocker?.gate.place ?? gate.place,
      evidence: [...(news.journey ? errorEvidence(context, news.journey) : []), ...factsOf(news)],
      ...(news.blocker ? {} : { confidence: 'likely' as const }),
      ...(cure === undefined ? {} : { cure }),
    };
  },
};

/** What the rule says whose gate it is that stops the error. */
function claimOn(context: Context, gate: Gate, leg: Leg): Claim | undefined {
  const { topology, query, rules = [], situation } = context;
  if (situation.kind !== 'stopped') return undefined;
  const asked: Context = {
    ...context,
    situation: { kind: 'stopped', gate, blocks: situation.blocks, leg },
    ...trial(topology, query, gate, new Set()),
  };
  for (const rule of rules) {
    const claim = rule.id === pmtuBlackhole.id ? undefined : rule.evaluate(asked);
    if (claim) return claim;
  }
  return undefined;
}

function stopsHow({ topology }: Context, { blocker, journey, undecided }: News, inner: Claim | undefined): string {
  if (inner) return inner.title;
  if (blocker) return blocker.gate.facts.map(({ text }) => text).join('; ');
  const last = journey?.sightings.at(-1)?.frame.place;
  const where = last ? `it was last sighted at ${placeName(topology, last)}` : 'it was sighted nowhere';
  return undecided.length > 0 ? `${where}, and rules behind that are not decided` : where;
}

function cureOf({ topology }: Context, { blocker }: News): Cure | undefined {
  if (blocker?.gate.kind !== 'path-mtu') return undefined;
  const { netns } = blocker.gate.place;
  return {
    why: `let ${placeName(topology, blocker.gate.place)} believe what it is told of the path`,
    changes: [{ kind: 'namespace-sysctl', netns, setting: 'ipv4.ip_no_pmtu_disc', value: 0 }],
  };
}

function factsOf({ blocker, undecided }: News): Evidence[] {
  return (blocker ? [blocker.gate] : undecided).flatMap((gate) =>
    gate.facts.map(({ text, look }) => ({
      kind: 'state' as const,
      text: blocker ? text : `not decided: ${text}`,
      place: gate.place,
      ...(look === undefined ? {} : { look }),
    })),
  );
}
