/** Which of the captured packets a recording takes: those of the places that are wanted, and as many as are. */
import { type CapturedPacket, timeOf } from '../trace/captured-packet.ts';
import { type Place, placeKey } from '../trace/frame.ts';

export interface Choice {
  /** Whether it is taken: to be asked once for each packet. */
  takes(packet: CapturedPacket): boolean;
  /** As many have been taken as are wanted. */
  readonly isFull: boolean;
  /** When the last of them was captured, Unix nanoseconds; 0 before the first. */
  readonly lastNs: bigint;
}

/**
 * @param only the places whose packets are taken; undefined: all
 * @param most so many packets
 */
export function chooser(only: readonly Place[] | undefined, most = Number.POSITIVE_INFINITY): Choice {
  const isWanted = placeFilter(only);
  let taken = 0;
  let seconds = 0;
  let nanoseconds = 0;
  return {
    takes(packet) {
      if (taken >= most || !isWanted(packet.place)) return false;
      taken++;
      seconds = packet.seconds;
      nanoseconds = packet.nanoseconds;
      return true;
    },
    get isFull() {
      return taken >= most;
    },
    get lastNs() {
      return timeOf({ seconds, nanoseconds });
    },
  };
}

/** The kernel filter goes by interface number, and where there are too many interfaces it keeps them all. */
function placeFilter(only: readonly Place[] | undefined): (place: Place) => boolean {
  if (!only) return () => true;
  const wanted = new Set(only.map(placeKey));
  // A ring gives every frame of an interface the same place.
  const verdicts = new WeakMap<Place, boolean>();
  return (place) => {
    const known = verdicts.get(place);
    if (known !== undefined) return known;
    const verdict = wanted.has(placeKey(place));
    verdicts.set(place, verdict);
    return verdict;
  };
}
