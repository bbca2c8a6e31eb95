/**
 * ARP frames that only repeat others: a scanner, or a loop, sends them by the hundred thousand, every port of a bridge brings
 * each once more, and what the first ones tell the others tell again.
 */
import { type Frame, type Place, placeKey } from '../trace/frame.ts';

export interface Repeats {
  /** Is there anything in it that is not in many before? */
  isNew(frame: Frame): boolean;
  /** One line where frames were not new. */
  gaps(): string[];
}

const ETHERTYPE_AT = 12;
const ETHERTYPE_ARP = 0x0806;
/** The kernel repeats a question once a second, a loop brings it back in microseconds: of equals, so many at one place … */
const AT_FIRST = 64;
/** … and so many more in every second since. */
const PER_SECOND = 8;
/** Different ones that are counted; of more, all are kept. */
const MOST_DIFFERENT = 1 << 16;

export function createRepeats(): Repeats {
  const places = new Map<Place, string>();
  const seen = new Map<string, { count: number; readonly firstNs: bigint }>();
  let left = 0;
  const keyOf = ({ place, direction, bytes }: Frame): string => {
    const key = places.get(place) ?? placeKey(place);
    places.set(place, key);
    return `${key}\0${direction}\0${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')}`;
  };
  return {
    gaps: () => (left === 0 ? [] : [`${left} ARP frames that only repeat others were left out`]),
    isNew(frame) {
      const { bytes, timeNs } = frame;
      const type = ((bytes[ETHERTYPE_AT] ?? 0) << 8) | (bytes[ETHERTYPE_AT + 1] ?? 0);
      if (type !== ETHERTYPE_ARP) return true;
      const key = keyOf(frame);
      const known = seen.get(key);
      if (!known) {
        if (seen.size < MOST_DIFFERENT) seen.set(key, { count: 1, firstNs: timeNs });
        return true;
      }
      if (known.count >= AT_FIRST + (PER_SECOND * Number(timeNs - known.firstNs)) / 1e9) {
        left++;
        return false;
      }
      known.count++;
      return true;
    },
  };
}
