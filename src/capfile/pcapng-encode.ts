/** Writing blocks and their options, little endian. */
import { nameBytes } from '../linux/name-text.ts';
import { MIN_BLOCK } from './pcapng-format.ts';
import { OPTION_HEADER, padded } from './pcapng-option.ts';

/** An option to be written. */
export interface OptionValue {
  readonly code: number;
  readonly value: Uint8Array;
}

/** The length field has 16 bits. */
const LONGEST = 0xffff;

/** A text option; what does not fit is cut between two characters. */
export function textOption(code: number, text: string): OptionValue {
  if (3 * text.length <= LONGEST) return { code, value: nameBytes(text) };
  const value = new Uint8Array(LONGEST);
  const { written } = new TextEncoder().encodeInto(text, value);
  return { code, value: value.subarray(0, written) };
}

/** A number as one, four or eight bytes, little endian. */
export function numberOption(code: number, length: 1 | 4, number: number): OptionValue {
  const value = new Uint8Array(length);
  if (length === 1) value[0] = number;
  else new DataView(value.buffer).setUint32(0, number, true);
  return { code, value };
}

export function bigintOption(code: number, number: bigint): OptionValue {
  const value = new Uint8Array(8);
  new DataView(value.buffer).setBigUint64(0, number, true);
  return { code, value };
}

/** Two 32-bit words, the high one first, as time stamps stand in pcapng. */
export function timeOption(code: number, timeNs: bigint): OptionValue {
  const value = new Uint8Array(8);
  writeTime(new DataView(value.buffer), 0, timeNs);
  return { code, value };
}

export function writeTime(view: DataView, at: number, timeNs: bigint): void {
  const ticks = BigInt.asUintN(64, timeNs);
  view.setUint32(at, Number(ticks >> 32n), true);
  view.setUint32(at + 4, Number(ticks & 0xffffffffn), true);
}

/** Bytes the options take, with the end-of-options mark; none for no options. */
export function optionsLength(options: readonly OptionValue[]): number {
  return options.length === 0
    ? 0
    : options.reduce((sum, { value }) => sum + OPTION_HEADER + padded(value.length), OPTION_HEADER);
}

/** Writes them at `at`, little endian, into bytes that are zero. */
export function writeOptions(bytes: Uint8Array, at: number, options: readonly OptionValue[]): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let next = at;
  for (const { code, value } of options) {
    view.setUint16(next, code, true);
    view.setUint16(next + 2, value.length, true);
    bytes.set(value, next + OPTION_HEADER);
    next += OPTION_HEADER + padded(value.length);
  }
}

/** A block of `fixed` bytes of body, filled by `fill`, and options. */
export function block(
  type: number,
  fixed: number,
  options: readonly OptionValue[],
  fill: (view: DataView, bytes: Uint8Array) => void,
): Uint8Array {
  const length = MIN_BLOCK + fixed + optionsLength(options);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  fill(view, bytes);
  writeOptions(bytes, 8 + fixed, options);
  view.setUint32(length - 4, length, true);
  return bytes;
}
