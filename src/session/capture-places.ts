/** The places of several captures, numbered as they come: each interface of each capture is at one of them. */
import type { CaptureInterface } from '../capfile/capture-interface.ts';
import { type Place, placeKey } from '../trace/frame.ts';
import { labelOf, type NamedCapture, type PlaceNaming, placeOfSource } from './source-place.ts';

/** A capture whose interfaces have places. */
export interface PlacedCapture extends NamedCapture {
  /** By interface: number of its place. */
  readonly places: number[];
  /** No more frames of it come. */
  readonly ended: boolean;
}

export class CapturePlaces {
  readonly all: Place[] = [];
  readonly #naming: PlaceNaming;
  readonly #known = new Map<string, { readonly number: number; readonly capture: PlacedCapture }>();
  #loopbacks = new Set<number>();

  constructor(naming: PlaceNaming) {
    this.#naming = naming;
  }

  /** Numbers of places that are loopback devices are put here from now on. */
  noteLoopbacks(loopbacks: Set<number>): void {
    this.#loopbacks = loopbacks;
  }

  place(number: number): Place {
    return this.all[number] ?? { netns: '', name: '?' };
  }

  /** Gives an interface of a capture the number of its place; it is made where there is none. */
  register(capture: PlacedCapture, source: CaptureInterface): number {
    const named = placeOfSource(capture, source, this.#naming);
    const label = labelOf(capture.input);
    let place = named;
    let known = this.#known.get(placeKey(place));
    // Two machines have an eth0 each; but parts of one recording come one after the other.
    for (let copy = 1; known && known.capture !== capture && !known.capture.ended; copy++) {
      place = { netns: named.netns, name: `${named.name} (${copy === 1 ? label : `${label} ${copy}`})` };
      known = this.#known.get(placeKey(place));
    }
    if (known === undefined) {
      known = { number: this.all.length, capture };
      if (place.name === 'lo') this.#loopbacks.add(known.number);
      this.all.push(place);
      this.#known.set(placeKey(place), known);
    }
    capture.places[source.index] = known.number;
    return known.number;
  }
}
