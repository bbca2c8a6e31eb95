/** Published ports: what of the host leads to which container, and what a ping to the host therefore does not say. */
import { familyOf } from '../topology/address.ts';
import { type Container, labelOf, type PublishedPort } from './container.ts';

const mostShown = 4;

/** "8080->80/tcp", "127.0.0.1:5353->53/udp": each once, though Docker tells of IPv4 and IPv6 by themselves. */
export function portWords({ ports }: Pick<Container, 'ports'>): string[] {
  const words = ports.map(({ address, hostPort, port, protocol }) => {
    const host = isAny(address) ? '' : `${address.includes(':') ? `[${address}]` : address}:`;
    return `${host}${hostPort}->${port}/${protocol}`;
  });
  const once = [...new Set(words)];
  const more = once.length - mostShown;
  return more > 0 ? [...once.slice(0, mostShown), `${more} more ports`] : once;
}

/**
 * What to say of a ping to an address of the host by which containers are published: it is the host that answers, and says
 * nothing about the ports. Undefined where none is.
 */
export function portsNote(containers: readonly Container[], address: string): string | undefined {
  const published = containers.flatMap((container) => {
    const ports = container.ports.filter((port) => isAt(port, address));
    const words = portWords({ ports });
    return words.length > 0 && container.netns !== undefined ? [`${words.join(', ')} of ${labelOf(container)}`] : [];
  });
  if (published.length === 0) return undefined;
  const shown = published.slice(0, mostShown).join('; ');
  const more = published.length > mostShown ? `; and ${published.length - mostShown} more containers` : '';
  return `${address} is the host, which answers a ping itself, whatever becomes of the ports published there (${shown}${more}): to follow a packet into a container, name the container`;
}

function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function isAt({ address }: PublishedPort, wanted: string): boolean {
  return address === wanted || (isAny(address) && familyOf(address) === familyOf(wanted));
}
