/** A clock that is set while packets are stamped: their order and distances stay what they were. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSteadyClock } from '../../src/capture/steady-clock.ts';

const START = 1_700_000_000_000_000_000n;
const SECOND = 1_000_000_000n;

function machine() {
  const state = { steadyNs: 5n * SECOND, setNs: 0n };
  const wall = () => START + state.steadyNs + state.setNs;
  const clock = createSteadyClock(() => ({ wallNs: wall(), steadyNs: state.steadyNs }));
  return { state, wall, clock };
}

describe('a steady clock', () => {
  it('changes nothing while nobody sets it', () => {
    const { state, wall, clock } = machine();
    for (let tick = 0; tick < 100; tick++) {
      state.steadyNs += 50_000_000n;
      // Slewed, as NTP does.
      state.setNs += 25_000n;
      expect(clock.of(wall())).toBe(wall());
      expect(clock.now()).toBe(wall());
    }
    expect(clock.steppedNs).toBe(0n);
  });

  it('tells times as if nobody had set it, whatever the steps', () => {
    const step = fc.bigInt({ min: -90_000n * SECOND, max: 90_000n * SECOND });
    const stamps = fc.array(fc.bigInt({ min: 0n, max: 40_000_000n }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        fc.array(fc.record({ step, stamps, stepped: fc.boolean() }), { minLength: 1, maxLength: 12 }),
        (ticks) => {
          const { state, wall, clock } = machine();
          let setNs = 0n;
          const settings = [setNs];
          for (const tick of ticks) {
            const next = setNs + tick.step;
            // A clock that was set like this before, but for less than 200 ms, is hard to tell from a packet that waited to be read.
            if (tick.stepped && settings.every((each) => next - each > SECOND / 5n || next - each < -SECOND / 5n)) {
              setNs = next;
              settings.push(setNs);
            }
            state.setNs = setNs;
            clock.look();
            const begun = state.steadyNs;
            const stamped = tick.stamps.map((afterNs) => ({
              trueNs: START + begun + afterNs,
              wallNs: wall() + afterNs,
            }));
            state.steadyNs += 50_000_000n;
            clock.look();
            for (const { trueNs, wallNs } of stamped) expect(clock.of(wallNs)).toBe(trueNs);
            expect(clock.now()).toBe(START + state.steadyNs);
          }
          expect(clock.steppedNs).toBe(setNs);
        },
      ),
    );
  });

  it('knows what was stamped before a step and is read after it', () => {
    const { state, wall, clock } = machine();
    const before = wall();
    state.steadyNs += 10_000_000n;
    state.setNs = 3600n * SECOND;
    const after = wall();
    state.steadyNs += 10_000_000n;
    clock.look();
    expect(clock.of(before)).toBe(before);
    expect(clock.of(after)).toBe(before + 10_000_000n);
    state.setNs = 0n;
    clock.look();
    expect(clock.steppedNs).toBe(0n);
  });

  it('takes waiting between its two readings for no step', () => {
    const readings = [0n, 80_000_000n, 0n, 0n];
    const clock = createSteadyClock(() => ({ wallNs: START + (readings.shift() ?? 0n), steadyNs: 0n }));
    clock.look();
    expect(clock.steppedNs).toBe(0n);
  });
});
