import type { RouteGate } from '../../path/gate.ts';
import { familyBits, familyOf, isLinkLocal } from '../../topology/address.ts';
import type { Change } from '../../topology/change.ts';
import type { Topology } from '../../topology/model.ts';
import { placeName } from '../../topology/naming.ts';
import { ipv6Setting, linkOf, namespaceOf, ownersOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
import { segmentOf } from '../routers.ts';
import type { Claim, Context, Rule } from '../rule.ts';
import { coveringPrefix } from '../segment.ts';

export const ipv6Disabled: Rule = {
  id: 'ipv6-disabled',
  severity: 'fault',
  title: 'IPv6 is switched off on an interface that has to send, answer or pass on (disable_ipv6)',
  explain: {
    what: `With net.ipv6.conf.DEV.disable_ipv6=1 an interface takes in no IPv6 packet and sends none. Switching it off also takes
all its IPv6 addresses and routes away, and switching it on again brings back the link-local address alone. Container
runtimes switch it off where a network was not asked to have IPv6; net.ipv6.conf.all.disable_ipv6 sets every interface.`,
    wire: `At the target: the neighbour solicitation comes in, and nothing answers. At the sender: nothing at all, the kernel
refuses to send ("Network is unreachable", "Cannot assign requested address").`,
    confirm: `  sysctl net.ipv6.conf.all.disable_ipv6 net.ipv6.conf.DEV.disable_ipv6
  ip -6 addr show dev DEV     nothing`,
    cure: `  sysctl -w net.ipv6.conf.DEV.disable_ipv6=0
  ip addr add ADDRESS/LEN dev DEV
in the namespace of the interface, and its routes once more. For containers, switch IPv6 on in the network itself, or it
is off again with the next one.`,
    otherwise: `If the setting is 0 and there is no address, it is address-missing; if the address is there and marked tentative, it is
address-tentative.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped') return undefined;
    const { gate } = situation;
    if (gate.kind === 'route') return routeGone(context, gate);
    if (gate.kind === 'ipv6') {
      const prefixLength = gate.lost && coveringPrefix(topology, gate.lost.knownTo, gate.lost.address);
      const missed = gate.lost && prefixLength !== undefined && { address: gate.lost.address, prefixLength };
      return claim(context, gate.place, 'what comes or leaves by it is dropped', missed || undefined);
    }
    if (gate.kind !== 'owner' || gate.elsewhere.length > 0) return undefined;
    const [at, ...others] = gate.reached.filter((place) => place.netns !== gate.asker.netns && isOff(context, place));
    if (!at || others.length > 0) return undefined;
    const asker = placeName(topology, gate.asker);
    return claim(context, at, `${asker} asks who has ${gate.target}, and it does not listen`, {
      address: gate.target,
      prefixLength: coveringPrefix(topology, gate.asker, gate.target) ?? familyBits(6),
    });
  },
};

interface Missed {
  readonly address: string;
  readonly prefixLength: number;
}

function claim(context: Context, at: Place, effect: string, missed: Missed | undefined): Claim | undefined {
  const { topology } = context;
  const name = placeName(topology, at);
  const on: Change = { kind: 'interface-sysctl', at, family: 6, setting: 'disable_ipv6', value: 0 };
  // The kernel makes the link-local address by itself.
  const add: Change[] =
    missed === undefined || isLinkLocal(missed.address) ? [] : [{ kind: 'address-add', at, ...missed }];
  return {
    title: `IPv6 is switched off on ${name} (disable_ipv6=1)`,
    summary: `net.ipv6.conf.${at.name}.disable_ipv6 is 1: ${effect}. Whoever switched it off took the addresses of ${name} away with it.`,
    where: at,
    // Where nobody knows its addresses, switching it on alone cures nothing.
    ...(missed === undefined
      ? {}
      : { cure: { why: `switch IPv6 on at ${name}, and give it its address`, changes: [on, ...add] } }),
  };
}

/** With the addresses of the device its routes went: the one that is missing leads to the device's own segment. */
function routeGone(context: Context, { route, place, destination }: RouteGate): Claim | undefined {
  const { topology } = context;
  const namespace = namespaceOf(topology, place.netns);
  if (route || !namespace || familyOf(destination) !== 6) return undefined;
  for (const link of namespace.links) {
    const at = { netns: namespace.id, name: link.name };
    if (link.kind === 'loopback' || !isOff(context, at)) continue;
    const address = missedGateway(topology, segmentOf(topology, { namespace, link }), destination);
    const claimed = address && claim(context, at, `the way to ${destination} is by it`, address);
    if (claimed?.cure && context.passes(claimed.cure.changes)) return claimed;
  }
  return undefined;
}

/** The address that whoever has the destination names as its router, and nobody has. */
function missedGateway(topology: Topology, segment: readonly Place[], destination: string): Missed | undefined {
  for (const place of segment) {
    const routes = namespaceOf(topology, place.netns)?.routes ?? [];
    if (!ownersOf(topology, destination).some(({ namespace }) => namespace.id === place.netns)) continue;
    for (const { gateway, device } of routes.flatMap(({ nextHops }) => nextHops)) {
      if (gateway === undefined || device !== place.name || isLinkLocal(gateway)) continue;
      const prefixLength = coveringPrefix(topology, place, gateway);
      if (prefixLength !== undefined && ownersOf(topology, gateway).length === 0)
        return { address: gateway, prefixLength };
    }
  }
  return undefined;
}

function isOff({ topology }: Context, place: Place): boolean {
  const namespace = namespaceOf(topology, place.netns);
  const link = linkOf(topology, place);
  return namespace !== undefined && link !== undefined && ipv6Setting(namespace, link, 'disable_ipv6') === 1;
}
