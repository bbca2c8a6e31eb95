import type { Address } from '../../topology/model.ts';
import { placeName } from '../../topology/naming.ts';
import { linkOf, ownersOf } from '../../topology/query.ts';
import { type Place, placeKey } from '../../trace/frame.ts';
import type { Claim, Context, Cure, Rule } from '../rule.ts';

export const addressTentative: Rule = {
  id: 'address-tentative',
  severity: 'fault',
  title: 'an IPv6 address failed duplicate address detection, or has not finished it: it neither sends nor answers',
  explain: {
    what: `Before it uses an IPv6 address, an interface asks whether anybody on the link has it already (duplicate address
detection, RFC 4862). Until that is over, one to two seconds, the address is tentative. If somebody answers, it is marked
dadfailed and stays unusable until it is removed: the kernel does not try again.`,
    wire: `Neighbour solicitations for the address come in at its owner, and nothing answers. At a sender: nothing at all.`,
    confirm: `  ip -6 addr show dev DEV     tentative, or "tentative dadfailed"
  dmesg                       "IPv6 duplicate address detected"`,
    cure: `Of two hosts with the address, one has to give it up; then, at the other:
  ip addr del ADDRESS/LEN dev DEV
  ip addr add ADDRESS/LEN dev DEV
An address that is tentative and not failed is usable a moment later, or at once when it is added with "nodad". It stays
tentative for as long as the interface has no carrier.`,
    otherwise: `If both hosts answer for the address, one of them does not detect duplicates: that is address-duplicate.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped') return undefined;
    const { gate } = situation;
    if (gate.kind === 'advertise') {
      const own = heldAt(context, gate.place).find(({ address }) => address === gate.address);
      return own && claim(context, gate.place, own, `${placeName(topology, gate.place)} does not answer for it`);
    }
    if (gate.kind !== 'sender') return undefined;
    const own = heldAt(context, gate.place).find(({ scope }) => scope !== 'link');
    return own && claim(context, gate.place, own, `${placeName(topology, gate.place)} cannot send from it`);
  },
};

/** Addresses of an interface that may not be used yet, or never. */
function heldAt({ topology }: Context, at: Place): Address[] {
  const held = linkOf(topology, at)?.addresses ?? [];
  return held.filter(({ flags }) => flags.includes('tentative') || flags.includes('dadfailed'));
}

function claim(context: Context, at: Place, { address, prefixLength, flags }: Address, effect: string): Claim {
  const { topology } = context;
  const name = placeName(topology, at);
  if (!flags.includes('dadfailed'))
    return {
      title: `${address} on ${name} is tentative: duplicate address detection is not over`,
      summary: `${name} is still asking whether anybody else has ${address}, and until then ${effect}. That takes one or two seconds from when the address is added or the interface comes up: trace again.`,
      where: at,
      confidence: 'likely',
    };
  const [rival] = ownersOf(topology, address)
    .map((owner) => ({ place: { netns: owner.namespace.id, name: owner.link.name }, own: owner.address }))
    .filter(({ place, own }) => placeKey(place) !== placeKey(at) && !own.flags.includes('dadfailed'));
  const who = rival ? placeName(topology, rival.place) : 'another host';
  const cure: Cure = {
    why: rival
      ? `take ${address} from ${who}, if ${name} is the one that should have it, and add it there once more`
      : `when nobody else has ${address} any more, add it to ${name} once more`,
    changes: [
      ...(rival
        ? [{ kind: 'address-del' as const, at: rival.place, address, prefixLength: rival.own.prefixLength }]
        : []),
      { kind: 'address-del', at, address, prefixLength },
      { kind: 'address-add', at, address, prefixLength },
    ],
  };
  return {
    title: `${address} on ${name} is a duplicate: ${who} had it first`,
    summary: `when ${name} was given ${address}, ${who} answered that it has it already (duplicate address detection). ${rival ? '' : 'No namespace that vdiag sees has it now. '}The address stays marked dadfailed, and ${effect}.`,
    where: at,
    cure,
  };
}
