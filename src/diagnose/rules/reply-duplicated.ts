import type { Namespace } from '../../topology/model.ts';
import { netnsName, placeName } from '../../topology/naming.ts';
import { linkOf, namespaceOf, peerOf } from '../../topology/query.ts';
import { placeKey } from '../../trace/frame.ts';
import { contests } from '../claimants.ts';
import { type Copier, copiersIn, type Multiplied, multiplied } from '../copies.ts';
import type { Evidence } from '../finding.ts';
import type { Claim, Context, Rule } from '../rule.ts';

export const replyDuplicated: Rule = {
  id: 'reply-duplicated',
  severity: 'warning',
  title: 'one request was answered more than once',
  explain: {
    what: `One probe, and more than one reply. Two hosts own the address and both answer, or a packet becomes two on the way: two
ways at a time (two bridges with two links between them, a bond whose ends do not agree), a mirror that sends its copies
back into the network (tc mirred, nftables dup, the TEE target), or the asker sent to a broadcast address.`,
    wire: `Two echo replies with one identifier and sequence number. If the request came to the target twice, it was copied
before; if it came once and one reply set out, the reply was copied. ping marks the second with DUP!.`,
    confirm: `  tc -s filter show dev DEV ingress; tc -s filter show dev DEV egress      mirred
  nft list ruleset | grep -w dup; iptables-save | grep TEE
  arping -c 3 -I DEV ADDRESS      answers from two hardware addresses: two owners
and compare the Ethernet sources of the two replies, and whether the request was duplicated already.`,
    cure: `Two owners: take the address from one of them. Two ways: take one away, or let spanning tree do it. A mirror: let its
copies end at the device that watches, where nobody has their addresses.`,
    otherwise: `A capture on two layers of one device, or in both directions of a mirror port, shows every frame twice: no reply
is doubled by that.`,
  },
  evaluate(context) {
    const { situation, figures } = context;
    if (situation.kind !== 'overall' || !figures) return undefined;
    const found = multiplied(figures.passages.map(({ exchange }) => exchange));
    // Two owners of the address: that is told by its own rule.
    if (!found || contests(context).length > 0) return undefined;
    return claim(context, found, figures.passages.length);
  },
};

function claim(context: Context, found: Multiplied, sent: number): Claim {
  const { topology, query } = context;
  const { probes, further, copy, what, origins } = found;
  const copier = copierOf(context, found);
  const at = copy?.frame.place ?? query.start;
  const name = placeName(topology, at);
  const cause = copier ? `: ${copier.text}` : '';
  const count = `${probes.length} of ${sent} probes got more than one reply, ${further} too many in all`;
  return {
    title: `${TITLES[what](name, [...new Set(origins.map((place) => placeName(topology, place)))])}${cause}`,
    summary: `${count}. ${story(context, found, name)}${copier ? '' : ' Look for a second way to there, or for something that makes copies.'}`,
    where: copier?.place ?? at,
    confidence: copier ? 'proven' : 'likely',
    evidence: [...sightings(context, found), ...(copier ? [stateOf(copier)] : [])],
    ...(copier ? { cure: { why: 'make no copies of what is on its way', changes: [copier.cure] } } : {}),
  };
}

const TITLES: Readonly<Record<Multiplied['what'], (name: string, origins: readonly string[]) => string>> = {
  request: (name) => `the echo request is doubled before it comes by ${name}, and answered twice`,
  answer: (name) => `the target answers one echo request twice, at ${name}`,
  hosts: (_, origins) => `${origins.join(' and ')} both answer one echo request`,
  reply: (name) => `the echo reply is doubled before it comes by ${name}`,
};

function story({ topology }: Context, { what, origins }: Multiplied, name: string): string {
  switch (what) {
    case 'request':
      return `The request was sent once and sighted twice from ${name} on: the target got two of them.`;
    case 'answer':
      return `The request was sighted once everywhere, and two replies set out from ${name}.`;
    case 'hosts':
      return `The request came to ${origins.map(({ netns }) => netnsName(topology, netns)).join(' and to ')}, and each sent a reply.`;
    case 'reply':
      return `One reply set out, and from ${name} on there are two of it.`;
    default:
      return what satisfies never;
  }
}

/** What makes copies where the copy appeared, or at the other end of that wire. */
function copierOf({ topology }: Context, { copy, what }: Multiplied): Copier | undefined {
  if (!copy || what === 'hosts') return undefined;
  const { place } = copy.frame;
  const link = linkOf(topology, place);
  const peer = link && peerOf(topology, place.netns, link);
  const near = [namespaceOf(topology, place.netns), peer?.namespace].filter(isNamespace);
  const copiers = near.flatMap((namespace) => copiersIn(topology, namespace));
  return copiers.find((copier) => copier.place && placeKey(copier.place) === placeKey(place)) ?? copiers[0];
}

function isNamespace(namespace: Namespace | undefined): namespace is Namespace {
  return namespace !== undefined;
}

function sightings({ topology }: Context, { copy, example, what }: Multiplied): Evidence[] {
  if (!copy) return [];
  const { place, timeNs, direction } = copy.frame;
  const packet = what === 'request' ? 'request' : 'reply';
  return [
    {
      kind: 'sighting',
      text: `the second ${packet} of probe ${example.sequence} first appeared ${direction === 'in' ? 'in by' : 'out of'} ${placeName(topology, place)}`,
      place,
      timeNs,
    },
  ];
}

function stateOf({ text, look, place }: Copier): Evidence {
  return { kind: 'state', text, look, ...(place === undefined ? {} : { place }) };
}
