/** Stamps of every clock that a capture may have, as nanoseconds from one moment: as exact as the stamps are. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CaptureInterface, type Clock, clockTicks, clockTimeNs } from '../../src/capfile/capture-interface.ts';
import { RelativeTime } from '../../src/capfile/relative-time.ts';

function source(clock: Clock, index = 0): CaptureInterface {
  return {
    index,
    section: 0,
    id: index,
    linkType: 1,
    frameLinkType: 'ethernet',
    snapLength: 0,
    name: '',
    description: '',
    hardware: '',
    filter: '',
    clock,
    addedHeader: 0,
    packets: 0,
  };
}

const DAY_NS = 86_400_000_000_000n;
const BASE_NS = 1_700_000_000_123_456_789n;
/** Finer ones run over before our days: 64 bits of hundredths of a nanosecond are six years. */
const clocks: fc.Arbitrary<Clock> = fc.record({
  base: fc.constantFrom(2 as const, 10 as const),
  exponent: fc.nat(10),
  offsetSeconds: fc.constantFrom(0n, 1_000_000_000n, -3600n),
});
const binary: fc.Arbitrary<Clock> = fc.record({
  base: fc.constant(2 as const),
  exponent: fc.integer({ min: 13, max: 32 }),
  offsetSeconds: fc.constant(0n),
});

describe('a time relative to a moment', () => {
  it('is that of the stamp, whatever the resolution and the offset of the clock', () => {
    fc.assert(
      fc.property(
        fc.oneof(clocks, binary),
        fc.bigInt({ min: -100n * DAY_NS, max: 100n * DAY_NS }),
        (clock, sinceNs) => {
          const ticks = clockTicks(clock, BASE_NS + sinceNs);
          const [high, low] = [Number(ticks >> 32n), Number(ticks & 0xffffffffn)];
          const exact = Number(clockTimeNs(clock, high, low) - BASE_NS);
          const found = new RelativeTime(BASE_NS).ns(source(clock), high, low);
          // Resolutions finer than a nanosecond are cut to whole ones there, and not here.
          expect(Math.abs(found - exact)).toBeLessThanOrEqual(2);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('is exact to the nanosecond and the microsecond, as Linux stamps', () => {
    for (const exponent of [6, 9]) {
      const clock: Clock = { base: 10, exponent, offsetSeconds: 0n };
      fc.assert(
        fc.property(fc.bigInt({ min: -100n * DAY_NS, max: 100n * DAY_NS }), (sinceNs) => {
          const ticks = clockTicks(clock, BASE_NS + sinceNs);
          const [high, low] = [Number(ticks >> 32n), Number(ticks & 0xffffffffn)];
          expect(new RelativeTime(BASE_NS).ns(source(clock), high, low)).toBe(
            Number(clockTimeNs(clock, high, low) - BASE_NS),
          );
        }),
      );
    }
  });

  it('is comparable between interfaces whose clocks differ', () => {
    const time = new RelativeTime(BASE_NS);
    const at = BASE_NS + 1_500_000_000n;
    const found = (
      [
        [10, 9, 0n],
        [10, 6, 0n],
        [2, 20, 0n],
        [10, 9, 500n],
      ] as const
    ).map(([base, exponent, offsetSeconds], index) => {
      const clock: Clock = { base, exponent, offsetSeconds };
      const ticks = clockTicks(clock, at);
      return time.ns(source(clock, index), Number(ticks >> 32n), Number(ticks & 0xffffffffn));
    });
    expect(found[0]).toBe(1_500_000_000);
    expect(found[3]).toBe(1_500_000_000);
    for (const ns of found) expect(Math.abs(ns - 1_500_000_000)).toBeLessThanOrEqual(1000);
  });
});
