import type { Gate } from '../../path/gate.ts';
import { portAt } from '../../path/world.ts';
import { familyBits, familyOf } from '../../topology/address.ts';
import type { Change } from '../../topology/change.ts';
import type { Address, Topology } from '../../topology/model.ts';
import { placeName } from '../../topology/naming.ts';
import { prefixContains } from '../../topology/prefix.ts';
import { addressesOf, linkOf, namespaceOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
import { segmentOf } from '../routers.ts';
import type { Context, Rule } from '../rule.ts';

export const addressPrefixWrong: Rule = {
  id: 'address-prefix-wrong',
  severity: 'fault',
  title:
    "an interface's prefix length is not that of its segment: it hides the peer, or claims hosts that are elsewhere",
  explain: {
    what: `The prefix length says who is on the link. Too long (/32 instead of /24): the kernel does not know that the peer is
on the link and has no route to it; the request arrives and cannot be answered. Too short (/16 instead of /24): the
kernel takes hosts of other networks to be on the link, asks ARP for them there and never tries the router.
A copy of an address without its length ("ip addr add 10.9.0.3 dev eth0") makes it /32.`,
    wire: `Too long: the request comes in at the target, and nothing leaves it, or it leaves by the default route.
Too short: ARP requests on the own segment for an address that lives behind the router, unanswered.`,
    confirm: `  ip -br addr                 in both namespaces: the lengths of one segment must be equal
  ip route get ADDRESS        says whether the kernel takes ADDRESS to be on the link (no "via")`,
    cure: `Give the interface the length of the others, before the wrong one is taken away, so that no route is lost
(IPv6 has an address only once on an interface: there the wrong one is taken away first):
  ip addr add ADDRESS/LEN dev DEV
  ip addr del ADDRESS/WRONG dev DEV`,
    otherwise: `A /32 with a route of its own to the gateway is a design (clouds, Calico), not a fault: there the route is what to
look at (route-missing, route-return-missing). Where a router answers ARP for others, see arp-proxy-missing.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped') return undefined;
    const wrong =
      tooLong(context, situation.gate) ??
      tooLongForTarget(context, situation.gate) ??
      tooShort(context, situation.gate);
    if (!wrong) return undefined;
    const { at, own, other, hidden, length } = wrong;
    const name = placeName(topology, at);
    const { address } = own;
    return {
      title: `${name} has ${address}/${own.prefixLength}, and its segment is a /${length}: ${
        length < own.prefixLength ? `it does not see ${hidden} there` : `it looks for ${hidden} there`
      }`,
      summary:
        length < own.prefixLength
          ? `${hidden} is on the same segment as ${name} (${other} has a /${length}), but the prefix of ${address}/${own.prefixLength} does not cover it: the namespace does not know that it is on the link, and cannot ${verbFor(situation.gate)}.`
          : `${address}/${own.prefixLength} makes ${name} take ${hidden} to be on its own link, and ask ARP for it there. The others on the segment have a /${length} (${other}), and ${hidden} is not among them: the way to it is by the router.`,
      where: at,
      cure: { why: `give ${name} the prefix length of its segment`, changes: changesFor(at, own, length) },
    };
  },
};

function verbFor(gate: Gate): string {
  if (gate.kind !== 'route') return 'answer';
  return { send: 'send to it', forward: 'pass packets on to it', reply: 'answer' }[gate.purpose];
}

interface Wrong {
  readonly at: Place;
  readonly own: Address;
  /** Whom the wrong prefix hides or claims. */
  readonly hidden: string;
  /** The length of the others, and one of them. */
  readonly length: number;
  readonly other: string;
}

/** The prefix of the device the packet came in by does not cover the sender, whose own prefix covers the device. */
function tooLong(context: Context, gate: Gate): Wrong | undefined {
  const sender = unreturned(gate);
  return sender === undefined ? undefined : hiddenFrom(context, gate.place, sender);
}

/** Whoever has `hidden` is on the segment of `at`, and only one of the two sees that from its prefix. */
function hiddenFrom(context: Context, at: Place, hidden: string): Wrong | undefined {
  const { topology } = context;
  const asked = onSegment(topology, at, hidden).find(({ address }) => address.address === hidden);
  if (!asked) return undefined;
  for (const own of addressesAt(topology, at, hidden)) {
    const length = asked.address.prefixLength;
    const seen = prefixContains(`${hidden}/${length}`, own.address);
    if (own.peer !== undefined || own.prefixLength <= length || !seen || covers(own, hidden)) continue;
    if (context.passes(changesFor(at, own, length)))
      return { at, own, hidden, length, other: placeName(topology, asked.place) };
  }
  return undefined;
}

/**
 * A router without a route, one of whose devices is on the segment of whoever has the target: that one's prefix covers the
 * device's address, and the device's own does not cover the target.
 */
function tooLongForTarget(context: Context, gate: Gate): Wrong | undefined {
  const { topology } = context;
  if (gate.kind !== 'route' || gate.purpose !== 'forward' || gate.route !== undefined) return undefined;
  const { netns } = gate.place;
  for (const { name, kind } of namespaceOf(topology, netns)?.links ?? []) {
    if (kind === 'loopback') continue;
    const wrong = hiddenFrom(context, { netns, name }, gate.destination);
    if (wrong) return wrong;
  }
  return undefined;
}

/** The address that the namespace cannot answer, or would answer by another way than it came. */
function unreturned(gate: Gate): string | undefined {
  if (gate.kind === 'source')
    return gate.verdict === 'stop' && gate.result.reason !== 'local-source' ? gate.source : undefined;
  // Over IPv6 a socket that is bound to a device needs a route too.
  const asked = gate.kind === 'route' && (gate.purpose === 'reply' || gate.purpose === 'send');
  return asked && gate.route === undefined ? gate.destination : undefined;
}

/** An address that is asked for where it is not, and that a prefix as long as the others' would leave to the router. */
function tooShort(context: Context, gate: Gate): Wrong | undefined {
  if (gate.kind !== 'owner' || gate.gateway || gate.assumedOnLink) return undefined;
  const { asker, target } = gate;
  const neighbours = onSegment(context.topology, asker, target);
  for (const own of addressesAt(context.topology, asker, target)) {
    if (own.peer !== undefined || !covers(own, target)) continue;
    const others = neighbours.filter(
      ({ address }) =>
        covers(own, address.address) &&
        address.prefixLength > own.prefixLength &&
        address.prefixLength < familyBits(address.family) &&
        covers(address, own.address) &&
        !covers(address, target),
    );
    // Where even one neighbour has the asker's own length, nobody can say which of them is wrong.
    const agreed = neighbours.some(
      ({ address }) => covers(own, address.address) && address.prefixLength <= own.prefixLength,
    );
    for (const { address, place } of agreed ? [] : others)
      if (context.passes(changesFor(asker, own, address.prefixLength)))
        return {
          at: asker,
          own,
          hidden: target,
          length: address.prefixLength,
          other: placeName(context.topology, place),
        };
  }
  return undefined;
}

function changesFor(at: Place, { address, prefixLength }: Address, length: number): Change[] {
  const add: Change = { kind: 'address-add', at, address, prefixLength: length };
  const del: Change = { kind: 'address-del', at, address, prefixLength };
  // IPv6 has an address once on a device, whatever its prefix.
  return familyOf(address) === 6 ? [del, add] : [add, del];
}

function covers({ address, prefixLength }: Address, other: string): boolean {
  return prefixContains(`${address}/${prefixLength}`, other);
}

/** Those of the family of `like`; link-local ones have the same length everywhere. */
function addressesAt(topology: Topology, at: Place, like: string): Address[] {
  const link = linkOf(topology, at);
  return link ? addressesOf(link, familyOf(like)).filter(({ scope }) => scope !== 'link') : [];
}

/** The addresses of everybody who hears what `at` broadcasts. */
function onSegment(topology: Topology, at: Place, like: string): { address: Address; place: Place }[] {
  const port = portAt(topology, at);
  const places = port ? segmentOf(topology, port) : [];
  return places.flatMap((place) => addressesAt(topology, place, like).map((address) => ({ address, place })));
}
