/** Time stamps of any clock as nanoseconds from one common moment, in doubles: exact to the nanosecond for a hundred days around it. */
import { type CaptureInterface, clockTicks, clockTimeNs } from './capture-interface.ts';

const HIGH = 2 ** 32;

export class RelativeTime {
  /** Unix nanoseconds of the moment everything is counted from. */
  readonly baseNs: bigint;
  /** By interface: ticks of its clock at that moment, nanoseconds a tick, nanoseconds left over. */
  readonly #clocks: ({ high: number; low: number; scale: number; restNs: number } | undefined)[] = [];

  readonly #shiftNs: (source: CaptureInterface) => number;

  /** @param shiftNs added to the times of an interface, nanoseconds */
  constructor(baseNs: bigint, shiftNs: (source: CaptureInterface) => number = () => 0) {
    this.baseNs = baseNs;
    this.#shiftNs = shiftNs;
  }

  /** Nanoseconds since `baseNs` of a stamp of this interface. */
  ns(source: CaptureInterface, ticksHigh: number, ticksLow: number): number {
    const clock = this.#clocks[source.index] ?? this.#clock(source);
    return ((ticksHigh - clock.high) * HIGH + (ticksLow - clock.low)) * clock.scale + clock.restNs;
  }

  #clock(source: CaptureInterface) {
    const { clock } = source;
    const ticks = clockTicks(clock, this.baseNs);
    const high = Number(ticks >> 32n);
    const low = Number(ticks & 0xffffffffn);
    const made = {
      high,
      low,
      scale: clock.base === 10 ? 10 ** (9 - clock.exponent) : 1e9 / 2 ** clock.exponent,
      restNs: Number(clockTimeNs(clock, high, low) - this.baseNs) + this.#shiftNs(source),
    };
    this.#clocks[source.index] = made;
    return made;
  }
}
