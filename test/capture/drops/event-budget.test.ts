import { describe, expect, it } from 'vitest';
import { createEventBudget } from '../../../src/capture/drops/event-budget.ts';

describe('the budget of events', () => {
  it('lasts for ever at an ordinary rate', () => {
    const budget = createEventBudget(0);
    for (let ms = 10; ms < 60_000; ms += 10) expect(budget.spend(400, ms)).toBe(true);
  });

  it('bounds a flood to its rate in the long run', () => {
    const budget = createEventBudget(0);
    let on = true;
    let read = 0;
    for (let ms = 10; ms <= 20_000; ms += 10) {
      const events = on ? 20_000 : 0;
      read += events;
      if (!budget.spend(events, ms)) on = false;
      else if (!on) on = budget.recovered(ms);
    }
    expect(read).toBeGreaterThan(200_000);
    expect(read).toBeLessThan(20 * 50_000 + 150_000);
  });

  it('grants a short look now and then, and not more often', () => {
    const budget = createEventBudget(0);
    expect(budget.spend(200_000, 1)).toBe(false);
    budget.grant(2);
    expect(budget.spend(10_000, 3)).toBe(true);
    expect(budget.spend(10_000, 4)).toBe(false);
    budget.grant(5);
    expect(budget.spend(0, 6)).toBe(false);
    budget.grant(160);
    expect(budget.spend(0, 161)).toBe(true);
  });
});
