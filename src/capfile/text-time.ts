/** Time stamps as tcpdump prints them (tcpdump(1), -t to -ttttt), and what they are worth. */
import type { TextClock } from './text-comment.ts';

/** What stood at the front of a line. `clock`: hours to fractions, which default, -ttt and -ttttt have alike. */
export interface Stamp {
  readonly kind: 'none' | 'epoch' | 'date' | 'clock';
  /** Nanoseconds; of a date with Unix time, of a clock since midnight (or since whatever it counts from). */
  readonly ns: bigint;
}

/** How deltas are printed: to the line before (-ttt), or to the capture's first line (-ttttt). */
export type DeltaKind = 'delta' | 'offset';

export const NO_STAMP: Stamp = { kind: 'none', ns: 0n };

const CLOCK = /^(?:(\d{4})-(\d\d)-(\d\d)[ T])?(-?)(\d\d):([0-5]\d):([0-5]\d)[.,](\d{3}|\d{6}|\d{9})(?=\s|$)/;
const EPOCH = /^(\d{1,10})\.(\d{6}|\d{9})(?=\s|$)/;
const SECOND = 1_000_000_000n;
const DAY = 86_400n * SECOND;
const MICROSECOND = 1000n;
/** Clocks step back a little between two processors; half a day back is midnight. */
const MIDNIGHT = DAY / 2n;

/** The stamp a line starts with and its length in characters; undefined where there is none. */
export function readStamp(text: string): { readonly stamp: Stamp; readonly length: number } | undefined {
  const clock = CLOCK.exec(text);
  if (clock) {
    const [all, year, month, day, sign, hours = '', minutes = '', seconds = '', fraction = ''] = clock;
    const whole = BigInt(Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * SECOND;
    const ns = whole + BigInt(fraction.padEnd(9, '0'));
    if (year === undefined) return { stamp: { kind: 'clock', ns: sign ? -ns : ns }, length: all.length };
    const midnight = Date.UTC(Number(year), Number(month) - 1, Number(day));
    return { stamp: { kind: 'date', ns: BigInt(midnight) * 1_000_000n + ns }, length: all.length };
  }
  const epoch = EPOCH.exec(text);
  if (!epoch) return undefined;
  const [all, seconds = '', fraction = ''] = epoch;
  return {
    stamp: { kind: 'epoch', ns: BigInt(seconds) * SECOND + BigInt(fraction.padEnd(9, '0')) },
    length: all.length,
  };
}

/** What one capture's stamps mean. Its first line decides, and the command's options where they are known. */
export function clockOf(first: Stamp, indent: number, delta: DeltaKind | undefined): TextClock {
  switch (first.kind) {
    case 'none':
      return 'none';
    case 'epoch':
    case 'date':
      return 'absolute';
    case 'clock': {
      // Deltas are printed behind a space, and start from nothing: a capture that began at midnight to the microsecond is rarer.
      const early = first.ns === 0n || (indent === 1 && first.ns < 60n * SECOND);
      return delta !== undefined || early ? 'relative' : 'time-of-day';
    }
    default:
      return first.kind satisfies never;
  }
}

/** Lines of a capture that are waited for until they show which deltas they are. */
const UNDECIDED = 1000;

/**
 * Turns one capture's stamps into nanoseconds of its clock, in order of lines. Deltas to the line before and offsets from
 * the first look alike until one falls: until then what was given is held back.
 * @typeParam Item what is timed
 */
export class StampReader<Item> {
  readonly clock: TextClock;
  readonly #step: () => bigint;
  #delta: DeltaKind | undefined;
  #lastNs = 0n;
  #dayNs = 0n;
  #held: { readonly ns: bigint; readonly item: Item }[] = [];

  /** @param step the time of a line without stamp */
  constructor(clock: TextClock, delta: DeltaKind | undefined, step: () => bigint) {
    this.clock = clock;
    this.#delta = delta;
    this.#step = step;
  }

  /** What can be timed now, in order. */
  take(stamp: Stamp, item: Item): { readonly timeNs: bigint; readonly item: Item }[] {
    if (this.clock === 'relative' && this.#delta === undefined) {
      const falls = stamp.ns < (this.#held.at(-1)?.ns ?? 0n);
      this.#held.push({ ns: stamp.ns, item });
      if (falls) this.#delta = 'delta';
      else if (this.#held.length < UNDECIDED) return [];
      return this.finish();
    }
    return [{ timeNs: this.#timeOf(stamp), item }];
  }

  /** What was held back: where nothing showed otherwise, the stamps are offsets. */
  finish(): { readonly timeNs: bigint; readonly item: Item }[] {
    this.#delta ??= 'offset';
    const held = this.#held;
    this.#held = [];
    return held.map(({ ns, item }) => ({ timeNs: this.#timeOf({ kind: 'clock', ns }), item }));
  }

  #timeOf(stamp: Stamp): bigint {
    const timeNs = this.#read(stamp);
    // pcapng has no times before 1970; a delta may be negative.
    this.#lastNs = timeNs < 0n ? 0n : timeNs;
    return this.#lastNs;
  }

  #read({ ns }: Stamp): bigint {
    switch (this.clock) {
      case 'none':
        return this.#step();
      case 'absolute':
        return ns;
      case 'relative':
        return this.#delta === 'delta' ? this.#lastNs + ns : ns;
      case 'time-of-day':
        if (ns + this.#dayNs < this.#lastNs - MIDNIGHT) this.#dayNs += DAY;
        return ns + this.#dayNs;
      default:
        return this.clock satisfies never;
    }
  }
}

/** Times of lines without any: a microsecond apart. */
export function lineSteps(): () => bigint {
  let ns = 0n;
  return () => {
    ns += MICROSECOND;
    return ns;
  };
}
