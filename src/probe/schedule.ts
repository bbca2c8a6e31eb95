/** When to send the next probe and when to stop waiting: pure arithmetic, the caller has the clock. */

/** As ping's -c, -i and -W. */
export interface Pace {
  readonly count: number;
  readonly intervalMs: number;
  /** How long the last probe waits for its reply. */
  readonly timeoutMs: number;
}

export type ScheduleStep =
  | { readonly kind: 'send'; readonly sequence: number }
  | { readonly kind: 'wait'; readonly forMs: number }
  | { readonly kind: 'done' };

/**
 * What to do at `nowMs`. It is done when every probe was sent and is settled (answered, or known to have failed), or the
 * last one has waited its time. An interval that was overslept is not caught up: the next one counts from the last probe.
 *
 * @param sentMs when each probe was sent, in order; the first has sequence 1
 * @param settled sequences nothing more is expected of
 */
export function nextStep(
  pace: Pace,
  sentMs: readonly number[],
  settled: ReadonlySet<number>,
  nowMs: number,
): ScheduleStep {
  const last = sentMs.at(-1);
  if (sentMs.length < pace.count) {
    const dueMs = last === undefined ? nowMs : last + pace.intervalMs;
    if (nowMs >= dueMs) return { kind: 'send', sequence: sentMs.length + 1 };
    return { kind: 'wait', forMs: dueMs - nowMs };
  }
  const open = sentMs.some((_, index) => !settled.has(index + 1));
  const untilMs = (last ?? nowMs) + pace.timeoutMs;
  if (!open || last === undefined || nowMs >= untilMs) return { kind: 'done' };
  return { kind: 'wait', forMs: untilMs - nowMs };
}
