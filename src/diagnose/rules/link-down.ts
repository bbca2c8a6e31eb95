import type { Gate } from '../../path/gate.ts';
import { placeName } from '../../topology/naming.ts';
import { addressesOf, isUp, namespaceOf } from '../../topology/query.ts';
import type { Claim, Context, Rule } from '../rule.ts';

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
    if (gate.kind !== 'device') return routesWentWithIt(context, gate);
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

/** The routes of a device vanish with it: a missing route may be a device that is down. */
function routesWentWithIt(context: Context, gate: Gate): Claim | undefined {
  const { topology } = context;
  const missing = (gate.kind === 'route' && gate.route === undefined) || (gate.kind === 'owner' && gate.assumedOnLink);
  if (!missing) return undefined;
  for (const link of namespaceOf(topology, gate.place.netns)?.links ?? []) {
    const at = { netns: gate.place.netns, name: link.name };
    if (isUp(link) || addressesOf(link, 4).length === 0 || !context.passes([{ kind: 'link-up', at }])) continue;
    const name = placeName(topology, at);
    return {
      title: `${name} is down, and its routes went with it`,
      summary: `the packet should leave by ${name}, whose address covers the way. That interface is administratively down, so its routes are gone too: there is no way left.`,
      where: at,
      cure: { why: `set ${name} up; the routes of its addresses come with it`, changes: [{ kind: 'link-up', at }] },
    };
  }
  return undefined;
}
