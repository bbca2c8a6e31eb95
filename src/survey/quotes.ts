/** Echo requests that ICMP errors quote: each error belongs to one request, although identifiers come again. */
import type { IcmpError } from './errors.ts';

interface Quote {
  readonly error: IcmpError;
  readonly ns: number;
}

/** Routers give a host that does not answer ARP a few seconds before they say so. */
const LATEST_NS = 1e10;
/** An error may be stamped a little before its request. */
const DISORDER_NS = 2e6;
const MOST_QUOTES = 1 << 14;

export class QuoteTable {
  readonly #quotes = new Map<string, Quote[]>();
  #size = 0;

  /** @param echo identifier and sequence number of the echo request, as one number */
  add(flow: number, echo: number, error: IcmpError, ns: number): void {
    if (this.#size >= MOST_QUOTES) return;
    this.#size++;
    const key = `${flow} ${echo}`;
    const quotes = this.#quotes.get(key);
    if (quotes) quotes.push({ error, ns });
    else this.#quotes.set(key, [{ error, ns }]);
  }

  /** The first error that came back for a request made at `ns`, and is nobody else's. Requests are asked about in order of time. */
  take(flow: number, echo: number, ns: number): IcmpError | undefined {
    if (this.#size === 0) return undefined;
    const key = `${flow} ${echo}`;
    const quotes = this.#quotes.get(key);
    const at = quotes?.findIndex((quote) => quote.ns >= ns - DISORDER_NS && quote.ns - ns <= LATEST_NS) ?? -1;
    if (quotes === undefined || at < 0) return undefined;
    const error = quotes[at]?.error;
    quotes.splice(0, at + 1);
    this.#size -= at + 1;
    if (quotes.length === 0) this.#quotes.delete(key);
    return error;
  }
}
