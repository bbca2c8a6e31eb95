/** How findings that know no topology call things. */
import type { RequestKind } from '../../survey/kind.ts';
import type { Place } from '../../trace/frame.ts';

/** "eth0", or "eth0@web" where the capture says in which namespace or on which machine. */
export function placeText({ netns, name }: Place): string {
  return netns === '' ? name : `${name}@${netns}`;
}

/** "1 echo request", "3 echo requests": for nouns whose plural ends in s. */
export function counted(count: number, noun: string): string {
  if (noun.endsWith('reply')) return `${count} ${count === 1 ? noun : `${noun.slice(0, -1)}ies`}`;
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** "a", "a and b", "a, b and c"; the rest is counted. */
export function listed(items: readonly string[], most = 4): string {
  const shown = items.length > most ? [...items.slice(0, most - 1), `${items.length - most + 1} more`] : [...items];
  const last = shown.pop() ?? '';
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`;
}

export const NOUNS: Readonly<Record<RequestKind, string>> = {
  arp: 'ARP request',
  echo: 'echo request',
  neighbour: 'neighbour solicitation',
};
export const REPLIES: Readonly<Record<RequestKind, string>> = {
  arp: 'ARP reply',
  echo: 'echo reply',
  neighbour: 'neighbour advertisement',
};

/** What a packet of a kind is called in a sentence. */
export function kindText(kind: string): string {
  switch (kind) {
    case 'other':
      return 'packet';
    case 'icmp':
      return 'ICMP packet';
    case 'icmp-error':
      return 'ICMP error';
    default:
      return kind.replace('arp-', 'ARP ').replace('-', ' ');
  }
}
