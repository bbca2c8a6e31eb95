/** How findings that know no topology call things. */
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
