/** Netlink messages as bytes: header and attributes (netlink(7), include/uapi/linux/netlink.h). All numbers of the header are the machine's own. */
import { endianness } from 'node:os';
import { nameBytes, nameText } from './name-text.ts';

/** The flags of a request. */
export const NLM_F_REQUEST = 1;
export const NLM_F_ACK = 4;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
/** Behind the other rules of its chain. */
export const NLM_F_APPEND = 0x800;
/** A message of the kernel that answers a request: errno in the first four bytes, 0 for success. */
export const NLMSG_ERROR = 2;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

const headerBytes = 16;
const attributeHeaderBytes = 4;
const littleEndian = endianness() === 'LE';

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Behind the header; received ones are views into what they were read from. */
  readonly payload: Uint8Array;
}

/** The message with its header, padded to a multiple of four. */
export function encodeMessage({ type, flags, sequence, payload }: NetlinkMessage): Uint8Array {
  const length = headerBytes + payload.length;
  const bytes = new Uint8Array(aligned(length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, littleEndian);
  view.setUint16(4, type, littleEndian);
  view.setUint16(6, flags, littleEndian);
  view.setUint32(8, sequence, littleEndian);
  bytes.set(payload, headerBytes);
  return bytes;
}

/** The messages in one datagram; a length that does not fit ends the walk. */
export function decodeMessages(bytes: Uint8Array): NetlinkMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const length = view.getUint32(at, littleEndian);
    if (length < headerBytes || length > bytes.length - at) break;
    messages.push({
      type: view.getUint16(at + 4, littleEndian),
      flags: view.getUint16(at + 6, littleEndian),
      sequence: view.getUint32(at + 8, littleEndian),
      payload: bytes.subarray(at + headerBytes, at + length),
    });
    at += aligned(length);
  }
  return messages;
}

/** The positive errno of an `NLMSG_ERROR` message: 0 acknowledges the request; undefined for another message. */
export function errorOf({ type, payload }: NetlinkMessage): number | undefined {
  if (type !== NLMSG_ERROR || payload.length < 4) return undefined;
  return Math.abs(new DataView(payload.buffer, payload.byteOffset).getInt32(0, littleEndian));
}

/** An attribute, padded to a multiple of four. */
export function attribute(type: number, value: Uint8Array): Uint8Array {
  const length = attributeHeaderBytes + value.length;
  const bytes = new Uint8Array(aligned(length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, length, littleEndian);
  view.setUint16(2, type, littleEndian);
  bytes.set(value, attributeHeaderBytes);
  return bytes;
}

/** An attribute that holds others. */
export function nest(type: number, ...attributes: readonly Uint8Array[]): Uint8Array {
  return attribute(type | NLA_F_NESTED, joined(attributes));
}

/** A text with its terminating zero. */
export function textAttribute(type: number, text: string): Uint8Array {
  return attribute(type, nameBytes(`${text}\0`));
}

/** A 32-bit number in network byte order, as netfilter wants all of them. */
export function numberAttribute(type: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value >>> 0);
  return attribute(type, bytes);
}

/** The attributes of a payload by number, the last of each; a length that does not fit ends the walk. */
export function decodeAttributes(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const attributes = new Map<number, Uint8Array>();
  for (let at = 0; at + attributeHeaderBytes <= bytes.length; ) {
    const length = view.getUint16(at, littleEndian);
    if (length < attributeHeaderBytes || length > bytes.length - at) break;
    attributes.set(
      view.getUint16(at + 2, littleEndian) & NLA_TYPE_MASK,
      bytes.subarray(at + attributeHeaderBytes, at + length),
    );
    at += aligned(length);
  }
  return attributes;
}

/** The text of an attribute, up to its terminating zero; empty where there is none. */
export function textIn(value: Uint8Array | undefined): string {
  if (value === undefined) return '';
  const end = value.indexOf(0);
  return nameText(end < 0 ? value : value.subarray(0, end));
}

/** The number of 2, 4 or 8 bytes in network byte order; undefined for any other length. */
export function numberIn(value: Uint8Array | undefined): number | undefined {
  if (value === undefined) return undefined;
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  if (value.length === 2) return view.getUint16(0);
  if (value.length === 4) return view.getUint32(0);
  return value.length === 8 ? Number(view.getBigUint64(0)) : undefined;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}
