/** Addresses of all kinds replaced, as bytes and as text. */
import { formatIpv4, formatIpv6, formatMac, parseIpv4, parseIpv6, parseMac } from '../wire/text.ts';
import { createIpv4Replacer, isMeaningfulIpv4 } from './ipv4.ts';
import { createIpv6Replacer, isMeaningfulIpv6 } from './ipv6.ts';
import { createMacReplacer, isMeaningfulMac, type MacReplacer } from './mac.ts';
import type { BitPrefix } from './prefix-tree.ts';
import { remembering, type Secret } from './secret.ts';

export interface AddressReplacer {
  ipv4(bytes: Uint8Array): Uint8Array;
  ipv6(bytes: Uint8Array): Uint8Array;
  mac: MacReplacer;
  /** An address or a prefix (`10.9.0.0/24`, `fe80::1`) or a hardware address; undefined for any other text. */
  text(text: string): string | undefined;
}

export interface KnownPrefixes {
  /** Of interfaces: IPv4. */
  readonly subnets: readonly BitPrefix[];
  /** Spoken of elsewhere: IPv4. */
  readonly parts: readonly BitPrefix[];
}

export function createAddressReplacer(secret: Secret, { subnets, parts }: KnownPrefixes): AddressReplacer {
  const four = createIpv4Replacer(secret, subnets, parts);
  const six = createIpv6Replacer(secret, four);
  const mac = createMacReplacer(secret, six);
  const known = (replace: (bytes: Uint8Array) => Uint8Array): ((bytes: Uint8Array) => Uint8Array) => {
    const made = remembering((text) => replace(Uint8Array.from(Buffer.from(text, 'latin1'))));
    return (bytes) => made(Buffer.from(bytes).toString('latin1'));
  };
  const text = (given: string): string | undefined => {
    const hardware = macBytes(given);
    if (hardware) return likeMac(formatMac(mac(hardware)), given);
    const [address = '', length] = given.split('/');
    const bits = length === undefined ? undefined : Number(length);
    if (bits !== undefined && !/^\d{1,3}$/.test(length ?? '')) return undefined;
    const suffix = length === undefined ? '' : `/${length}`;
    const v4 = parseIpv4(address);
    if (v4)
      return (
        formatIpv4(bits === undefined || !isNetwork(v4, bits) ? four.address(v4) : four.network(v4, bits)) + suffix
      );
    const v6 = parseIpv6(address);
    if (v6)
      return formatIpv6(bits === undefined || !isNetwork(v6, bits) ? six.address(v6) : six.network(v6, bits)) + suffix;
    return undefined;
  };
  return { ipv4: known(four.address), ipv6: known(six.address), mac: known(mac), text };
}

/** True of an address that says something about somebody: in a redacted output it must not occur. */
export function isTelling(text: string): boolean {
  const hardware = parseMac(text);
  if (hardware) return !isMeaningfulMac(hardware);
  const v4 = parseIpv4(text);
  if (v4) return !isMeaningfulIpv4(v4);
  const v6 = parseIpv6(text);
  return v6 !== undefined && !isMeaningfulIpv6(v6);
}

/** `10.9.0.0/24` is a network; `10.9.0.3/24` is an address, and the length of its network. */
function isNetwork(bytes: Uint8Array, length: number): boolean {
  return bytes.every((byte, at) => (byte & (0xff >> Math.max(0, Math.min(8, length - 8 * at)))) === 0);
}

/** Also as bridges print it in their identifiers: `7e:c9:cd:d:49:45`. */
function macBytes(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}$/i.test(text)) return undefined;
  return parseMac(
    text
      .split(':')
      .map((byte) => byte.padStart(2, '0'))
      .join(':'),
  );
}

function likeMac(made: string, given: string): string {
  return given.length === made.length ? made : made.replace(/\b0(?=[0-9a-f])/g, '');
}
