/**
 * Which places are on one link: those that saw the same ARP or neighbour discovery message, which no router passes on. Places of
 * different links may each have their own owner of an address: 169.254.1.1, which every host answers for to each of its containers
 * (proxy ARP), or two networks that do not know each other.
 */
import type { Survey } from './survey.ts';

export class Islands {
  readonly #parents = new Map<number, number>();

  constructor({ linkWays, ways }: Survey) {
    for (const way of linkWays) {
      const [first, ...others] = ways.way(way).places;
      for (const other of others) if (first !== undefined) this.#parents.set(this.of(other), this.of(first));
    }
  }

  /** The same number for places of one link. */
  of(place: number): number {
    let island = place;
    for (let parent = this.#parents.get(island); parent !== undefined && parent !== island; ) {
      island = parent;
      parent = this.#parents.get(island);
    }
    return island;
  }
}
