import { familyOf } from '../../topology/address.ts';
import { placeName } from '../../topology/naming.ts';
import { intendedOwner } from '../intended-owner.ts';
import { downLinkBehind, downPeerBehind } from '../lost-routes.ts';
import type { Claim, Context, Rule } from '../rule.ts';
import { coveringPrefix } from '../segment.ts';

export const linkDown: Rule = {
  id: 'link-down',
  severity: 'fault',
  title: 'an interface on the path is down',
  explain: {
    what: `An interface that is administratively down neither sends nor receives. A veth end whose other end is down has no
carrier: what is sent by it is dropped in its own queue. A veth end that is moved to another namespace is set down, and
loses its addresses.`,
    wire: `The packet is seen up to the last device before the one that is down. If the far end of the sender's own veth is
down, nothing is seen at all, not even on the sender's interface.`,
    confirm: `  ip -br link                 DOWN, or LOWERLAYERDOWN with NO-CARRIER where the other end is down`,
    cure: `  ip link set DEV up
in the namespace the interface is in. Routes set by hand have to be set again; those of its addresses come back.`,
    otherwise: `A port that is up but whose bridge is down is bridge-down.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped') return undefined;
    const { gate } = situation;
    if (gate.kind !== 'device') return routesWentWithIt(context) ?? routeIgnored(context) ?? addressWentWithIt(context);
    const name = placeName(topology, gate.place);
    if (gate.state === 'no-carrier')
      return {
        title: `${name} has no carrier`,
        summary: `${name} is up, but nothing is plugged into its other end: the packet cannot leave by it.`,
        where: gate.place,
      };
    return {
      title: `${name} is down`,
      summary: `the packet has to pass ${name}, and that interface is administratively down.`,
      where: gate.place,
      cure: { why: `set ${name} up`, changes: [{ kind: 'link-up', at: gate.place }] },
    };
  },
};

function routesWentWithIt(context: Context): Claim | undefined {
  const down = downLinkBehind(context);
  if (!down || down.link.kind === 'bridge') return undefined;
  const name = placeName(context.topology, down.at);
  return {
    title: `${name} is down, and its routes went with it`,
    summary: `the packet should leave by ${name}, whose address covers the way. That interface is administratively down, so its routes are gone too.`,
    where: down.at,
    cure: {
      why: `set ${name} up; the routes of its addresses come with it`,
      changes: [{ kind: 'link-up', at: down.at }],
    },
  };
}

function routeIgnored(context: Context): Claim | undefined {
  const down = downPeerBehind(context);
  if (!down) return undefined;
  const [name, device] = [down.at, down.device].map((place) => placeName(context.topology, place));
  return {
    title: `${name} is down, and the routes by ${device}, the other end of its link, do not count`,
    summary: `the packet should leave by ${device}, which has no carrier: ${name}, the other end of its link, is administratively down. Routes by a device without carrier are passed over there (ignore_routes_with_linkdown).`,
    where: down.at,
    cure: { why: `set ${name} up`, changes: [{ kind: 'link-up', at: down.at }] },
  };
}

/** Unlike IPv4, IPv6 takes the addresses of an interface that goes down away (net.ipv6.conf.*.keep_addr_on_down). */
function addressWentWithIt({ situation, topology }: Context): Claim | undefined {
  if (situation.kind !== 'stopped' || situation.gate.kind !== 'owner') return undefined;
  const { gate } = situation;
  const { asker, target } = gate;
  const prefixLength = coveringPrefix(topology, asker, target);
  if (familyOf(target) !== 6 || gate.elsewhere.length > 0 || prefixLength === undefined) return undefined;
  const owner = intendedOwner(topology, gate);
  if (!owner?.down) return undefined;
  const { at } = owner;
  const name = placeName(topology, at);
  return {
    title: `${name} is down, and its IPv6 addresses went with it`,
    summary: `${placeName(topology, asker)} asks who has ${target}, and nobody does. ${name} is the one interface of the segment without an address, and it is administratively down: an interface that goes down loses its IPv6 addresses.`,
    where: at,
    confidence: 'likely',
    cure: {
      why: `set ${name} up, and give it its address back`,
      changes: [
        { kind: 'link-up', at },
        { kind: 'address-add', at, address: target, prefixLength },
      ],
    },
  };
}
