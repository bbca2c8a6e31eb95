import { familyBits, isLinkLocal } from '../../topology/address.ts';
import type { Change } from '../../topology/change.ts';
import { placeName } from '../../topology/naming.ts';
import { ipv6Setting, linkOf, namespaceOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
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
    if (gate.kind === 'ipv6') return claim(context, gate.place, 'what comes or leaves by it is dropped', undefined);
    if (gate.kind !== 'owner' || gate.elsewhere.length > 0) return undefined;
    const [at, ...others] = gate.reached.filter((place) => place.netns !== gate.asker.netns && isOff(context, place));
    if (!at || others.length > 0) return undefined;
    const asker = placeName(topology, gate.asker);
    return claim(context, at, `${asker} asks who has ${gate.target}, and it does not listen`, gate.target);
  },
};

function claim(context: Context, at: Place, effect: string, target: string | undefined): Claim | undefined {
  const { topology, query } = context;
  const name = placeName(topology, at);
  const on: Change = { kind: 'interface-sysctl', at, family: 6, setting: 'disable_ipv6', value: 0 };
  const { situation } = context;
  const asker = situation.kind === 'stopped' && situation.gate.kind === 'owner' ? situation.gate.asker : query.start;
  const length = target === undefined ? undefined : coveringPrefix(topology, asker, target);
  // The kernel makes the link-local address by itself.
  const add: Change[] =
    target === undefined || isLinkLocal(target)
      ? []
      : [{ kind: 'address-add', at, address: target, prefixLength: length ?? familyBits(6) }];
  return {
    title: `IPv6 is switched off on ${name} (disable_ipv6=1)`,
    summary: `net.ipv6.conf.${at.name}.disable_ipv6 is 1: ${effect}. Whoever switched it off took the addresses of ${name} away with it.`,
    where: at,
    // Where nobody knows its addresses, switching it on alone cures nothing.
    ...(target === undefined
      ? {}
      : { cure: { why: `switch IPv6 on at ${name}, and give it its address`, changes: [on, ...add] } }),
  };
}

function isOff({ topology }: Context, place: Place): boolean {
  const namespace = namespaceOf(topology, place.netns);
  const link = linkOf(topology, place);
  return namespace !== undefined && link !== undefined && ipv6Setting(namespace, link, 'disable_ipv6') === 1;
}
