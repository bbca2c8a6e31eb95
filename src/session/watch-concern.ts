/**
 * Whether a failure is anybody's here. Addresses that are not there are asked for all the time, by scanners and by programs that
 * look for a free one: a question is a fault only where a packet waits for its answer.
 */
import type { CaptureFinding } from '../diagnose/analysis.ts';
import type { Topology } from '../topology/model.ts';
import { ownersOf } from '../topology/query.ts';
import type { Pair } from '../watch/pairs.ts';

/** The neighbour entry while a packet waits, and after it waited in vain (RFC 4861 section 7.3.2; ip-neighbour(8)). */
const WAITING = new Set(['INCOMPLETE', 'FAILED']);

/** @param states of before and after the failure */
export function concernsSomebody(
  { pair }: Pick<CaptureFinding, 'pair'>,
  pairs: readonly Pick<Pair, 'kind' | 'source' | 'target'>[],
  states: readonly Topology[],
): boolean {
  if (!pair) return true;
  const asked = pairs.filter(({ source, target }) => source === pair.source && target === pair.target);
  if (asked.length === 0 || asked.some(({ kind }) => kind === 'echo')) return true;
  return states.some((topology) =>
    ownersOf(topology, pair.source).some(({ namespace }) =>
      namespace.neighbours.some(({ address, state }) => address === pair.target && WAITING.has(state)),
    ),
  );
}
