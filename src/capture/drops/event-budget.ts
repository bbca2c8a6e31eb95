/** How many events may be read: a flood must not take a processor for itself. */

export interface EventBudget {
  /** Takes what was read, at this time (milliseconds); false when nothing is left. */
  spend(events: number, nowMs: number): boolean;
  /** True when enough has come back to go on. */
  recovered(nowMs: number): boolean;
  /** Something worth seeing is about to happen: enough for a short look, now and then. */
  grant(nowMs: number): void;
}

/** Some 2 microseconds each: a tenth of a processor at most, in the long run. */
const PER_SECOND = 50_000;
const MOST = 50_000;
const GRANT = 15_000;
const GRANT_EVERY_MS = 150;

export function createEventBudget(startMs: number): EventBudget {
  let left = MOST;
  let atMs = startMs;
  let grantedMs = Number.NEGATIVE_INFINITY;
  const refill = (nowMs: number): void => {
    left = Math.min(MOST, left + ((nowMs - atMs) * PER_SECOND) / 1000);
    atMs = nowMs;
  };
  return {
    spend(events, nowMs) {
      refill(nowMs);
      left -= events;
      return left > 0;
    },
    recovered(nowMs) {
      refill(nowMs);
      return left > MOST / 2;
    },
    grant(nowMs) {
      refill(nowMs);
      if (nowMs - grantedMs < GRANT_EVERY_MS) return;
      grantedMs = nowMs;
      left = Math.max(left, GRANT);
    },
  };
}
