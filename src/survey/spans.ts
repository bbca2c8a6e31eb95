/**
 * From when to when each place was listened to, as far as captures tell: no file says when it was opened and closed, so it is the time
 * from the first to the last frame of all places that were recorded together.
 */
import type { PlaceCount } from './survey.ts';

interface Span {
  fromNs: number;
  untilNs: number;
}

export class Spans {
  readonly #spans = new Map<number, Span>();

  /** @param together numbers of the places that were recorded into one file, by file */
  constructor(counts: readonly (PlaceCount | undefined)[], together: readonly (readonly number[])[]) {
    for (const places of together) {
      const span = { fromNs: Number.POSITIVE_INFINITY, untilNs: Number.NEGATIVE_INFINITY };
      for (const place of places) {
        const count = counts[place];
        if (count !== undefined && count.frames > 0) widen(span, count.firstNs, count.lastNs);
      }
      if (span.fromNs > span.untilNs) continue;
      // Parts of one recording name the same places: what the one does not cover, the other does.
      for (const place of places) widen(this.#of(place), span.fromNs, span.untilNs);
    }
  }

  /** Whether a packet could have been sighted there at that time. A place without any frame is taken to have listened. */
  covers(place: number, ns: number): boolean {
    const span = this.#spans.get(place);
    return span === undefined || (span.fromNs <= ns && ns < span.untilNs);
  }

  #of(place: number): Span {
    let span = this.#spans.get(place);
    if (span === undefined) {
      span = { fromNs: Number.POSITIVE_INFINITY, untilNs: Number.NEGATIVE_INFINITY };
      this.#spans.set(place, span);
    }
    return span;
  }
}

function widen(span: Span, fromNs: number, untilNs: number): void {
  if (fromNs < span.fromNs) span.fromNs = fromNs;
  if (untilNs > span.untilNs) span.untilNs = untilNs;
}
