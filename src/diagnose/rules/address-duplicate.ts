import type { Change } from '../../topology/change.ts';
import { placeName } from '../../topology/naming.ts';
import { ownersOf } from '../../topology/query.ts';
import { isAnswered } from '../../trace/exchange.ts';
import type { Place } from '../../trace/frame.ts';
import { type Claimant, type Contest, contests } from '../claimants.ts';
import type { Claim, Context, Cure, Rule } from '../rule.ts';

export const addressDuplicate: Rule = {
  id: 'address-duplicate',
  severity: 'fault',
  title: 'two hosts have the same address',
  explain: {
    what: `Two interfaces on one segment own one IP address. Both answer ARP for it, and whoever asks believes the first answer,
or the last thing it heard. So packets go now to the one, now to the other. It happens when an address is given by hand
beside a DHCP server or a network's own address management, or when a container or a virtual machine was copied.
A router on the way back that has the sender's address as well takes the replies for its own.`,
    wire: `One ARP request, two replies from different hardware addresses. When the sender's own address is the one that exists
twice, its replies are seen arriving at the other.
The ping may well work: then it is a warning, since the answer may have come from the wrong host.`,
    confirm: `  arping -c 2 -I DEV ADDRESS      replies from two hardware addresses
  arping -D -c 2 -I DEV ADDRESS   from an interface without the address: asks whether anybody has it
  ip neigh show ADDRESS           changes when the entry is deleted and learnt again`,
    cure: `  ip addr del ADDRESS/LEN dev DEV
at the one that should not have it: vdiag cannot know which that is, it takes the one that is in the way.
Neighbours forget the old answer within a minute, or at once with  ip neigh del ADDRESS dev DEV.`,
    otherwise: `Two replies may be wanted: a router that answers by proxy ARP beside the owner, or one host with two interfaces on the
segment (see arp_filter). vdiag does not call those duplicate.`,
  },
  evaluate(context) {
    const { situation, query } = context;
    if (situation.kind === 'overall') return warning(context);
    if (situation.kind !== 'stopped') return undefined;
    for (const contest of contests(context)) {
      const taken = contest.claimants.find(({ place }) => place?.netns === situation.gate.place.netns)?.place;
      // The sender has its address by right, as far as anybody can know.
      if (!taken || taken.netns === query.start.netns) continue;
      const cure = withdraw(context, contest, taken);
      if (!cure || !context.passes(cure.changes)) continue;
      const names = contest.claimants.map((claimant) => nameOf(context, claimant));
      return {
        title: titleOf(contest, names),
        summary: `${names.join(' and ')} both have ${contest.address}. ${nameOf(context, { mac: '', place: taken })} gets the packet, and there it ends; the other would take it on.`,
        where: taken,
        cure,
      };
    }
    return swallowedReply(context);
  },
};

/** The reply comes to a namespace that has the sender's address too, and takes it for its own. */
function swallowedReply({ situation, topology, passes }: Context): Claim | undefined {
  if (situation.kind !== 'stopped' || situation.gate.kind !== 'stack') return undefined;
  const { waiting, arrived, awaits, address } = situation.gate;
  if (awaits !== 'socket' || waiting.netns === arrived.netns) return undefined;
  const held = ownersOf(topology, address).filter(({ namespace }) => namespace.id === arrived.netns);
  const [first] = held;
  if (!first) return undefined;
  const holder = { netns: arrived.netns, name: first.link.name };
  const names = [placeName(topology, waiting), placeName(topology, holder)];
  const changes = held.map(
    ({ link, address: { prefixLength } }): Change => ({
      kind: 'address-del',
      at: { netns: arrived.netns, name: link.name },
      address,
      prefixLength,
    }),
  );
  return {
    title: `${names.join(' and ')} have the same address, ${address}`,
    summary: `the reply to ${address} comes to ${placeName(topology, arrived)}. ${names[1]} in the same namespace has that address, so the reply is taken up there, and ${names[0]}, which sent the request, hears nothing.`,
    where: holder,
    ...(passes(changes)
      ? { cure: { why: `${names[0]} has ${address} already: take it from ${names[1]}`, changes } }
      : {}),
  };
}

/** The probes were answered: by whom is another question. */
function warning(context: Context): Claim | undefined {
  const { example, query } = context;
  // Nothing was sent at all: then the state alone tells.
  const asked = example ? isAnswered(example) : context.exchanges.length === 0 && context.path.end === 'delivered';
  const [contest] = asked ? contests(context) : [];
  if (!contest) return undefined;
  const names = contest.claimants.map((claimant) => nameOf(context, claimant));
  const others = contest.claimants.flatMap(({ place }) => (place && place.netns !== query.start.netns ? [place] : []));
  // The one that did not answer this time is withdrawn: that disturbs least.
  const at = others.at(-1);
  const cure = at && withdraw(context, contest, at);
  return {
    title: titleOf(contest, names),
    summary: `${names.join(' and ')} both have ${contest.address}${
      contest.sighted ? `, and both answered. ${names[0]} was faster this time` : ''
    }. Whoever asks for it gets now the one, now the other: the probes were answered, and perhaps not by the host that was meant.`,
    where: at ?? contest.asker,
    severity: 'warning',
    confidence: contest.sighted ? 'proven' : 'likely',
    evidence: contest.claimants.map((claimant, index) => ({
      kind: contest.sighted ? ('sighting' as const) : ('state' as const),
      text: `${names[index]} ${contest.sighted ? 'answers for' : 'has'} ${contest.address} with ${claimant.mac}`,
      ...(claimant.place === undefined ? {} : { place: claimant.place }),
    })),
    ...(cure === undefined ? {} : { cure }),
  };
}

function titleOf({ address }: Contest, names: readonly string[]): string {
  return `${names.join(' and ')} have the same address, ${address}`;
}

function nameOf({ topology }: Context, { mac, place }: Claimant): string {
  return place ? placeName(topology, place) : `a host at ${mac} beyond this machine`;
}

/** Takes the address from every interface of the namespace that has it; whoever asked has to ask again. */
function withdraw({ topology }: Context, { address, asker }: Contest, { netns }: Place): Cure | undefined {
  const held = ownersOf(topology, address).filter(({ namespace }) => namespace.id === netns);
  const changes = held.map(
    ({ link, address: { prefixLength } }): Change => ({
      kind: 'address-del',
      at: { netns, name: link.name },
      address,
      prefixLength,
    }),
  );
  const from = held.map(({ link }) => placeName(topology, { netns, name: link.name })).join(' and ');
  if (changes.length === 0) return undefined;
  changes.push({ kind: 'neighbour-flush', at: asker, address });
  return { why: `take ${address} from ${from}, or from the other if this one is the right one`, changes };
}
