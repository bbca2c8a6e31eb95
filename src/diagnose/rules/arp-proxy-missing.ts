import type { OwnerGate } from '../../path/gate.ts';
import { familyOf } from '../../topology/address.ts';
import type { Change } from '../../topology/change.ts';
import type { Link, Namespace } from '../../topology/model.ts';
import { inNetns, placeName } from '../../topology/naming.ts';
import { addressesOf, ipv4Setting, ipv6Setting, isUp, linkOf, namespaceOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
import type { Context, Rule } from '../rule.ts';
import { coveringPrefix } from '../segment.ts';

export const arpProxyMissing: Rule = {
  id: 'arp-proxy-missing',
  severity: 'fault',
  title: 'a router that has to answer ARP for others does not',
  explain: {
    what: `Some networks have no bridge and no gateway address: every container's veth ends in the host, its gateway is an
address that nobody has (169.254.1.1), and the host answers for it, and for every other container, by proxy ARP.
The kernel does so only where proxy_arp is 1 on the interface the request comes in by, forwarding is on there, and it has
a route to the address by another interface. If one of the three is missing, it is silent.
Likewise where a router joins two halves of one network and answers in each for the other.
Over IPv6 it is proxy_ndp, forwarding, and an entry for each address on the link where it is asked for.`,
    wire: `The ARP request is seen at the host end of the veth, and nobody answers.`,
    confirm: `  sysctl net.ipv4.conf.DEV.proxy_arp net.ipv4.conf.DEV.forwarding     at the host end
  ip route get ADDRESS                                               at the router: by another interface than DEV`,
    cure: `  sysctl -w net.ipv4.conf.DEV.proxy_arp=1
  ip neigh add proxy ADDRESS dev DEV                 over IPv6, with net.ipv6.conf.DEV.proxy_ndp=1
or the route that is missing. The kernel waits up to 0.8 s before it answers by proxy (net.ipv4.neigh.DEV.proxy_delay).`,
    otherwise: `If the gateway's address should be on a bridge or a router, and is not, it is gateway-unreachable. Where a prefix that
is too short makes a host ask for what is behind its router, the prefix is the fault: address-prefix-wrong.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'owner') return undefined;
    const { gate } = situation;
    for (const at of gate.reached) {
      const namespace = namespaceOf(topology, at.netns);
      const link = linkOf(topology, at);
      if (!namespace || !link || at.netns === gate.asker.netns || !isMeant(context, gate, namespace, link)) continue;
      const found = missing(context, namespace, at, link, gate.target);
      if (!found) continue;
      const name = placeName(topology, at);
      return {
        title: `${name} should answer for ${gate.target} by proxy ${familyOf(gate.target) === 6 ? 'NDP' : 'ARP'}, and does not: ${found.lacks}`,
        summary: `${placeName(topology, gate.asker)} asks who has ${gate.target}, and the request comes to ${name}${inNetns(topology, at.netns)}. Nobody on that link has the address; the router there is meant to answer in its place, but ${found.lacks}.`,
        where: at,
        cure: { why: found.why, changes: found.changes },
      };
    }
    return undefined;
  },
};

/**
 * A link without a network of its own, and a route back to the asker alone: whatever the asker wants, only the router can
 * answer. Or the router answers by proxy on another link already, and the target is behind it.
 */
function isMeant({ topology }: Context, gate: OwnerGate, namespace: Namespace, link: Link): boolean {
  if (familyOf(gate.target) === 6) return isMeantOverIpv6(gate, namespace, link);
  const others = namespace.links.filter(({ index, kind }) => index !== link.index && kind !== 'loopback');
  const hostRoute = namespace.routes.some(
    ({ family, type, destination, nextHops }) =>
      family === 4 &&
      type === 'unicast' &&
      destination === `${gate.askerAddress}/32` &&
      nextHops.some(({ device, gateway }) => device === link.name && gateway === undefined),
  );
  const bare = addressesOf(link, 4).every(({ prefixLength }) => prefixLength === 32);
  const nowhere = coveringPrefix(topology, gate.asker, gate.target) === undefined || gate.elsewhere.length > 0;
  if (bare && hostRoute && nowhere && !gate.assumedOnLink) return true;
  const proxiesElsewhere = others.some((other) => ipv4Setting(namespace, other, 'proxy_arp') === 1);
  return proxiesElsewhere && gate.elsewhere.length > 0 && !gate.gateway && !gate.assumedOnLink;
}

/** It is told to answer on this link, or answers for somebody already; the addresses themselves are told one by one. */
function isMeantOverIpv6(gate: OwnerGate, namespace: Namespace, link: Link): boolean {
  const answers = namespace.neighbours.some(({ proxy, family }) => proxy && family === 6);
  const told = ipv6Setting(namespace, link, 'proxy_ndp') === 1 || answers;
  return told && gate.elsewhere.length > 0 && !gate.gateway && !gate.assumedOnLink;
}

/** Of the three that the kernel asks for, whatever is not there. */
function missingOverIpv6(context: Context, namespace: Namespace, at: Place, link: Link, target: string) {
  const listed = namespace.neighbours.some(
    ({ proxy, address, device }) => proxy && address === target && device === link.name,
  );
  const forwards = namespace.sysctls['ipv6.conf.all.forwarding'] === 1;
  const parts: Attempt[] = [];
  if (!listed)
    parts.push({
      lacks: `it has no proxy entry for ${target} there`,
      why: `over IPv6 a proxy is told each address: let ${link.name} answer for ${target}`,
      changes: [{ kind: 'neighbour-proxy', at, address: target }],
    });
  if (ipv6Setting(namespace, link, 'proxy_ndp') !== 1)
    parts.push({
      lacks: 'proxy_ndp is 0 there',
      why: `let ${link.name} answer for others`,
      changes: [{ kind: 'interface-sysctl', at, family: 6, setting: 'proxy_ndp', value: 1 }],
    });
  if (!forwards)
    parts.push({
      lacks: 'forwarding is off there',
      why: 'a machine that does not forward answers for nobody else',
      changes: [{ kind: 'namespace-sysctl', netns: at.netns, setting: 'ipv6.conf.all.forwarding', value: 1 }],
    });
  const [first] = parts;
  if (!first) return undefined;
  const changes = parts.flatMap((part) => part.changes);
  const lacks = parts.map((part) => part.lacks).join(', and ');
  return context.passes(changes) ? { lacks, why: first.why, changes } : undefined;
}

interface Attempt {
  readonly lacks: string;
  readonly why: string;
  readonly changes: readonly Change[];
}

/** What may be missing: one thing alone before two together. */
function missing(context: Context, namespace: Namespace, at: Place, link: Link, target: string): Attempt | undefined {
  if (familyOf(target) === 6) return missingOverIpv6(context, namespace, at, link, target);
  const silent = ipv4Setting(namespace, link, 'proxy_arp') === 0;
  const off = ipv4Setting(namespace, link, 'forwarding') === 0;
  const proxy: Attempt = {
    lacks: 'proxy_arp is 0 there',
    why: `let ${link.name} answer for others`,
    changes: [{ kind: 'interface-sysctl', at, setting: 'proxy_arp', value: 1 }],
  };
  const forwarding: Attempt = {
    lacks: 'forwarding is off there',
    why: 'a machine that does not forward answers for nobody else',
    changes: [{ kind: 'namespace-sysctl', netns: at.netns, setting: 'ipv4.ip_forward', value: 1 }],
  };
  const both: Attempt = {
    lacks: `${proxy.lacks}, and ${forwarding.lacks}`,
    why: proxy.why,
    changes: [...proxy.changes, ...forwarding.changes],
  };
  const tries = [...(silent ? [proxy] : []), ...(off ? [forwarding] : []), ...(silent && off ? [both] : [])];
  return tries.find(({ changes }) => context.passes(changes)) ?? route(context, namespace, at, link, target);
}

/** A route to the target by another interface: where somebody has it, or, of an address that nobody has, by the first with a network. */
function route(context: Context, namespace: Namespace, at: Place, link: Link, target: string): Attempt | undefined {
  const others = namespace.links
    .filter((other) => other.index !== link.index && other.kind !== 'loopback' && isUp(other))
    .sort((a, b) => Number(addressesOf(a, 4).length === 0) - Number(addressesOf(b, 4).length === 0));
  const changes = context.best(
    others.map(({ name }): Change[] => [
      { kind: 'route-add', netns: at.netns, destination: `${target}/32`, device: name },
    ]),
  );
  return (
    changes && {
      lacks: `its namespace has no route to ${target} by another interface`,
      why: `the router has to know a way to ${target} before it answers for it`,
      changes,
    }
  );
}
