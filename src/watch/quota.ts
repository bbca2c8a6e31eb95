/** How much is told one by one: a flood is summed up by pair, a second at a time, and what is beyond that is counted. */
import type { BurstEvent, ErrorEvent, ExchangeEvent, RoundTrips, SkippedEvent } from './event.ts';
import type { Pair } from './pairs.ts';

/** In one second, of one pair and of all. */
const MOST_OF_PAIR = 10;
const MOST_TOLD = 50;
/** Pairs summed up in one second. */
const MOST_BURSTS = 20;
const MOST_SUMS = 1024;
const MOST_ERRORS = 20;

interface Sum {
  told: number;
  exchanges: number;
  answered: number;
  count: number;
  minNs: number;
  sumNs: number;
  maxNs: number;
}

export class Quota {
  #told = 0;
  #untold = 0;
  readonly #sums = new Map<Pair, Sum>();
  readonly #errors = new Map<string, ErrorEvent>();
  readonly #tell: (event: ExchangeEvent) => void;

  constructor(tell: (event: ExchangeEvent) => void) {
    this.#tell = tell;
  }

  exchange(event: ExchangeEvent, pair: Pair): void {
    let sum = this.#sums.get(pair);
    if (!sum) {
      if (this.#sums.size >= MOST_SUMS) {
        this.#untold++;
        return;
      }
      sum = { told: 0, exchanges: 0, answered: 0, count: 0, minNs: Number.POSITIVE_INFINITY, sumNs: 0, maxNs: 0 };
      this.#sums.set(pair, sum);
    }
    if (sum.told < MOST_OF_PAIR && this.#told < MOST_TOLD) {
      sum.told++;
      this.#told++;
      this.#tell(event);
      return;
    }
    sum.exchanges++;
    if (event.rttNs === undefined) return;
    sum.answered++;
    sum.count++;
    sum.sumNs += event.rttNs;
    if (event.rttNs < sum.minNs) sum.minNs = event.rttNs;
    if (event.rttNs > sum.maxNs) sum.maxNs = event.rttNs;
  }

  error(event: ErrorEvent): void {
    const key = JSON.stringify([event.from, event.words, event.source, event.target]);
    const known = this.#errors.get(key);
    if (known) this.#errors.set(key, { ...known, count: known.count + event.count });
    else if (this.#errors.size < MOST_ERRORS) this.#errors.set(key, event);
    else this.#untold++;
  }

  /** Ends a second: what was summed up in it. */
  turn(timeNs: bigint, lost: number, givenUp: number): (BurstEvent | ErrorEvent | SkippedEvent)[] {
    const sums = [...this.#sums].filter(([, { exchanges }]) => exchanges > 0);
    sums.sort(([, a], [, b]) => b.exchanges - a.exchanges);
    const bursts: BurstEvent[] = sums.slice(0, MOST_BURSTS).map(([{ kind, source, target }, sum]) => ({
      event: 'burst',
      timeNs,
      kind,
      source,
      target,
      exchanges: sum.exchanges,
      answered: sum.answered,
      ...(sum.count > 0 ? { rtt: roundTrips(sum) } : {}),
    }));
    const events: (BurstEvent | ErrorEvent | SkippedEvent)[] = [...this.#errors.values(), ...bursts];
    const beyond = sums.slice(MOST_BURSTS).reduce((total, [, { exchanges }]) => total + exchanges, 0);
    const untold = this.#untold + beyond + givenUp;
    if (untold > 0 || lost > 0) events.push({ event: 'skipped', timeNs, lost, untold });
    this.#told = 0;
    this.#untold = 0;
    this.#errors.clear();
    this.#sums.clear();
    return events;
  }
}

function roundTrips({ count, minNs, sumNs, maxNs }: Sum): RoundTrips {
  return { count, minNs, sumNs, maxNs };
}
