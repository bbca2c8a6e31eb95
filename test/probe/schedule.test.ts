import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextStep } from '../../src/probe/schedule.ts';

const pace = { count: 3, intervalMs: 200, timeoutMs: 1000 };

describe('the schedule of probes', () => {
  it('sends the first at once, the next an interval later', () => {
    expect(nextStep(pace, [], new Set(), 5)).toEqual({ kind: 'send', sequence: 1 });
    expect(nextStep(pace, [5], new Set(), 105)).toEqual({ kind: 'wait', forMs: 100 });
    expect(nextStep(pace, [5], new Set([1]), 205)).toEqual({ kind: 'send', sequence: 2 });
  });

  it('does not catch up on what it overslept', () => {
    expect(nextStep(pace, [0, 5000], new Set(), 5001)).toEqual({ kind: 'wait', forMs: 199 });
  });

  it('is done when all are settled, or the last has waited its time', () => {
    expect(nextStep(pace, [0, 200, 400], new Set([1, 2, 3]), 401)).toEqual({ kind: 'done' });
    expect(nextStep(pace, [0, 200, 400], new Set([1, 3]), 401)).toEqual({ kind: 'wait', forMs: 999 });
    expect(nextStep(pace, [0, 200, 400], new Set(), 1400)).toEqual({ kind: 'done' });
    expect(nextStep({ ...pace, count: 0 }, [], new Set(), 0)).toEqual({ kind: 'done' });
  });

  it('sends exactly as many as asked, an interval apart, and ends', () => {
    fc.assert(
      fc.property(
        fc.nat(20),
        fc.integer({ min: 1, max: 500 }),
        fc.nat(2000),
        fc.nat(7),
        (count, intervalMs, timeoutMs, lateMs) => {
          const sent: number[] = [];
          let now = 0;
          for (let steps = 0; ; steps++) {
            expect(steps).toBeLessThan(2 * count + 3);
            const step = nextStep({ count, intervalMs, timeoutMs }, sent, new Set(), now);
            if (step.kind === 'done') break;
            if (step.kind === 'send') sent.push(now);
            else now += step.forMs + lateMs;
          }
          expect(sent).toHaveLength(count);
          for (let index = 1; index < count; index++)
            expect((sent[index] ?? 0) - (sent[index - 1] ?? 0)).toBeGreaterThanOrEqual(intervalMs);
        },
      ),
    );
  });
});
