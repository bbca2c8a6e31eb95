/** The options at the end of a pcapng block: a list of code, length, value padded to 32 bits. */
import { nameText } from '../linux/name-text.ts';
import { END_OF_OPTIONS } from './pcapng-format.ts';

/** One option; the value lies in the bytes the options were read from. */
export interface PcapngOption {
  readonly code: number;
  readonly at: number;
  readonly length: number;
}

/** Code and length, bytes. */
export const OPTION_HEADER = 4;
/** More than this in one block is no writer's doing; they are not looked at. */
const MOST = 1024;

/**
 * The options from `at` up to `end`, or undefined when one claims more bytes than there are.
 * A list may end without an end-of-options mark.
 */
export function readOptions(view: DataView, little: boolean, at: number, end: number): PcapngOption[] | undefined {
  const options: PcapngOption[] = [];
  for (let next = at; next + OPTION_HEADER <= end && options.length < MOST; ) {
    const code = view.getUint16(next, little);
    const length = view.getUint16(next + 2, little);
    if (code === END_OF_OPTIONS) break;
    if (next + OPTION_HEADER + length > end) return undefined;
    options.push({ code, at: next + OPTION_HEADER, length });
    next += OPTION_HEADER + padded(length);
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
  return nameText(zero < 0 ? value : value.subarray(0, zero));
}
