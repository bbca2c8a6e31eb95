import { expectPath } from '../../path/expect.ts';
import { routeText } from '../../path/fib.ts';
import { familyBits, familyOf } from '../../topology/address.ts';
import { applyChanges } from '../../topology/apply-changes.ts';
import type { Change } from '../../topology/change.ts';
import { inNetns, netnsName, placeName } from '../../topology/naming.ts';
import { ownersOf } from '../../topology/query.ts';
import { type Detour, findDetour, isNarrower } from '../detour.ts';
import type { Evidence } from '../finding.ts';
import { findNextDoor, type NextDoor } from '../next-door.ts';
import type { Claim, Context, Cure, Rule } from '../rule.ts';
import { addressMissing } from './address-missing.ts';
import { gatewayUnreachable } from './gateway-unreachable.ts';
import { routeMissing } from './route-missing.ts';
import { routeReturnMissing } from './route-return-missing.ts';

/** Where one of these knows a cure on the way that is taken, that way is not the wrong one. */
const RIVALS: readonly Rule[] = [gatewayUnreachable, routeMissing, routeReturnMissing, addressMissing];

export const routeWrongInterface: Rule = {
  id: 'route-wrong-interface',
  severity: 'fault',
  title: 'another route or policy rule takes the packet, out of an interface behind which the target is not',
  explain: {
    what: `A sender, a router or the replier has a route that leads to the target, and another one that wins over it and leads
elsewhere: a narrower prefix (a VPN or a second network that uses the same addresses), a lower metric, or a policy rule
(ip rule) that sends this source to a table of its own. The packet leaves by the wrong interface, and there nobody has
the address, or a router that knows no way. Or it is the narrower route that is missing: containers that are routed one
by one (CNI's ptp plugin, Calico) have a route each on their host, and without it the default route takes their packets.`,
    wire: `The packet comes in by one interface and leaves by one that is not on the way to the target; there it is asked for
in vain, or it is answered with an error, or nothing comes. On the way back: the request arrives, and the reply leaves
the target or a router by another interface than the sender is behind.`,
    confirm: `  ip route get ADDRESS from SOURCE iif DEV       names the interface, and the table
  ip rule; ip route show table all to match ADDRESS     everything that covers it, the narrowest wins
  ip -br addr                                    two interfaces with overlapping networks`,
    cure: `Take the wrong route or rule away:
  ip route del NETWORK dev WRONG          ip rule del pref N
or, where it has to stay for others, put a narrower route for the target over it:
  ip route add TARGET/32 via ROUTER dev RIGHT
A VPN client sets its routes again when it connects: exclude the network in its configuration.`,
    otherwise: `If the interface is right and its next hop does not answer, it is gateway-unreachable; if the target is behind it
and something on that way drops the packet, that is the cause. If both ways work but the receiver refuses the one that
is taken, it is reverse-path-filter.`,
  },
  evaluate(context) {
    const { situation, topology, query, path } = context;
    if (situation.kind === 'overall') return undefined;
    if (situation.kind === 'stopped' && situation.gate.kind === 'ttl') return undefined;
    // Lost, it must have been sighted at the end of its path: out of the last device.
    if (situation.kind === 'lost' && (path.end !== 'leaves' || situation.missing)) return undefined;
    const stop = situation.kind === 'stopped' ? situation.gate : undefined;
    const detour = findDetour(topology, query, path, stop);
    if (!detour) return besideItsRouter(context, findNextDoor(topology, query, path, stop));
    if (isRivalled(context, detour)) return undefined;
    const { gate, taken, instead } = detour;
    const who = netnsName(topology, gate.place.netns);
    const { destination } = gate;
    const wrong = `${taken.device}${inNetns(topology, gate.place.netns)}`;
    const cure = cureOf(context, detour);
    // Unless the packet then gets on, it is not known that this is what keeps it.
    if (!cure) return undefined;
    return {
      title: `${who} sends packets for ${destination} out of ${taken.device} (${routeText(taken)}), and the way there is by ${instead.device}`,
      summary: `${reason(detour)} wins over ${routeText(instead)}, so the ${gate.purpose === 'reply' ? 'reply' : 'packet'} for ${destination} leaves by ${wrong}. Nobody it comes to there has the address or knows a way to it; ${ownerText(context, detour)}.`,
      where: { netns: gate.place.netns, name: taken.device ?? gate.place.name },
      evidence: [evidence(context, detour)],
      ...(situation.kind === 'lost' ? { confidence: 'likely' as const } : {}),
      cure,
    };
  },
};

