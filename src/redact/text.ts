/** Free text, such as filter rules and sentences about what could not be read: all that is known by another name now is replaced. */
import type { AddressReplacer } from './addresses.ts';

/** Hardware addresses, IPv4 and IPv6 with or without a prefix length: what looks like one and is none stays. */
const ADDRESSES = [
  '(?<![0-9a-fA-F:.])(?:[0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2}(?![0-9a-fA-F:])',
  String.raw`(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:\/\d{1,2})?(?![\w]|\.\d)`,
  String.raw`(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}(?:[0-9a-fA-F]{0,4}|\d{1,3}(?:\.\d{1,3}){3})(?:\/\d{1,3})?(?![\w:]|\.\d)`,
];

/** @param names by their old ones */
export function createTextReplacer(
  addresses: Pick<AddressReplacer, 'text'>,
  names: ReadonlyMap<string, string>,
): (text: string) => string {
  const longestFirst = [...names.keys()].sort((a, b) => b.length - a.length);
  const own = longestFirst.map((name) => `(?<![\\p{L}\\p{N}_])${escaped(name)}(?![\\p{L}\\p{N}_])`);
  const pattern = new RegExp([...own, ...ADDRESSES].join('|'), 'gu');
  return (text) => text.replace(pattern, (found) => names.get(found) ?? addresses.text(found) ?? found);
}

function escaped(name: string): string {
  return name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
