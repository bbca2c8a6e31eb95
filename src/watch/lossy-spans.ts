/** When frames were lost: that something was not sighted then says nothing. */
import { PATIENCE_NS } from './questions.ts';

/** What lies closer together is one span, so these are more than the last minute. */
const MOST_SPANS = 40;

export class LossySpans {
  #spans: { readonly fromNs: number; untilNs: number }[] = [];

  /** Frames were lost in this time, nanoseconds of the tracker; spans come in order. */
  add(fromNs: number, untilNs: number): void {
    const last = this.#spans.at(-1);
    if (last && fromNs - last.untilNs < PATIENCE_NS) last.untilNs = untilNs;
    else this.#spans = [...this.#spans.slice(1 - MOST_SPANS), { fromNs, untilNs }];
  }

  /** Whether sightings of an exchange that began then may be missing. */
  concern(ns: number): boolean {
    return this.#spans.some(({ fromNs, untilNs }) => ns >= fromNs - PATIENCE_NS && ns <= untilNs);
  }
}
