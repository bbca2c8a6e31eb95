/** Where a trace starts and what it goes to: refused here where no packet could tell anything. */
import { VdiagError } from '../linux/error.ts';
import type { NetnsHandle } from '../linux/netns.ts';
import type { Report } from '../report/report.ts';
import { formatAddress, isIpAddress, isLinkLocal, isMulticast, parseAddress } from '../topology/address.ts';
import type { Link, Topology } from '../topology/model.ts';
import { netnsName } from '../topology/naming.ts';
import { isUp, namespaceOf, nearestNames, ownersOf, someOf } from '../topology/query.ts';

const BROADCAST = '255.255.255.255';

/**
 * The address in its canonical form, without the zone of a link-local one.
 * @param interfaceName where the trace starts: a zone may name no other
 */
export function checkAddress(address: string, interfaceName: string): string {
  const family = isIpAddress(address);
  if (family === undefined)
    throw new VdiagError(
      'not-an-address',
      `not an IP address: ${address}`,
      'vdiag asks no DNS: give the address, as 10.9.0.3 or fd00::3, or the name of a container (vdiag map)',
    );
  const parsed = parseAddress(address);
  const canonical = parsed ? formatAddress(parsed) : address;
  const zone = /%(.*)$/s.exec(address)?.[1];
  if (zone !== undefined && zone !== interfaceName && isLinkLocal(canonical))
    throw new VdiagError(
      'not-an-address',
      `${address} is on the link of ${zone}, and the trace starts at ${interfaceName}`,
      `vdiag ping-trace ${zone} ${canonical}`,
    );
  if (/^::ffff:/.test(canonical))
    throw new VdiagError('not-an-address', `${address} is an IPv4 address in IPv6 form`, `give ${canonical.slice(7)}`);
  if ([BROADCAST, '0.0.0.0', '::'].includes(canonical) || (parsed && isMulticast(parsed)))
    throw new VdiagError('not-an-address', `${address} is not the address of one host`, 'give a unicast address');
  return canonical;
}

export function startLink(topology: Topology, start: NetnsHandle, name: string): Link {
  const namespace = namespaceOf(topology, start.id);
  const link = namespace?.links.find((candidate) => candidate.name === name);
  if (link) return link;
  const names = namespace?.links.map((candidate) => candidate.name) ?? [];
  const near = nearestNames(name, names);
  const elsewhere = topology.namespaces.filter(
    ({ id, links }) => id !== start.id && links.some((other) => other.name === name),
  );
  const hint =
    elsewhere.length > 0
      ? `it is in another namespace: --netns ${elsewhere[0]?.names[0] ?? elsewhere[0]?.path}`
      : namespace?.links.every(({ kind }) => kind === 'loopback')
        ? 'the namespace has no network at all: vdiag explain container-no-network'
        : near.length > 0
          ? `did you mean ${near.join(', ')}?`
          : `there is ${someOf(names)}`;
  throw new VdiagError('no-such-interface', `no such interface: ${name}`, hint);
}

/** The last address of a network is everybody's (RFC 919); networks of two have none (RFC 3021). */
export function refuseBroadcast(link: Link, address: string): void {
  const target = parseAddress(address)?.value;
  for (const { family, address: own, prefixLength } of link.addresses) {
    const parsed = parseAddress(own);
    if (family !== 4 || !parsed || prefixLength >= 31) continue;
    const hosts = (1n << BigInt(32 - prefixLength)) - 1n;
    if (target === (parsed.value | hosts))
      throw new VdiagError(
        'not-an-address',
        `${address} is the broadcast address of ${link.name}'s network`,
        'give the address of one host',
      );
  }
}

/** An interface's own address answers over lo, and nothing of it is to be seen on the interface. */
export function refuseOwnAddress(topology: Topology, link: Link, address: string): void {
  const namespace = namespaceOf(topology, topology.start);
  const lo = namespace?.links.find(({ kind }) => kind === 'loopback');
  const own = (candidate: Link) => candidate.addresses.some((held) => held.address === address);
  // A socket bound to lo gets nothing that is addressed to another interface's address.
  const others = link.kind === 'loopback' && !own(link) && namespace?.links.some(own);
  if (link.kind !== 'loopback' && (address.startsWith('127.') || address === '::1'))
    throw new VdiagError(
      'own-address',
      `${address} is a loopback address: it never leaves by ${link.name}`,
      `vdiag ping-trace ${lo?.name ?? 'lo'} ${address}`,
    );
  if (!others && (link.kind === 'loopback' || !own(link))) return;
  if (lo && isUp(lo))
    throw new VdiagError(
      'own-address',
      `${address} is an address of ${topology.start === topology.home ? 'this namespace' : netnsName(topology, topology.start)} itself: it answers over ${lo.name}, whatever the network is like`,
      'trace to it from another namespace or machine',
    );
}

/** The target of a report, with the containers at both its ends where they are known. */
export function targetOf(topology: Topology, target: Report['target']): Report['target'] {
  const named = (id: string): string | undefined =>
    id !== topology.home && namespaceOf(topology, id)?.containers ? netnsName(topology, id) : undefined;
  const container = named(target.netns);
  const owners = new Set(ownersOf(topology, target.address).map(({ namespace }) => namespace.id));
  const [owner] = owners;
  const addressOf = owner !== undefined && owners.size === 1 ? named(owner) : undefined;
  return {
    ...target,
    ...(container !== undefined && { container }),
    ...(addressOf !== undefined && { addressOf }),
  };
}
