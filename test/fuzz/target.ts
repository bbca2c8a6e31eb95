/** What a fuzz target is: it makes an input from random numbers, and runs it; any error but a `VdiagError` is a finding. */
import type { Random } from './random.ts';
import type { Seeds } from './seeds.ts';

/** Bytes, or a text; several of them where a reader takes several. */
export type Input = readonly (Uint8Array | string)[];

export interface Target {
  readonly name: string;
  /** Of a hundred inputs or so. */
  readonly share: number;
  make(random: Random, seeds: Seeds): Input;
  /** May throw `VdiagError`, and nothing else. */
  run(input: Input): void | Promise<void>;
}

export function bytesOf(part: Uint8Array | string | undefined): Uint8Array {
  return typeof part === 'string' ? Buffer.from(part) : (part ?? new Uint8Array(0));
}

export function textOf(part: Uint8Array | string | undefined): string {
  return typeof part === 'string' ? part : Buffer.from(part ?? []).toString('utf8');
}

/** What moves the cursor, reorders or hides may not be in what is printed, line ends apart. */
const ACTIVE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{M}]/u;

/** @throws Error where it would reach a terminal */
export function demandPrintable(what: string, text: string): void {
  for (const line of text.split('\n'))
    if (ACTIVE.test(line)) throw new Error(`${what} prints ${JSON.stringify(line.slice(0, 200))}`);
}
