/** A time axis that is to scale where things happen, and broken where nothing does. */

export interface TimeAxis {
  /** Distance from the top, in the drawing's units. */
  at(timeNs: bigint): number;
  readonly height: number;
  /** Where the axis is broken: the middle of the gap, and how long nothing happened. */
  readonly breaks: readonly { readonly y: number; readonly gapNs: bigint }[];
}

/** A pause this many times longer than all that happens before and after it together is cut out … */
const BREAK_RATIO = 6n;
/** … if it is longer than this. */
const BREAK_LEAST_NS = 2_000_000n;
const BREAK_HEIGHT = 34;
const CLUSTER_LEAST = 30;

/**
 * @param times Unix nanoseconds, in any order
 * @param budget units that all clusters together may take
 */
export function timeAxis(times: readonly bigint[], budget: number): TimeAxis {
  const sorted = [...times].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const clusters = clustersOf(sorted);
  const spans = clusters.map(({ from, until }) => Number(until - from));
  const whole = spans.reduce((sum, span) => sum + span, 0);
  const marks: { readonly timeNs: bigint; readonly y: number }[] = [];
  const breaks: { y: number; gapNs: bigint }[] = [];
  let y = 0;
  for (const [index, { from, until }] of clusters.entries()) {
    const before = clusters[index - 1];
    if (before) {
      breaks.push({ y: y + BREAK_HEIGHT / 2, gapNs: from - before.until });
      y += BREAK_HEIGHT;
    }
    marks.push({ timeNs: from, y });
    if (until > from) {
      y += Math.max(CLUSTER_LEAST, whole === 0 ? 0 : ((spans[index] ?? 0) / whole) * budget);
      marks.push({ timeNs: until, y });
    }
  }
  return { height: y, breaks, at: (timeNs) => interpolated(marks, timeNs) };
}

function clustersOf(sorted: readonly bigint[]): { from: bigint; until: bigint }[] {
  const gaps = sorted.slice(1).map((time, index) => time - (sorted[index] ?? time));
  const busy = gaps.filter((gap) => gap <= BREAK_LEAST_NS).reduce((sum, gap) => sum + gap, 0n);
  const clusters: { from: bigint; until: bigint }[] = [];
  for (const time of sorted) {
    const last = clusters.at(-1);
    const gap = last ? time - last.until : 0n;
    if (!last || (gap > BREAK_LEAST_NS && gap > busy * BREAK_RATIO)) clusters.push({ from: time, until: time });
    else last.until = time;
  }
  return clusters;
}

function interpolated(marks: readonly { readonly timeNs: bigint; readonly y: number }[], timeNs: bigint): number {
  const after = marks.findIndex((mark) => mark.timeNs >= timeNs);
  const high = marks[after];
  const low = marks[after - 1];
  if (!high) return marks.at(-1)?.y ?? 0;
  if (!low || high.timeNs === timeNs) return high.y;
  return low.y + ((high.y - low.y) * Number(timeNs - low.timeNs)) / Number(high.timeNs - low.timeNs);
}
