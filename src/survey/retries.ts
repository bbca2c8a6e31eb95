/** Who asks again, and so tells that the answer did not come, or was not heard: of ARP and neighbour discovery. */

/** Three tries of ARP, a second apart, or what scanners take for patience. */
const RETRIES_UNTIL_NS = 5e9;
/** A retry comes a second after the request before it (RFC 4861 section 10, RETRANS_TIMER). */
const RETRY_FROM_NS = 9e8;
const RETRY_UNTIL_NS = 1.15e9;
const MOST_ANSWERED = 1024;
const MOST_OPEN = 1 << 14;

/** Whether a request this long after another one of the same flow, nanoseconds, is its retry. */
export function isRetry(afterNs: number): boolean {
  return afterNs > RETRY_FROM_NS && afterNs < RETRY_UNTIL_NS;
}

export class RetryTable {
  /** By flow: requests repeated although the one before had been answered. */
  readonly unheeded = new Map<number, number>();
  /** By flow: requests without a reply that were soon followed by another. */
  readonly retried = new Map<number, number>();
  /** When the last answered request of a flow was made. */
  readonly #lastAnswered = new Map<number, number>();
  /** When the last request of a flow was made that had no reply. */
  readonly #lastOpen = new Map<number, number>();

  /** A request that was made at `ns` has come to its end. */
  settle(flow: number, ns: number, answered: boolean): void {
    this.#heed(flow, ns, answered);
    this.#retry(flow, ns, answered);
  }

  /** Who asks again a retry's time after the answer came did not hear it. */
  #heed(flow: number, ns: number, answered: boolean): void {
    const before = this.#lastAnswered.get(flow);
    if (before !== undefined && isRetry(ns - before)) this.unheeded.set(flow, (this.unheeded.get(flow) ?? 0) + 1);
    if (!answered) this.#lastAnswered.delete(flow);
    else if (this.#lastAnswered.size < MOST_ANSWERED || before !== undefined) this.#lastAnswered.set(flow, ns);
    else this.#lastAnswered.clear();
  }

  /** Who asks again soon had no reply, wherever the reply would have been sighted. */
  #retry(flow: number, ns: number, answered: boolean): void {
    const before = this.#lastOpen.get(flow);
    if (before !== undefined && ns - before < RETRIES_UNTIL_NS)
      this.retried.set(flow, (this.retried.get(flow) ?? 0) + 1);
    if (answered) this.#lastOpen.delete(flow);
    else if (this.#lastOpen.size < MOST_OPEN || before !== undefined) this.#lastOpen.set(flow, ns);
  }
}
