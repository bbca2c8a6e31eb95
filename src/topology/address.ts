/** IP addresses and prefixes: from text to numbers, back to canonical text (RFC 5952), and what contains what. */
import { isIP } from 'node:net';

export type Family = 4 | 6;

/** An address as a number of 32 or 128 bits. */
export interface IpAddress {
  readonly family: Family;
  readonly value: bigint;
}

/** A prefix; the bits beyond `length` are zero. */
export interface IpPrefix extends IpAddress {
  /** In bits: 0 to 32 or 128. */
  readonly length: number;
}

/** Bits of an address of this family. */
export function familyBits(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** The family of an address in text, a zone (`%eth0`) allowed; undefined when it is no IP address. */
export function isIpAddress(text: string): Family | undefined {
  const family = isIP(text);
  return family === 4 || family === 6 ? family : undefined;
}

/** The family of an address that was read before: 6 for IPv6, else 4. */
export function familyOf(address: string): Family {
  return isIpAddress(address) ?? 4;
}

/** fe80::/10 (RFC 4291 section 2.5.6): it means something on one link alone. */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/i.test(address);
}

/**
 * Reads `10.9.0.1`, `fd00::1`, `::ffff:10.9.0.1` or `fe80::1%eth0` (the zone is dropped); undefined for anything else.
 * Leading zeros in IPv4, which some programs read as octal, are refused as inet_pton(3) does.
 */
export function parseAddress(text: string): IpAddress | undefined {
  const family = isIpAddress(text);
  if (family === undefined) return undefined;
  if (family === 4) return { family, value: dotted(text) };
  const bare = text.replace(/%.*$/s, '');
  const tail = bare.slice(bare.lastIndexOf(':') + 1);
  const groups = tail.includes('.') ? bare.slice(0, -tail.length) + hexGroups(dotted(tail)) : bare;
  const [head = '', rest] = groups.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = rest === undefined || rest === '' ? [] : rest.split(':');
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  let value = 0n;
  for (const group of [...left, ...zeros, ...right]) value = (value << 16n) | BigInt(Number.parseInt(group, 16));
  return { family, value };
}

/** 4 or 16 bytes in network order, as packets and netlink have them; undefined for any other number of bytes. */
export function addressFromBytes(bytes: Uint8Array): IpAddress | undefined {
  if (bytes.length !== 4 && bytes.length !== 16) return undefined;
  const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return { family: bytes.length === 4 ? 4 : 6, value };
}

function dotted(text: string): bigint {
  return text.split('.').reduce((value, byte) => (value << 8n) | BigInt(Number(byte)), 0n);
}

function hexGroups(value: bigint): string {
  return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
}

function dottedText(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
}

/** Canonical text: RFC 5952 section 4, and section 5 for IPv4-mapped addresses. */
export function formatAddress(address: IpAddress): string {
  if (address.family === 4) return dottedText(address.value);
  if (address.value >> 32n === 0xffffn) return `::ffff:${dottedText(address.value & 0xffffffffn)}`;
  const groups = Array.from({ length: 8 }, (_, at) => (address.value >> BigInt(112 - 16 * at)) & 0xffffn);
  const gap = longestZeros(groups);
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return gap.length < 2 ? text(0, 8) : `${text(0, gap.at)}::${text(gap.at + gap.length, 8)}`;
}

/** The first of the longest runs of zero groups. */
function longestZeros(groups: readonly bigint[]): { at: number; length: number } {
  let best = { at: 0, length: 0 };
  let run = 0;
  for (const [at, group] of groups.entries()) {
    run = group === 0n ? run + 1 : 0;
    if (run > best.length) best = { at: at - run + 1, length: run };
  }
  return best;
}

/** Canonical text of an address in text, without its zone; undefined when it is none. */
export function canonicalAddress(text: string): string | undefined {
  const address = parseAddress(text);
  return address && formatAddress(address);
}

/** The prefix of this length around an address; undefined when the length does not fit the family. */
export function prefixOf(address: IpAddress, length: number): IpPrefix | undefined {
  const bits = familyBits(address.family);
  if (!Number.isInteger(length) || length < 0 || length > bits) return undefined;
  const hostBits = BigInt(bits - length);
  return { family: address.family, value: (address.value >> hostBits) << hostBits, length };
}

/** Reads `10.9.0.0/24` or a plain address, which is a prefix of all its bits. Host bits are cleared. */
export function parsePrefix(text: string): IpPrefix | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (!address) return undefined;
  if (slash < 0) return prefixOf(address, familyBits(address.family));
  const length = text.slice(slash + 1);
  return /^\d{1,3}$/.test(length) ? prefixOf(address, Number(length)) : undefined;
}

/** `10.9.0.0/24`; the length is always there. */
export function formatPrefix(prefix: IpPrefix): string {
  return `${formatAddress(prefix)}/${prefix.length}`;
}

/** Does the prefix hold this address? Never across families. */
export function prefixContains(prefix: IpPrefix, address: IpAddress): boolean {
  if (prefix.family !== address.family) return false;
  const hostBits = BigInt(familyBits(prefix.family) - prefix.length);
  return prefix.value >> hostBits === address.value >> hostBits;
}

/** {@link prefixContains} for text; false where either text cannot be read. */
export function textPrefixContains(prefix: string, address: string): boolean {
  const outer = parsePrefix(prefix);
  const inner = parseAddress(address);
  return outer !== undefined && inner !== undefined && prefixContains(outer, inner);
}

/** Order for sorting: IPv4 first, then by number. */
export function compareAddresses(a: IpAddress, b: IpAddress): number {
  if (a.family !== b.family) return a.family - b.family;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

/** Multicast: 224.0.0.0/4 (RFC 5771), ff00::/8 (RFC 4291 section 2.7). */
export function isMulticast(address: IpAddress): boolean {
  return address.family === 4 ? address.value >> 28n === 0xen : address.value >> 120n === 0xffn;
}
