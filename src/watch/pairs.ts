/** Who asks whom, counted as long as it is watched, in bounded memory. */
import type { RequestKind } from '../survey/kind.ts';
import type { Place } from '../trace/frame.ts';

/** Pairs told apart; what comes later is counted together. */
export const MOST_PAIRS = 8192;

export interface Pair {
  readonly kind: RequestKind;
  readonly source: string;
  readonly target: string;
  /** Came to an end: answered or not. */
  requests: number;
  answered: number;
  /** Refused by an ICMP error; neither answered nor silent. */
  refused: number;
  rttSumNs: number;
  rttMinNs: number;
  rttMaxNs: number;
  lastRttNs: number;
  /** The longest way of a request and of a reply that was answered. */
  requestWay: readonly Place[];
  replyWay: readonly Place[];
  /** When the last one came to its end, nanoseconds of the tracker. */
  lastNs: number;
  /** Requests in a row, now, that had no reply, or one that was not heeded. */
  silent: number;
}

export function newPair(kind: RequestKind, source: string, target: string): Pair {
  return {
    kind,
    source,
    target,
    requests: 0,
    answered: 0,
    refused: 0,
    rttSumNs: 0,
    rttMinNs: Number.POSITIVE_INFINITY,
    rttMaxNs: 0,
    lastRttNs: Number.NaN,
    requestWay: [],
    replyWay: [],
    lastNs: 0,
    silent: 0,
  };
}

export class PairTable {
  /** Of pairs beyond the limit, by kind. */
  readonly others: ReadonlyMap<RequestKind, Pair> = new Map(
    (['arp', 'echo', 'neighbour'] as const).map((kind) => [kind, newPair(kind, 'other', 'other')]),
  );
  readonly #pairs = new Map<number, Pair>();

  /** @param name asked for the addresses once, where the pair is new */
  find(key: number, kind: RequestKind, name: () => { source: string; target: string }): Pair {
    const known = this.#pairs.get(key);
    if (known) return known;
    const other = this.others.get(kind);
    if (this.#pairs.size >= MOST_PAIRS && other) return other;
    const { source, target } = name();
    const pair = newPair(kind, source, target);
    this.#pairs.set(key, pair);
    return pair;
  }

  isOther(pair: Pair): boolean {
    return this.others.get(pair.kind) === pair;
  }

  /** In the order they were first seen; those together at the end, if there are any. */
  all(): Pair[] {
    return [...this.#pairs.values(), ...[...this.others.values()].filter(({ requests }) => requests > 0)];
  }
}

/** Percent of the requests that had no reply; 0 where none came to its end. */
export function lossOf({ requests, answered }: Pick<Pair, 'requests' | 'answered'>): number {
  return requests === 0 ? 0 : (100 * (requests - answered)) / requests;
}
