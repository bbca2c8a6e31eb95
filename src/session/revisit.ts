/** Frames that can be looked at again: those of files (`CaptureSet`), or of a live view's last minute. */
import type { Frame } from '../trace/frame.ts';

/** Frames of a span of time, nanoseconds of the survey; at most `mostFrames` from a little before `atNs` on, where that is given. */
export interface Span {
  readonly fromNs: number;
  readonly untilNs: number;
  readonly atNs?: number;
  readonly mostFrames?: number;
}

/** A frame that may be wanted: where it stands in the bytes of `view`, and how it starts (LINKTYPE_). */
export interface FrameAt {
  readonly start: number;
  readonly end: number;
  readonly source: { readonly linkType: number };
}

export interface Revisited {
  /** Nanoseconds of the survey's time. */
  relative(timeNs: bigint): number;
  /** In order of time; undefined where they are gone. */
  revisit(
    spans: readonly Span[],
    keep: (at: FrameAt, bytes: { readonly view: DataView }) => boolean,
    most: number,
  ): Promise<readonly Frame[] | undefined>;
}
