/** The options at the end of a pcapng block: a list of code, length, value padded to 32 bits. */
import { END_OF_OPTIONS } from './pcapng-format.ts';

/** One option; the value lies in the bytes the options were read from. */
export interface PcapngOption {
  readonly code: number;
  readonly at: number;
  readonly length: number;
}

const HEADER = 4;
/** More than this in one block is no writer's doing; they are not looked at. */
const MOST = 1024;

/**
 * The options from `at` up to `end`, or undefined when one claims more bytes than there are.
 * A list may end without an end-of-options mark.
 */
export function readOptions(view: DataView, little: boolean, at: number, end: number): PcapngOption[] | undefined {
  const options: PcapngOption[] = [];
  for (let next = at; next + HEADER <= end && options.length < MOST; ) {
    const code = view.getUint16(next, little);
    const length = view.getUint16(next + 2, little);
    if (code === END_OF_OPTIONS) break;
    if (next + HEADER + length > end) return undefined;
    options.push({ code, at: next + HEADER, length });
    next += HEADER + padded(length);
  }
  return options;
}

/** Up to the next multiple of 32 bits, bytes. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}

/** Text of an option, at most `limit` bytes of it; writers that end it with a zero byte are forgiven. */
export function optionText(bytes: Uint8Array, option: PcapngOption, limit: number): string {
  const value = bytes.subarray(option.at, option.at + Math.min(option.length, limit));
  const zero = value.indexOf(0);
  return new TextDecoder().decode(zero < 0 ? value : value.subarray(0, zero));
}

/** An option to be written. */
export interface OptionValue {
  readonly code: number;
  readonly value: Uint8Array;
}

/** The length field has 16 bits. */
const LONGEST = 0xffff;

/** A text option; what does not fit is cut between two characters. */
export function textOption(code: number, text: string): OptionValue {
  const value = new Uint8Array(Math.min(LONGEST, 3 * text.length));
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
  return options.length === 0 ? 0 : options.reduce((sum, { value }) => sum + HEADER + padded(value.length), HEADER);
}

/** Writes them at `at`, little endian, into bytes that are zero. */
export function writeOptions(bytes: Uint8Array, at: number, options: readonly OptionValue[]): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let next = at;
  for (const { code, value } of options) {
    view.setUint16(next, code, true);
    view.setUint16(next + 2, value.length, true);
    bytes.set(value, next + HEADER);
    next += HEADER + padded(value.length);
  }
}
