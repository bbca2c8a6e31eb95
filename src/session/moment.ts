/** A point in time as a person names it in a capture: by date, by time of the day, or by seconds after the beginning. */
import { VdiagError } from '../linux/error.ts';

export type Moment =
  /** Unix nanoseconds. */
  | { readonly kind: 'absolute'; readonly ns: bigint }
  /** Nanoseconds after midnight, local time (TZ) as tcpdump prints it, of the day the capture begins. */
  | { readonly kind: 'of-day'; readonly ns: bigint }
  /** Nanoseconds after the first frame. */
  | { readonly kind: 'after-start'; readonly ns: bigint };

const SECOND_NS = 1_000_000_000n;
const DAY_NS = 86_400n * SECOND_NS;
const HALF_DAY_NS = DAY_NS / 2n;
/** A text that has times of the day alone is read as if it were of the first days of 1970, UTC. */
const DATELESS_NS = 2n * DAY_NS;

const FRACTION = String.raw`(?:[.,](\d{1,9}))?`;
const AFTER_START = new RegExp(`^\\+(\\d{1,9})${FRACTION}s?$`);
const OF_DAY = new RegExp(`^([01]?\\d|2[0-3]):([0-5]\\d)(?::([0-5]\\d)${FRACTION})?$`);
const ISO_8601 = new RegExp(
  `^(\\d{4}-\\d\\d-\\d\\d)(?:[T ]([01]\\d|2[0-3]):([0-5]\\d)(?::([0-5]\\d)${FRACTION})?(Z|[+-]\\d\\d:\\d\\d)?)?$`,
  'i',
);

/**
 * Reads `2026-01-31T12:00:00.5Z` (ISO 8601; without a zone: local time), `12:00:00.5` or `+1.5`.
 * @throws VdiagError usage
 */
export function parseMoment(text: string): Moment {
  const after = AFTER_START.exec(text);
  if (after) return { kind: 'after-start', ns: BigInt(after[1] ?? 0) * SECOND_NS + fractionNs(after[2]) };
  const ofDay = OF_DAY.exec(text);
  if (ofDay) {
    const seconds = (Number(ofDay[1]) * 60 + Number(ofDay[2])) * 60 + Number(ofDay[3] ?? 0);
    return { kind: 'of-day', ns: BigInt(seconds) * SECOND_NS + fractionNs(ofDay[4]) };
  }
  const iso = ISO_8601.exec(text);
  const ns = iso ? absoluteNs(iso) : undefined;
  if (ns === undefined)
    throw new VdiagError(
      'usage',
      `not a time: ${text}`,
      'as 2026-01-31T12:00:00.5, as 12:00:00.5 (of the day of the capture), or as +1.5 (seconds after its first frame)',
    );
  return { kind: 'absolute', ns };
}

function absoluteNs([, date = '', hour = '00', minute = '00', second = '00', fraction, zone = '']: readonly (
  | string
  | undefined
)[]): bigint | undefined {
  // Date.parse takes the 31st of February for the 2nd of March.
  const day = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== date) return undefined;
  const at = Date.parse(`${date}T${hour}:${minute}:${second}${zone.toUpperCase()}`);
  return Number.isNaN(at) ? undefined : BigInt(at) * 1_000_000n + fractionNs(fraction);
}

/** ".5" is 500 000 000 ns. */
function fractionNs(digits = ''): bigint {
  return BigInt(digits.padEnd(9, '0'));
}

/**
 * Unix nanoseconds of a moment in a capture.
 * @param startNs of its first frame, Unix nanoseconds
 */
export function momentNs(moment: Moment, startNs: bigint): bigint {
  if (moment.kind === 'absolute') return moment.ns;
  if (moment.kind === 'after-start') return startNs + moment.ns;
  const at = onDayOf(startNs, moment.ns);
  // A capture from 23:50 on has its 00:10 on the next day; one from 12:00:01 on, its 12:00:00 on the same.
  return startNs - at > HALF_DAY_NS ? onDayOf(startNs, moment.ns, 1) : at;
}

/** What the clock on the wall shows as so many nanoseconds after midnight, on the day of a time or so many days later. */
function onDayOf(timeNs: bigint, ofDayNs: bigint, later = 0): bigint {
  if (timeNs < DATELESS_NS) return timeNs - (timeNs % DAY_NS) + ofDayNs + BigInt(later) * DAY_NS;
  const day = new Date(Number(timeNs / 1_000_000n));
  const seconds = Number(ofDayNs / SECOND_NS);
  const at = new Date(day.getFullYear(), day.getMonth(), day.getDate() + later, 0, 0, seconds).getTime();
  return Number.isNaN(at) ? timeNs : BigInt(at) * 1_000_000n + (ofDayNs % SECOND_NS);
}
