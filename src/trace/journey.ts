/** A journey: the sightings of one packet, in order, across interfaces and namespaces. */
import type { Sighting, SightingKind } from './sighting.ts';

export interface Journey {
  /** From 1, in order of first sighting. */
  readonly id: number;
  readonly kind: SightingKind;
  readonly identity: string;
  readonly sequence?: number;
  /** In order of time; sightings with one time stamp in order of their stream. */
  readonly sightings: readonly Sighting[];
}