/** The target is on a segment of the router's own, and what takes the packet is the route for everything else. */
function besideItsRouter(context: Context, found: NextDoor | undefined): Claim | undefined {
  if (!found || RIVALS.some((rule) => rule.evaluate(context)?.cure !== undefined)) return undefined;
  const { topology, situation } = context;
  const { gate, taken, by, owner, change } = found;
  const lost = situation.kind === 'lost';
  const works = lost
    ? expectPath(applyChanges(topology, [change]), context.query).end === 'delivered'
    : context.passes([change]);
  if (!works) return undefined;
  const { destination } = gate;
  return {
    title: `${netnsName(topology, by.netns)} sends packets for ${destination} out of ${taken.device} (${routeText(taken)}), and the way there is by ${by.name}`,
    summary: `${placeName(topology, owner)} has ${destination}, on the segment of ${by.name}${inNetns(topology, by.netns)}, and no route says so: ${routeText(taken)} takes what is for it, and out of ${taken.device} nobody has the address or knows a way to it. Whatever set that route up for it has taken it away, or never did.`,
    where: { netns: by.netns, name: taken.device ?? by.name },
    ...(lost ? { confidence: 'likely' as const } : {}),
    cure: { why: `${destination} is behind ${by.name}`, changes: [change] },
  };
}

/** Of two ways of equal right, one that only lacks something is repaired, not left. */
function isRivalled(context: Context, detour: Detour): boolean {
  const { situation } = context;
  if (situation.kind === 'stopped' && situation.gate.kind === 'owner' && situation.gate.gateway && !isNarrower(detour))
    return true;
  return RIVALS.some((rule) => rule.evaluate(context)?.cure !== undefined);
}

function reason({ taken }: Detour): string {
  if (taken.rule) return `policy rule ${taken.rule.priority}, with ${routeText(taken)},`;
  return `the route ${routeText(taken)}`;
}

function ownerText({ topology }: Context, { gate, instead }: Detour): string {
  const [owner] = ownersOf(topology, gate.destination);
  const at = owner && placeName(topology, { netns: owner.namespace.id, name: owner.link.name });
  return at === undefined
    ? `the way by ${instead.device} leads to it`
    : `${at} has it, and is reached by ${instead.device}`;
}

function evidence({ topology }: Context, { gate, instead }: Detour): Evidence {
  const { netns, name } = gate.place;
  return {
    kind: 'state',
    text: `without it the route to ${gate.destination} where ${placeName(topology, { netns, name })} is would be ${routeText(instead)}`,
    place: gate.place,
  };
}

/** Away with it; or, where the kernel made it for an address of its own, a narrower one over it. */
function cureOf(context: Context, { gate, taken, instead, change, start }: Detour): Cure | undefined {
  const { netns } = gate.place;
  const { destination } = gate;
  const moved = start === undefined ? {} : { start };
  const { source: _, ...anySource } = context.query;
  const query = start === undefined ? context.query : { ...anySource, start };
  const narrow: Change = {
    kind: 'route-add',
    netns,
    destination: `${destination}/${familyBits(familyOf(destination))}`,
    ...(instead.gateway === undefined ? {} : { gateway: instead.gateway }),
    ...(instead.device === undefined ? {} : { device: instead.device }),
  };
  const works = (changes: readonly Change[]) =>
    context.situation.kind === 'lost'
      ? expectPath(applyChanges(context.topology, changes), query).end === 'delivered'
      : context.passes(changes, query);
  if (taken.rule === undefined && taken.route.protocol === 'kernel' && works([narrow]))
    return {
      why: `a narrower route for ${destination} wins over it, and the others keep theirs`,
      changes: [narrow],
      ...moved,
    };
  return works([change])
    ? { why: `${routeText(instead)} leads to ${destination}`, changes: [change], ...moved }
    : undefined;
}
