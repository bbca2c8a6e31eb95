/** Packets given to a program: who listens to a queue decides, and where nobody does, the kernel (net/netfilter/nf_queue.c). */
import type { Action } from './ruleset.ts';
import { member, type Reading } from './ruleset-want.ts';

/** The numbers behind nft's `queue`; undefined where they are computed. */
export function queuesOf(queue: unknown): readonly number[] | undefined {
  const number = member(queue, 'num');
  if (number === undefined) return [0];
  const range = member(number, 'range');
  return Array.isArray(range) ? between(Number(range[0]), Number(range[1])) : numbers([Number(number)]);
}

/** Behind `NFQUEUE`: `--queue-num 3`, `--queue-balance 0:3`. */
export function queuesIn(words: readonly string[]): readonly number[] | undefined {
  const at = words.findIndex((word) => word === '--queue-num' || word === '--queue-balance');
  if (at < 0) return [0];
  const [first = Number.NaN, last = first] = (words[at + 1] ?? '').split(':').map(Number);
  return between(first, last);
}

function between(first: number, last: number): readonly number[] | undefined {
  const count = last - first + 1;
  if (!(count >= 1 && count <= 0x10000)) return undefined;
  return numbers(Array.from({ length: count }, (_, index) => first + index));
}

const numbers = (all: readonly number[]) => (all.every(Number.isInteger) ? all : undefined);

export function hasFlag(statement: unknown, flag: string): boolean {
  return [member(statement, 'flags')].flat().includes(flag);
}

/** Where a program listens it decides. Where none does, the packet is dropped, or with `bypass` leaves the chain as accepted. */
export function queueAction(
  queues: readonly number[] | undefined,
  bypass: boolean,
  { listening }: Pick<Reading, 'listening'>,
): Action {
  if (!queues || !listening || queues.some((queue) => listening.has(queue))) return { kind: 'unknown' };
  return { kind: bypass ? 'accept' : 'drop', unheard: true };
}
