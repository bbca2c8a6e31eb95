/** What the tests of this room share: bytes from hex, frames cut at every length, and arbitrary addresses. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { Window } from '../../src/wire/bytes.ts';
import { decodeFrame, type LinkType } from '../../src/wire/frame.ts';
import type { DecodeStop } from '../../src/wire/packet.ts';
import { formatIpv4, formatIpv6, formatMac } from '../../src/wire/text.ts';

/** Bytes written as in an RFC's figure: hexadecimal, spaces and line ends free. */
export function hex(...lines: string[]): Uint8Array {
  return Uint8Array.from(Buffer.from(lines.join('').replaceAll(/\s/g, ''), 'hex'));
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** A whole capture of just these bytes. */
export function whole(bytes: Uint8Array): Window {
  return Window.ofFrame(bytes, bytes.length);
}

/** An output buffer in which every byte left unwritten shows. */
export function dirty(length: number): Uint8Array {
  return new Uint8Array(length).fill(0xa5);
}

/** From `cutAt` bytes on up to the next row's, the frame stops like this. */
export interface CutRow extends Pick<DecodeStop, 'layer' | 'offset' | 'need' | 'claimedBy'> {
  readonly cutAt: number;
}

/** Cuts the frame at every length: by the capture, then by the sender. Rows stand in order of `cutAt`, the first at 0. */
export function expectEveryCut(frame: Uint8Array, rows: readonly CutRow[], linkType?: LinkType): void {
  expect(decodeFrame(frame, frame.length, linkType).stop).toBeUndefined();
  for (let length = 0; length < frame.length; length++) {
    const row = rows.findLast(({ cutAt }) => cutAt <= length);
    if (row === undefined) throw new Error(`no row for a cut at ${length}`);
    const { layer, offset, need, claimedBy } = row;
    const cut = frame.slice(0, length);
    const stop = { layer, offset, need, have: length - offset, claimedBy };
    expect(decodeFrame(cut, frame.length, linkType).stop, `captured ${length}`).toEqual({
      ...stop,
      reason: 'truncated',
    });
    expect(decodeFrame(cut, length, linkType).stop, `sent ${length}`).toEqual({ ...stop, reason: 'malformed' });
  }
}

export const ETHERNET_ROW: CutRow = {
  cutAt: 0,
  layer: 'ethernet',
  offset: 0,
  need: 14,
  claimedBy: 'ethernet header size',
};

function bytesOf(length: number) {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

export const anyMac = bytesOf(6).map((bytes) => formatMac(bytes));
export const anyIpv4 = bytesOf(4).map((bytes) => formatIpv4(bytes));
/** Many zeros, so that every place and length of a zero run comes up. */
export const anyIpv6Bytes = fc
  .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 0xff])));
export const anyIpv6 = anyIpv6Bytes.map((bytes) => formatIpv6(bytes));
export const anyData = fc.uint8Array({ maxLength: 64 });
export const anyU8 = fc.nat(0xff);
export const anyU16 = fc.nat(0xffff);
export const anyU32 = fc.nat(0xffffffff);
