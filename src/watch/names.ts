/** How places are called where they are shown. */
import type { Place } from '../trace/frame.ts';

export interface Names {
  placeName(place: Place): string;
  netnsName(id: string): string;
}
