/**
 * A frame's bytes while they are replaced: what is cut off by the capture is never touched, and what a checksum covers is counted
 * before and after, so that a right one stays right and a wrong one stays wrong (RFC 1624).
 */
import { byteAt, wordAt } from '../wire/bytes.ts';
import { finishChecksum, sumWords } from '../wire/checksum.ts';
import type { AddressReplacer } from './addresses.ts';

export class PacketBytes {
  readonly bytes: Uint8Array;
  readonly addresses: AddressReplacer;
  /** UDP ports that carry VXLAN. */
  readonly vxlanPorts: ReadonlySet<number>;
  /** Tokens of vdiag's own probes: what begins with one keeps it. */
  readonly tokens: readonly Uint8Array[];

  constructor(bytes: Uint8Array, context: Pick<PacketBytes, 'addresses' | 'vxlanPorts' | 'tokens'>) {
    this.bytes = bytes;
    this.addresses = context.addresses;
    this.vxlanPorts = context.vxlanPorts;
    this.tokens = context.tokens;
  }

  u8(at: number): number {
    return byteAt(this.bytes, at);
  }

  u16(at: number): number {
    return wordAt(this.bytes, at);
  }

  put16(at: number, value: number): void {
    if (at + 2 > this.bytes.length) return;
    this.bytes[at] = value >> 8;
    this.bytes[at + 1] = value & 0xff;
  }

  mac(at: number, end: number): void {
    this.#put(at, 6, end, this.addresses.mac);
  }

  ipv4(at: number, end: number): void {
    this.#put(at, 4, end, this.addresses.ipv4);
  }

  ipv6(at: number, end: number): void {
    this.#put(at, 16, end, this.addresses.ipv6);
  }

  zero(at: number, end: number): void {
    if (at < end) this.bytes.fill(0, at, Math.min(end, this.bytes.length));
  }

  /** Zero but for a last word that keeps the sum: the checksum over it stands in another packet. */
  zeroKeepingSum(at: number, end: number): void {
    const from = Math.min(at, this.bytes.length);
    const until = Math.min(end, this.bytes.length);
    const last = until - ((until - from) % 2) - 2;
    const sum = 0xffff - finishChecksum(sumWords(this.bytes, from, until));
    this.zero(from, until);
    if (last >= from) this.put16(last, sum);
  }

  /** One's complement sum of what is there of a range. */
  sum(at: number, end: number): number {
    return sumWords(this.bytes, at, Math.min(end, this.bytes.length));
  }

  /**
   * @param before the sum of what the checksum covers, itself left out, as it was
   * @param after as it is now
   */
  correct(at: number, before: number, after: number): void {
    if (at + 2 > this.bytes.length) return;
    const was = 0xffff - finishChecksum(before);
    const is = 0xffff - finishChecksum(after);
    if (was === is) return;
    this.put16(at, finishChecksum(0xffff - this.u16(at) + (0xffff - was) + is));
  }

  #put(at: number, length: number, end: number, replace: (bytes: Uint8Array) => Uint8Array): void {
    const until = Math.min(end, this.bytes.length);
    // Half an address cannot be replaced by half another.
    if (at + length > until) {
      this.zero(at, until);
      return;
    }
    this.bytes.set(replace(this.bytes.slice(at, at + length)), at);
  }
}
