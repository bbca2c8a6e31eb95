import type { MacvlanGate } from '../../path/gate.ts';
import { modeOf } from '../../path/macvlan.ts';
import { portAt } from '../../path/world.ts';
import { familyOf } from '../../topology/address.ts';
import type { Change } from '../../topology/change.ts';
import type { Link, Topology } from '../../topology/model.ts';
import { placeName } from '../../topology/naming.ts';
import { addressesOf, isUp, linkOf, namespaceOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
import type { Context, Cure, Rule } from '../rule.ts';

export const macvlanParentIsolated: Rule = {
  id: 'macvlan-parent-isolated',
  severity: 'fault',
  title: 'a macvlan and the interface it sits on cannot reach each other',
  explain: {
    what: `A macvlan sends by the interface below it straight to the wire, and what comes in from the wire is sorted by hardware
address. Between the macvlan and the interface below it there is no way: what the one sends is never handed to the
other. So a host and its own macvlan containers do not reach each other, although both reach everybody else.`,
    wire: `The ARP request (IPv6: the neighbour solicitation) leaves by the lower interface to the wire, and never comes to the
macvlan, or never from the macvlan to the host. Hosts on the wire see it and have nothing to say.`,
    confirm: `  ip -d link show DEV        "macvlan mode …", and the lower interface behind the @
Another host on the same wire reaches both of them.`,
    cure: `Give the host a macvlan of its own on the same interface, and a route to the container by it:
  ip link add NAME link PARENT type macvlan mode bridge
  ip addr add HOST_ADDRESS/32 dev NAME
  ip link set NAME up
  ip route add CONTAINER/32 dev NAME
Macvlans of mode bridge reach each other. It is gone after a restart: write it into the host's network configuration.`,
    otherwise: `A switch that sends frames back where they came from (hairpin, VEPA) lets the two talk after all. Two macvlans that
do not reach each other are macvlan-mode-isolated.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'macvlan' || situation.gate.by !== 'parent')
      return undefined;
    const { gate } = situation;
    const { child, parent } = endsOf(gate);
    const cure = ownMacvlan(context, child, parent);
    const [one, other] = [placeName(topology, parent), placeName(topology, child)];
    return {
      title: `${other} is a macvlan on ${one}: the two cannot reach each other`,
      summary: `what ${placeName(topology, gate.from)} sends goes to the wire by ${placeName(topology, gate.lower)}, and the driver never hands it to ${placeName(topology, gate.to)}. Everybody else on the wire reaches both.`,
      where: child,
      ...(cure === undefined ? {} : { cure }),
    };
  },
};

function endsOf({ from, to, lower }: MacvlanGate): { child: Place; parent: Place } {
  const isLower = to.netns === lower.netns && to.name === lower.name;
  return { child: isLower ? from : to, parent: lower };
}

/** A macvlan of mode bridge beside the child, in the namespace of the parent, with its address and a route to the child. */
function ownMacvlan(context: Context, child: Place, parent: Place): Cure | undefined {
  const { topology, query } = context;
  const [below, above] = [linkOf(topology, parent), linkOf(topology, child)];
  const mode = macvlanMode(topology, child);
  // Where one macvlan takes all that comes in, no second one can be made.
  if (!below || !above || mode === 'passthru') return undefined;
  const family = familyOf(query.destination);
  const [own] = globals(below, family);
  const theirs = globals(above, family);
  if (!own || theirs.length === 0) return undefined;
  const known = ownSiblings(topology, parent)[0];
  const name = known?.name ?? freeName(topology, parent);
  const at = { netns: parent.netns, name };
  const length = family === 6 ? 128 : 32;
  const made: Change[] = [
    { kind: 'macvlan-add', at, lower: parent.name },
    { kind: 'address-add', at, address: own.address, prefixLength: length },
    { kind: 'link-up', at },
  ];
  const routes = theirs.map(
    ({ address }): Change => ({
      kind: 'route-replace',
      netns: parent.netns,
      destination: `${address}/${length}`,
      device: name,
      source: known ? (globals(known, family)[0]?.address ?? own.address) : own.address,
    }),
  );
  const heard: Change[] = mode === 'bridge' ? [] : [{ kind: 'macvlan-mode', at: child, mode: 'bridge' }];
  const changes = [...heard, ...(known ? [] : made), ...routes];
  // A probe that is bound to the parent goes on by the parent: it has to start where the route leads.
  const bound = query.start.netns === parent.netns && query.start.name === parent.name;
  const { source: _, ...unsourced } = query;
  if (!context.passes(changes, bound ? { ...unsourced, start: at } : query)) return undefined;
  return {
    why: `${known ? `reach it by ${name}, a macvlan beside it` : 'give the host a macvlan beside it, and a route to it'}: macvlans of mode bridge reach each other`,
    changes,
    ...(bound ? { start: at } : {}),
  };
}

function globals(link: Link, family: 4 | 6) {
  return addressesOf(link, family).filter(({ scope }) => scope === 'global');
}

function macvlanMode(topology: Topology, place: Place): string | undefined {
  const port = portAt(topology, place);
  return port && modeOf(port);
}

/** Macvlans of mode bridge with an address, in the parent's own namespace. */
function ownSiblings(topology: Topology, parent: Place): Link[] {
  const namespace = namespaceOf(topology, parent.netns);
  const lower = linkOf(topology, parent);
  return (namespace?.links ?? []).filter(
    (link) =>
      link.kind === 'macvlan' &&
      link.peer?.index === lower?.index &&
      link.peer?.netns === parent.netns &&
      link.data.mode === 'bridge' &&
      isUp(link) &&
      link.addresses.some(({ scope }) => scope === 'global'),
  );
}

/** IFNAMSIZ leaves 15 characters. */
const LONGEST_NAME = 15;

function freeName(topology: Topology, { netns, name }: Place): string {
  const taken = new Set(namespaceOf(topology, netns)?.links.map((link) => link.name));
  const wanted = [`mv-${name}`.slice(0, LONGEST_NAME), ...Array.from({ length: 100 }, (_, index) => `mvhost${index}`)];
  return wanted.find((candidate) => !taken.has(candidate)) ?? 'mvhost';
}
