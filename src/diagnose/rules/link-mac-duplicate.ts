import { isAsk } from '../../path/model.ts';
import { placeOf } from '../../path/world.ts';
import type { Change } from '../../topology/change.ts';
import type { Topology } from '../../topology/model.ts';
import { placeName } from '../../topology/naming.ts';
import { linkOf, lowerOf, ownersOf, peerOf } from '../../topology/query.ts';
import { isAnswered } from '../../trace/exchange.ts';
import { type Place, placeKey } from '../../trace/frame.ts';
import { questions } from '../claimants.ts';
import { segmentOf } from '../routers.ts';
import type { Claim, Context, Cure, Rule } from '../rule.ts';

export const linkMacDuplicate: Rule = {
  id: 'link-mac-duplicate',
  severity: 'fault',
  title: 'two interfaces of one segment have the same hardware address',
  explain: {
    what: `A bridge sends a frame to the port where its destination was last seen. If two interfaces have one hardware address,
the bridge's entry jumps between their ports with every packet they send, and each gets what is for the other.
A sender and a target with one address cannot talk through a bridge at all: the reply is addressed to an address that the
bridge has just seen on the replier's own port. It happens when a virtual machine or a container is copied with its
configuration, or an address is given by hand or made from the same seed twice.`,
    wire: `Loss that comes and goes; or the ARP reply is seen coming in by the replier's port and nowhere after. The kernel's log
has "received packet on PORT with own address as source address" where one of the two is the bridge's.`,
    confirm: `  ip -br link                         in every namespace of the segment: one address twice
  bridge monitor fdb                  the entry moves from port to port`,
    cure: `  ip link set DEV address NEW
at one of the two, with an address of its own (02:… is for addresses given by hand). Neighbours forget the old one within
a minute, or at once with  ip neigh flush dev DEV.`,
    otherwise: `One address on two different segments does no harm. One IP address on two hosts is something else:
address-duplicate.`,
  },
  evaluate(context) {
    const { situation, example, exchanges, path } = context;
    if (situation.kind === 'stopped') return situation.gate.kind === 'twin' ? stopped(context) : undefined;
    const [pair] = pairs(context);
    if (!pair) return undefined;
    if (situation.kind === 'lost') {
      const broadcast = isAsk(situation.leg.kind);
      return broadcast ? undefined : { ...claim(context, pair), confidence: 'likely' };
    }
    // Nothing was sent at all: then the state alone tells.
    const answered = example ? isAnswered(example) : exchanges.length === 0 && path.end === 'delivered';
    if (!answered) return undefined;
    return { ...claim(context, pair), severity: 'warning', confidence: 'likely' };
  },
};

interface Pair {
  readonly mac: string;
  /** The one that can best do with another address. */
  readonly one: Place;
  readonly other: Place;
}

function stopped(context: Context): Claim | undefined {
  const { situation, query } = context;
  if (situation.kind !== 'stopped' || situation.gate.kind !== 'twin') return undefined;
  const { mac, one, other } = situation.gate;
  const pair = one.netns === query.start.netns ? { mac, one: other, other: one } : { mac, one, other };
  const { cure, ...rest } = claim(context, pair);
  return cure && context.passes(cure.changes) ? { ...rest, cure } : rest;
}

/** Stations whose address somebody on the packet's way has, too. */
function pairs({ topology, path, query }: Context): Pair[] {
  return questions(topology, path).flatMap(({ asker, address }): Pair[] => {
    const segment = [placeOf(asker), ...segmentOf(topology, asker)];
    const concerned = segment.filter(
      (place) =>
        placeKey(place) === placeKey(placeOf(asker)) ||
        ownersOf(topology, address).some(({ namespace }) => namespace.id === place.netns),
    );
    for (const mine of concerned) {
      const mac = linkOf(topology, mine)?.mac ?? '';
      const twin = segment.find((place) => placeKey(place) !== placeKey(mine) && linkOf(topology, place)?.mac === mac);
      // Between the two ends of one pair there is nobody who could mistake one for the other.
      if (mac === '' || !twin || isPeer(topology, mine, twin)) continue;
      if (standsIn(topology, mine, twin) || standsIn(topology, twin, mine)) continue;
      const keep = twin.netns === query.start.netns;
      return [keep ? { mac, one: mine, other: twin } : { mac, one: twin, other: mine }];
    }
    return [];
  });
}

function isPeer(topology: Topology, one: Place, other: Place): boolean {
  const link = linkOf(topology, one);
  const peer = link && peerOf(topology, one.netns, link);
  return peer !== undefined && peer.namespace.id === other.netns && peer.link.name === other.name;
}

/** A macvlan of mode passthru has the address of the device it sits on. */
function standsIn(topology: Topology, child: Place, lower: Place): boolean {
  const link = linkOf(topology, child);
  const below = link?.data.mode === 'passthru' ? lowerOf(topology, link) : undefined;
  return below !== undefined && below.namespace.id === lower.netns && below.link.name === lower.name;
}

function claim(context: Context, { mac, one, other }: Pair): Claim {
  const { topology } = context;
  const names = [one, other].map((place) => placeName(topology, place));
  return {
    title: `${names.join(' and ')} have the same hardware address, ${mac}`,
    summary: `${names.join(' and ')} are on one segment and both have ${mac}. A bridge knows one port for an address, the one where it was last seen: what is for the one goes to the other, depending on who spoke last.`,
    where: one,
    cure: cure(context, one),
  };
}

/** Another address for it; whoever knew the old one asks anew. */
function cure({ topology, path }: Context, at: Place): Cure {
  const held = new Set(linkOf(topology, at)?.addresses.map(({ address }) => address));
  const flushes = questions(topology, path).map(
    ({ asker, address }): Change => ({ kind: 'neighbour-flush', at: placeOf(asker), address }),
  );
  const changes: Change[] = [
    { kind: 'link-mac', at, mac: unused(topology.namespaces.flatMap(({ links }) => links)) },
    ...flushes,
  ];
  const of = held.size > 0 ? ` (${[...held].join(', ')})` : '';
  return { why: `give ${placeName(topology, at)}${of} an address of its own`, changes };
}

/** The first locally administered address (IEEE 802) that no interface has. */
function unused(links: readonly { readonly mac: string }[]): string {
  const taken = new Set(links.map(({ mac }) => mac));
  for (let number = 1; ; number++) {
    const tail = number
      .toString(16)
      .padStart(6, '0')
      .replace(/(..)(..)(..)/, '$1:$2:$3');
    if (!taken.has(`02:00:5e:${tail}`)) return `02:00:5e:${tail}`;
  }
}
