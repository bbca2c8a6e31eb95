/** IPv4 addresses replaced: prefixes stay prefixes, private stays private, and what has a meaning of its own stays. */
import { byteAt } from '../wire/bytes.ts';
import { type BitPrefix, createPrefixTree, isUniform, masked, sameBits } from './prefix-tree.ts';
import type { Secret } from './secret.ts';

const prefix = (length: number, ...bytes: number[]): BitPrefix => ({
  bytes: Uint8Array.from([...bytes, 0, 0, 0, 0].slice(0, 4)),
  length,
});

/** This host, loopback, link-local, multicast and above: they say nothing about anybody (RFC 6890). */
const MEANINGFUL = [prefix(8, 0), prefix(8, 127), prefix(16, 169, 254), prefix(3, 224)];
/** Private and shared space: an address stays in the one it is in (RFC 1918, RFC 6598). */
const PRIVATE = [prefix(8, 10), prefix(12, 172, 16), prefix(16, 192, 168), prefix(10, 100, 64)];
/** Within this the last byte is turned round as a whole, so that a gateway and its neighbours stay near each other. */
const NETWORK_BITS = 24;
/** Addresses of hosts in such a network: neither its own nor the broadcast. */
const HOSTS = 254;

export interface Ipv4Replacer {
  /** Four bytes. */
  address(bytes: Uint8Array): Uint8Array;
  /** The network of so many bits, its own address in full. */
  network(bytes: Uint8Array, length: number): Uint8Array;
}

/** What stays as it is: it says nothing about anybody. */
export function isMeaningfulIpv4(bytes: Uint8Array): boolean {
  return MEANINGFUL.some((special) => sameBits(special.bytes, bytes, special.length));
}

/**
 * @param subnets networks of interfaces: their own address and their broadcast stay those of the network
 * @param parts prefixes longer than 24 bits that are spoken of
 */
export function createIpv4Replacer(
  secret: Secret,
  subnets: readonly BitPrefix[],
  parts: readonly BitPrefix[],
): Ipv4Replacer {
  const special = [...MEANINGFUL, ...PRIVATE];
  const divided = [...subnets, ...parts].filter(({ length }) => length > NETWORK_BITS && length < 32);
  const networks = [...subnets, ...parts.filter(({ length }) => length > NETWORK_BITS)].filter(
    ({ length }) => length > 0 && length < 32,
  );
  const keeps = (bytes: Uint8Array, depth: number): boolean => {
    // On the way to what stays, and within it, nothing turns.
    if (special.some(({ bytes: own, length }) => depth < length && sameBits(own, bytes, depth))) return true;
    if (depth >= NETWORK_BITS && isUniform(bytes, NETWORK_BITS, depth)) return true;
    return networks.some(
      ({ bytes: own, length }) => depth >= length && sameBits(own, bytes, length) && isUniform(bytes, length, depth),
    );
  };
  const tree = createPrefixTree('ipv4', secret, keeps);
  const address = (bytes: Uint8Array): Uint8Array => {
    if (isMeaningfulIpv4(bytes)) return bytes;
    if (divided.some(({ bytes: own }) => sameBits(own, bytes, NETWORK_BITS))) return tree.replaced(bytes, 0, 4);
    const made = tree.replaced(bytes, 0, 3);
    const host = byteAt(bytes, 3);
    if (host === 0 || host === 255) return made;
    const turn = 1 + (byteAt(secret.digest(`host ${bytes.subarray(0, 3).join('.')}`), 0) % (HOSTS - 1));
    made[3] = 1 + ((host - 1 + turn) % HOSTS);
    return made;
  };
  return {
    address,
    network: (bytes, length) =>
      length === 32 ? address(bytes) : length === 0 ? bytes : masked(address(masked(bytes, length)), length),
  };
}
