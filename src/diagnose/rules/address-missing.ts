import type { NeighbourGate, OwnerGate, TranslationGate } from '../../path/gate.ts';
import { familyOf } from '../../topology/address.ts';
import type { Link } from '../../topology/model.ts';
import { placeName } from '../../topology/naming.ts';
import { addressesOf, linkOf, namespaceOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
import { intendedOwner } from '../intended-owner.ts';
import { masqueradeAt, networkOf } from '../masquerade.ts';
import type { Claim, Context, Cure, Rule } from '../rule.ts';
import { coveringPrefix } from '../segment.ts';
import { translationInto, translationText } from '../translated.ts';

export const addressMissing: Rule = {
  id: 'address-missing',
  severity: 'fault',
  title: 'nobody on the segment owns the address that is asked for',
  explain: {
    what: `The ARP request reaches every interface of the segment, and none of them has the address: it was never set, it was
lost when the interface was moved to another namespace (that takes all addresses away), or the host is not there.`,
    wire: `ARP requests for the address on every port (IPv6: neighbour solicitations), once a second, and no reply on any.`,
    confirm: `  ip -br addr                 in every namespace of the segment: nobody has it
  arping -I DEV ADDRESS       no answer`,
    cure: `  ip addr add ADDRESS/LEN dev DEV
at the interface that should have it. If the host itself is absent, start it, or correct the address you ping.`,
    otherwise: `If the address is on an interface where the request does not come, look at the bridge ports on the way. If the
address asked for is a router's, it is gateway-unreachable.`,
  },
  evaluate(context) {
    const { situation, topology, query } = context;
    if (situation.kind !== 'stopped') return undefined;
    const { gate } = situation;
    if (gate.kind === 'sender') {
      const name = placeName(topology, gate.place);
      const family = familyOf(query.destination);
      const held = addressesOf(linkOf(topology, gate.place) ?? NO_LINK, family);
      if (held.length > 0)
        return {
          title: `${name} has none but link-local addresses to send from`,
          summary: `${query.destination} is beyond a router, and what comes from a link-local address is for one link alone: no router passes it on. ${name} needs an address that the answer can come back to.`,
          where: gate.place,
        };
      return {
        title: `${name} has no IPv${family} address to send from`,
        summary: `a packet needs a source address that the answer can go to. ${name} has none: it was never set, or it was lost when the interface was moved to another namespace.`,
        where: gate.place,
      };
    }
    if (gate.kind === 'translation' && gate.reason === 'no-address') {
      const name = placeName(topology, gate.place);
      return {
        title: `${name} has no address that could be put in place of ${gate.from.source}`,
        summary: `a rule masquerades what leaves by ${name}, and neither that device nor another one of its namespace has an address to do it with: the packet is dropped.`,
        where: gate.place,
      };
    }
    if (gate.kind === 'vxlan' && gate.by === 'source' && gate.asked !== undefined) {
      const name = placeName(topology, gate.sender);
      return {
        title: `${name} sends from ${gate.asked}, which is on no interface of its namespace`,
        summary: `${name} is a VXLAN device with a source address of its own (local ${gate.asked}). No interface there has it, so the kernel finds no way out for what the device sends. Either the address has to come back, or the device has to be told the one that is there now: ip link set dev ${gate.sender.name} type vxlan id ${gate.vni} local ADDRESS.`,
        where: gate.sender,
      };
    }
    if (gate.kind === 'neighbour' && !gate.owner) return leftOver(context, gate);
    if (gate.kind !== 'owner' || gate.gateway || gate.assumedOnLink) return undefined;
    const asker = placeName(topology, gate.asker);
    const translated = translationOf(context, gate.target);
    const cure = givenTo(context, gate) ?? (translated && masqueraded(context, translated));
    const beyond = gate.outside.length > 0;
    return {
      title: beyond
        ? `nobody answers for ${gate.target} beyond ${gate.outside.map((place) => placeName(topology, place)).join(', ')}`
        : `nobody on the segment of ${asker} has ${gate.target}`,
      summary: [
        translated ? `${sentence(translationText(topology, translated.gate, translated.side))}.` : '',
        `${asker} asks who has ${gate.target}${translated?.side === 'source' ? ', to send the reply there' : ''}.`,
        beyond
          ? 'The request leaves this machine, and no reply comes back: the host is absent, down or filtered.'
          : `The request reaches ${list(gate.reached.map((place) => placeName(topology, place)))}, and none of them has the address.`,
        gate.elsewhere.length > 0
          ? `${list(gate.elsewhere.map((place) => placeName(topology, place)))} has it, on another segment, where the request does not come.`
          : '',
        cure && translated?.side !== 'source'
          ? `${placeName(topology, cure.at)} has no address at all: it should probably have this one.`
          : '',
      ]
        .filter((sentence) => sentence !== '')
        .join(' '),
      where: cure?.at ?? gate.asker,
      ...(cure === undefined ? {} : { cure: cure.cure }),
    };
  },
};

/** Nobody asks while the entry is good: what is sent to it is for nobody. */
function leftOver({ topology, query }: Context, { entry, holder, elsewhere = [] }: NeighbourGate): Claim | undefined {
  const name = placeName(topology, holder);
  // The entry is right: what is wrong is the way there.
  if (elsewhere.length > 0) return undefined;
  // A gateway's entry is not what is wrong where the gateway is not what is pinged.
  if (entry.address !== query.destination && entry.address !== query.source) return undefined;
  const bearers = topology.namespaces.flatMap(({ id, links }) =>
    links.filter(({ mac }) => mac === entry.mac).map((link) => placeName(topology, { netns: id, name: link.name })),
  );
  const whose =
    bearers.length > 0
      ? `that is ${list(bearers)}, which has another address`
      : 'no interface here has that hardware address any more';
  return {
    title: `nobody on the segment of ${name} has ${entry.address}: its neighbour entry is left over`,
    summary: `${name} sends to ${entry.address} at ${entry.mac ?? 'no address'} without asking, from its neighbour table (${entry.state}): ${whose}. Whoever had the address is gone, or has lost it.`,
    where: holder,
  };
}

/** The rule that made the address: nobody may ever have had it. */
function translationOf(
  { path }: Context,
  address: string,
): { readonly gate: TranslationGate; readonly side: 'source' | 'destination' } | undefined {
  for (const side of ['destination', 'source'] as const) {
    const gate = translationInto(path, side, address);
    if (gate) return { gate, side };
  }
  return undefined;
}

/** In place of an address that is not the router's, the one that its uplink has. */
function masqueraded(
  context: Context,
  { gate, side }: { readonly gate: TranslationGate; readonly side: 'source' | 'destination' },
): { at: Place; cure: Cure } | undefined {
  const { topology } = context;
  const namespace = namespaceOf(topology, gate.place.netns);
  if (side === 'destination' || !namespace) return undefined;
  const changes = masqueradeAt(context, { namespace, out: gate.place }, networkOf(context, gate.from.source));
  const why = `put the address that ${placeName(topology, gate.place)} has in place of ${gate.to.source}`;
  return changes && { at: gate.place, cure: { why, changes } };
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The address, for the one interface of the segment that has none. */
function givenTo(context: Context, gate: OwnerGate): { at: Place; cure: Cure } | undefined {
  const { topology } = context;
  // Somebody has it: a second owner would be a second fault.
  if (gate.elsewhere.length > 0) return undefined;
  const owner = intendedOwner(topology, gate);
  const prefixLength = coveringPrefix(topology, gate.asker, gate.target);
  if (!owner || prefixLength === undefined) return undefined;
  const { at, down } = owner;
  return {
    at,
    cure: {
      why: `${placeName(topology, at)} is the only interface on the segment without an address${down ? ', and it is down' : ''}`,
      changes: [
        ...(down ? [{ kind: 'link-up', at } as const] : []),
        { kind: 'address-add', at, address: gate.target, prefixLength },
      ],
    },
  };
}

const NO_LINK: Pick<Link, 'addresses'> = { addresses: [] };

function list(names: readonly string[]): string {
  return names.length === 0 ? 'nobody' : names.join(', ');
}
