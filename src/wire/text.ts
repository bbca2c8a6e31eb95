/** Addresses as text and back. Reading is strict, as inet_pton(3) is; writing is the one canonical form. */
import { byteAt, wordAt } from './bytes.ts';

const HEX_PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const COLON = 0x3a;
const DOT = 0x2e;
const MAC_LENGTH = 6;
const IPV4_LENGTH = 4;
const IPV6_GROUPS = 8;

function pairAt(bytes: Uint8Array, at: number): string {
  return HEX_PAIRS[byteAt(bytes, at)] ?? '';
}

/** Six bytes from `at` as `02:00:5e:00:53:01`. */
export function formatMac(bytes: Uint8Array, at = 0): string {
  const first = `${pairAt(bytes, at)}:${pairAt(bytes, at + 1)}:${pairAt(bytes, at + 2)}`;
  return `${first}:${pairAt(bytes, at + 3)}:${pairAt(bytes, at + 4)}:${pairAt(bytes, at + 5)}`;
}

/** Four bytes from `at` as `192.0.2.1`. */
export function formatIpv4(bytes: Uint8Array, at = 0): string {
  return `${byteAt(bytes, at)}.${byteAt(bytes, at + 1)}.${byteAt(bytes, at + 2)}.${byteAt(bytes, at + 3)}`;
}

/** Sixteen bytes from `at` as RFC 5952 wants them: `2001:db8::1`; an IPv4-mapped address as `::ffff:192.0.2.1`. */
export function formatIpv6(bytes: Uint8Array, at = 0): string {
  const gap = longestZeroRun(bytes, at);
  if (gap.from === 0 && gap.length === 5 && wordAt(bytes, at + 10) === 0xffff)
    return `::ffff:${formatIpv4(bytes, at + 12)}`;
  let text = '';
  for (let group = 0; group < IPV6_GROUPS; ) {
    if (group === gap.from) {
      text += '::';
      group += gap.length;
      continue;
    }
    if (group > 0 && group !== gap.from + gap.length) text += ':';
    text += wordAt(bytes, at + 2 * group).toString(16);
    group++;
  }
  return text;
}

/** RFC 5952 section 4.2: the longest run of zero groups, the first of equals, never a single one. */
function longestZeroRun(bytes: Uint8Array, at: number): { from: number; length: number } {
  let best = { from: -1, length: 1 };
  let from = 0;
  for (let group = 0; group < IPV6_GROUPS; group++) {
    if (wordAt(bytes, at + 2 * group) !== 0) from = group + 1;
    else if (group + 1 - from > best.length) best = { from, length: group + 1 - from };
  }
  return best.from < 0 ? { from: -1, length: 0 } : best;
}

/** The six bytes of `02:00:5e:00:53:01` (either case), or undefined where it is none. */
export function parseMac(text: string): Uint8Array | undefined {
  if (text.length !== 3 * MAC_LENGTH - 1) return undefined;
  const bytes = new Uint8Array(MAC_LENGTH);
  for (let index = 0; index < MAC_LENGTH; index++) {
    const high = hexDigit(text.charCodeAt(3 * index));
    const low = hexDigit(text.charCodeAt(3 * index + 1));
    if (high < 0 || low < 0) return undefined;
    if (index < MAC_LENGTH - 1 && text.charCodeAt(3 * index + 2) !== COLON) return undefined;
    bytes[index] = high * 16 + low;
  }
  return bytes;
}

/** The four bytes of `192.0.2.1`, or undefined where it is none. No short forms, no leading zeros. */
export function parseIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(IPV4_LENGTH);
  let position = 0;
  for (let index = 0; index < IPV4_LENGTH; index++) {
    if (index > 0 && text.charCodeAt(position++) !== DOT) return undefined;
    const first = position;
    let value = 0;
    for (; position < text.length && position - first < 4; position++) {
      const digit = text.charCodeAt(position) - 0x30;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
    }
    const digits = position - first;
    if (digits === 0 || value > 255 || (digits > 1 && text.charCodeAt(first) === 0x30)) return undefined;
    bytes[index] = value;
  }
  return position === text.length ? bytes : undefined;
}

/** The sixteen bytes of an IPv6 address in any form of RFC 4291 section 2.2, without a zone; undefined where it is none. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const groups: number[] = [];
  let gap = -1;
  let position = 0;
  if (text.startsWith('::')) {
    gap = 0;
    position = 2;
  }
  while (position < text.length) {
    if (groups.length >= IPV6_GROUPS) return undefined;
    const first = position;
    let value = 0;
    for (; position < text.length && position - first < 5; position++) {
      const digit = hexDigit(text.charCodeAt(position));
      if (digit < 0) break;
      value = value * 16 + digit;
    }
    if (text.charCodeAt(position) === DOT) {
      const tail = parseIpv4(text.slice(first));
      if (tail === undefined) return undefined;
      groups.push(wordAt(tail, 0), wordAt(tail, 2));
      break;
    }
    if (position === first || position - first > 4) return undefined;
    groups.push(value);
    if (position === text.length) break;
    if (text.charCodeAt(position++) !== COLON || position === text.length) return undefined;
    if (text.charCodeAt(position) === COLON) {
      if (gap >= 0) return undefined;
      gap = groups.length;
      position++;
    }
  }
  return joinGroups(groups, gap);
}

function joinGroups(groups: readonly number[], gap: number): Uint8Array | undefined {
  const missing = IPV6_GROUPS - groups.length;
  if (gap < 0 ? missing !== 0 : missing < 1) return undefined;
  const bytes = new Uint8Array(2 * IPV6_GROUPS);
  groups.forEach((value, index) => {
    const at = 2 * (gap >= 0 && index >= gap ? index + missing : index);
    bytes[at] = value >>> 8;
    bytes[at + 1] = value & 0xff;
  });
  return bytes;
}

/** The value of an ASCII hexadecimal digit, -1 for anything else, NaN (no character) included. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** For encoders: the bytes of an address a program gave. @throws RangeError where it is none */
export function macBytes(text: string): Uint8Array {
  return parseMac(text) ?? refuse('link-layer', text);
}

/** @throws RangeError where it is no IPv4 address */
export function ipv4Bytes(text: string): Uint8Array {
  return parseIpv4(text) ?? refuse('ipv4', text);
}

/** @throws RangeError where it is no IPv6 address */
export function ipv6Bytes(text: string): Uint8Array {
  return parseIpv6(text) ?? refuse('ipv6', text);
}

function refuse(kind: string, text: string): never {
  throw new RangeError(`not an ${kind} address: ${JSON.stringify(text)}`);
}
