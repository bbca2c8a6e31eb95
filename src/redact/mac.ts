/** Hardware addresses replaced: groups stay groups, local ones stay local; who made a device is not to be seen any more. */
import { byteAt } from '../wire/bytes.ts';
import type { Ipv6Replacer } from './ipv6.ts';
import { remembering, type Secret } from './secret.ts';

/** Bits of one half of what is replaced: the five bytes behind the first. */
const HALF = 20;
const HALF_MASK = 0xfffff;
const ROUNDS = 4;

export type MacReplacer = (bytes: Uint8Array) => Uint8Array;

/** Broadcast, none, and groups: they say nothing about anybody. */
export function isMeaningfulMac(bytes: Uint8Array): boolean {
  if (bytes.every((byte) => byte === 0)) return true;
  return (byteAt(bytes, 0) & 1) === 1 && !isSolicitedGroup(bytes);
}

export function createMacReplacer(secret: Secret, ipv6: Ipv6Replacer): MacReplacer {
  // The first byte keeps its two lowest bits, which say group and local (IEEE 802 clause 8.2.2), and loses the others.
  const turn = byteAt(secret.digest('mac first byte'), 0) & 0xfc;
  const half = remembering((words) => {
    const digest = secret.digest(`mac ${words}`);
    return ((byteAt(digest, 0) << 16) | (byteAt(digest, 1) << 8) | byteAt(digest, 2)) & HALF_MASK;
  });
  return (bytes) => {
    if (isMeaningfulMac(bytes)) return bytes;
    const made = Uint8Array.from(bytes);
    if (isSolicitedGroup(bytes)) {
      made.set(ipv6.lastBytes(bytes.slice(3)), 3);
      return made;
    }
    // A Feistel network: whatever its rounds are, no two addresses become one.
    let left = (byteAt(bytes, 1) << 12) | (byteAt(bytes, 2) << 4) | (byteAt(bytes, 3) >> 4);
    let right = ((byteAt(bytes, 3) & 0xf) << 16) | (byteAt(bytes, 4) << 8) | byteAt(bytes, 5);
    for (let round = 0; round < ROUNDS; round++) [left, right] = [right, left ^ half(`${round} ${right}`)];
    const whole = left * 2 ** HALF + right;
    made[0] = byteAt(bytes, 0) ^ turn;
    for (let at = 5, rest = whole; at > 0; at--, rest = Math.floor(rest / 256)) made[at] = rest % 256;
    return made;
  };
}

/** Of an IPv6 solicited-node group (RFC 2464 section 7): it has three bytes of an address. */
function isSolicitedGroup(bytes: Uint8Array): boolean {
  return byteAt(bytes, 0) === 0x33 && byteAt(bytes, 1) === 0x33 && byteAt(bytes, 2) === 0xff;
}
