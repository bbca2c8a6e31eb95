/** Numbers of a survey into words: addresses, places, errors. */
import type { IcmpError } from './errors.ts';
import { isReply } from './kind.ts';
import type { ErrorSummary, Reading } from './summary.ts';
import type { Survey } from './survey.ts';

export type Ends = { readonly source: string; readonly target: string };

/** Of the two, either way. */
export function wantedEnds(between: readonly [string, string] | undefined): (ends: Ends) => boolean {
  if (between === undefined) return () => true;
  return ({ source, target }) => between.includes(source) && between.includes(target);
}

export class Words {
  readonly #survey: Survey;
  readonly reading: Reading;
  readonly #texts = new Map<number, string>();

  constructor(survey: Survey, reading: Reading) {
    this.#survey = survey;
    this.reading = reading;
  }

  address(id: number): string {
    let text = this.#texts.get(id);
    if (text === undefined) {
      text = this.#survey.addresses.text(id);
      this.#texts.set(id, text);
    }
    return text;
  }

  ends(flow: number): { source: string; target: string } {
    const { source, target } = this.#survey.flows.get(flow);
    return { source: this.address(source), target: this.address(target) };
  }

  /** Of a packet: a reply goes from who was asked to who asked. */
  endsOf(flow: number, kind: number): Ends {
    const { source, target } = this.ends(flow);
    return isReply(kind) ? { source: target, target: source } : { source, target };
  }

  error(error: IcmpError): ErrorSummary {
    const { from, version, type, code, mtu, source, target, packets, place, frame } = error;
    return {
      from: this.address(from),
      version,
      type,
      code,
      ...(mtu === 0 ? {} : { mtu }),
      source: this.address(source),
      target: this.address(target),
      packets,
      place: this.reading.place(place),
      example: this.reading.frame(frame),
    };
  }
}

export function echoOf(echo: number): { identifier: number; sequence: number } {
  return { identifier: echo >>> 16, sequence: echo & 0xffff };
}
