/** The frames of a live view's last seconds, judged as a recording of them would be: the same survey, the same rules. */
import type { CaptureFinding } from '../diagnose/analysis.ts';
import { linkTypeOf, viewOf } from '../survey/frame-view.ts';
import { type SurveySummary, summarise } from '../survey/summary.ts';
import { Survey } from '../survey/survey.ts';
import type { Topology } from '../topology/model.ts';
import { type Coverage, type Frame, placeKey } from '../trace/frame.ts';
import { closeLook } from './close-look.ts';
import { modelledFindings } from './modelled.ts';
import type { FrameAt, Revisited, Span } from './revisit.ts';

/** What is judged: whole exchanges, in order of time, and the state before and after them. */
export interface Judged {
  readonly frames: readonly Frame[];
  readonly before: Topology;
  readonly after: Topology;
  readonly coverage: Coverage;
}

export interface Judgement {
  readonly summary: SurveySummary;
  readonly findings: readonly CaptureFinding[];
}

/** As `epb_flags` have it. */
const DIRECTIONS = { unknown: 0, in: 1, out: 2 };

export async function judge({ frames, before, after, coverage }: Judged): Promise<Judgement> {
  const set = new FrameList(frames);
  const places = [...coverage.places];
  const numbers = new Map(places.map((place, index) => [placeKey(place), index]));
  const survey = new Survey();
  places.forEach(({ name }, index) => {
    if (name === 'lo') survey.loopbacks.add(index);
  });
  frames.forEach((frame, index) => {
    const key = placeKey(frame.place);
    let place = numbers.get(key);
    if (place === undefined) {
      place = places.push(frame.place) - 1;
      numbers.set(key, place);
    }
    const view = viewOf(frame);
    const direction = DIRECTIONS[frame.direction];
    survey.add(view, 0, view.byteLength, linkTypeOf(frame), place, direction, set.relative(frame.timeNs), index + 1);
  });
  survey.finish();
  const summary = summarise(survey, {
    places: places.length,
    place: (index) => places[index] ?? { netns: '', name: '?' },
    time: (ns) => set.time(ns),
    frame: (frame) => ({ file: 0, frame }),
    together: [places.map((_, index) => index)],
  });
  const { cases } = await closeLook(set, summary, true);
  return { summary, findings: modelledFindings({ before, after }, summary, cases, coverage, new Set()) };
}

/** Frames in memory, as files are looked at. */
class FrameList implements Revisited {
  readonly #frames: readonly Frame[];
  readonly #baseNs: bigint;

  constructor(frames: readonly Frame[]) {
    this.#frames = frames;
    this.#baseNs = frames[0]?.timeNs ?? 0n;
  }

  relative(timeNs: bigint): number {
    return Number(timeNs - this.#baseNs);
  }

  time(ns: number): bigint {
    return this.#baseNs + BigInt(Math.round(ns));
  }

  async revisit(
    spans: readonly Span[],
    keep: (at: FrameAt, bytes: { readonly view: DataView }) => boolean,
    most: number,
  ): Promise<readonly Frame[]> {
    const kept: Frame[] = [];
    for (const frame of this.#frames) {
      const ns = this.relative(frame.timeNs);
      if (!spans.some(({ fromNs, untilNs }) => ns >= fromNs && ns <= untilNs)) continue;
      const view = viewOf(frame);
      if (keep({ start: 0, end: view.byteLength, source: { linkType: linkTypeOf(frame) } }, { view })) kept.push(frame);
      if (kept.length >= most) break;
    }
    return kept;
  }
}
