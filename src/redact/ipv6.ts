/** IPv6 addresses replaced: prefixes stay prefixes, each kind of address stays of its kind. */
import { byteAt } from '../wire/bytes.ts';
import { type Ipv4Replacer, isMeaningfulIpv4 } from './ipv4.ts';
import { createPrefixTree, isZero, masked } from './prefix-tree.ts';
import type { Secret } from './secret.ts';

/** The interface identifier begins here (RFC 4291 section 2.5.1). */
const IDENTIFIER = 8;
/** A solicited-node group has these bytes of an address, and nothing else of it (section 2.7.1). */
const SOLICITED = 13;

export interface Ipv6Replacer {
  /** Sixteen bytes. */
  address(bytes: Uint8Array): Uint8Array;
  network(bytes: Uint8Array, length: number): Uint8Array;
  /** The last three bytes of an address, of its solicited-node group, or of that group's hardware address. */
  lastBytes(bytes: Uint8Array): Uint8Array;
}

/** Unspecified, loopback, the link-local prefix and well-known groups: they say nothing about anybody. */
export function isMeaningfulIpv6(bytes: Uint8Array): boolean {
  if (byteAt(bytes, 0) === 0xff) return !isSolicited(bytes) && !isTransient(bytes);
  if (embedsIpv4(bytes)) return isMeaningfulIpv4(bytes.slice(12));
  return isZero(bytes, 0, 120) || (byteAt(bytes, 0) === 0xfe && isZero(bytes, 10, 128));
}

export function createIpv6Replacer(secret: Secret, ipv4: Ipv4Replacer): Ipv6Replacer {
  const mask = secret.digest('ipv6 last bytes');
  // Not zero: a link-local address has nothing else that could change.
  const turn = [byteAt(mask, 0), byteAt(mask, 1), byteAt(mask, 2) || 0x5a];
  const lastBytes = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => byte ^ (turn[at] ?? 0));
  const tree = createPrefixTree('ipv6', secret, (bytes, depth) => {
    if (depth < 8 * IDENTIFIER) return depth < classBits(bytes);
    // Short identifiers stay short: fd00::2 can be read.
    return isZero(bytes, 8 * IDENTIFIER, depth);
  });
  const withLast = (made: Uint8Array): Uint8Array => {
    made.set(lastBytes(made.slice(SOLICITED)), SOLICITED);
    return made;
  };
  const address = (bytes: Uint8Array): Uint8Array => {
    if (isMeaningfulIpv6(bytes)) return bytes;
    if (isSolicited(bytes)) return withLast(Uint8Array.from(bytes));
    if (byteAt(bytes, 0) === 0xff) return Uint8Array.from(bytes).fill(0, 2, 12);
    if (embedsIpv4(bytes)) {
      const made = Uint8Array.from(bytes);
      made.set(ipv4.address(bytes.slice(12)), 12);
      return made;
    }
    const made = tree.replaced(bytes, 0, SOLICITED);
    // The subnet's routers answer for the zero identifier (section 2.6.1).
    return bytes.subarray(IDENTIFIER).every((byte) => byte === 0) ? made : withLast(made);
  };
  return {
    address,
    network: (bytes, length) =>
      length === 128 ? address(bytes) : length === 0 ? bytes : masked(address(masked(bytes, length)), length),
    lastBytes,
  };
}

/** Bits that say of which kind an address is. */
function classBits(bytes: Uint8Array): number {
  const first = byteAt(bytes, 0);
  if (first === 0xfe) return 64;
  if ((first & 0xfe) === 0xfc) return 8;
  return first === 0 ? 16 : 4;
}

function isSolicited(bytes: Uint8Array): boolean {
  const start = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff];
  return start.every((byte, at) => byteAt(bytes, at) === byte);
}

/** A group that nobody has registered; it may have a network's prefix inside (RFC 3306). */
function isTransient(bytes: Uint8Array): boolean {
  return byteAt(bytes, 0) === 0xff && (byteAt(bytes, 1) & 0x10) !== 0;
}

/** IPv4-mapped, and the well-known prefix of translators (RFC 6052). */
function embedsIpv4(bytes: Uint8Array): boolean {
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && byteAt(bytes, 10) === 0xff;
  const translated = [0, 0x64, 0xff, 0x9b].every((byte, at) => byteAt(bytes, at) === byte);
  return mapped || (translated && bytes.subarray(4, 12).every((byte) => byte === 0));
}
