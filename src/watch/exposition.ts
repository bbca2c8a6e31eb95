/**
 * Counters for Prometheus: its text exposition format, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). The number of series is bounded: traffic must not be able to fill a database.
 */
import { printable } from '../report/printable.ts';
import type { DropCount } from '../trace/drop-tally.ts';
import type { LiveHop } from './hops.ts';
import type { Names } from './names.ts';
import { newPair, type Pair } from './pairs.ts';

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
/** Pairs, hops and kinds of drops that have series of their own: the first ones seen. */
export const MOST_PAIR_SERIES = 500;
export const MOST_HOP_SERIES = 500;
const MOST_DROP_SERIES = 200;
const MOST_RULE_SERIES = 200;
const MOST_LABEL = 200;

export interface Figures extends Names {
  readonly seconds: number;
  readonly pairs: readonly Pair[];
  readonly hops: readonly LiveHop[];
  readonly drops: readonly DropCount[];
  readonly findingCounts: ReadonlyMap<string, number>;
  readonly findings: readonly { readonly finding: { readonly rule: string }; readonly over: boolean }[];
  readonly places: readonly unknown[];
  readonly frames: number;
  readonly lost: number;
  readonly givenUp: number;
}

type Labels = Readonly<Record<string, string>>;

/** The whole page, ending in a newline. */
export function exposition(figures: Figures): string {
  const page = new Page();
  const pairs = bounded(figures.pairs);
  const pairLabels = ({ kind, source, target }: Pair) => ({ kind, source, target });
  page.family('vdiag_requests_total', 'counter', 'Requests that came to their end, answered or not.', pairs, (pair) => [
    [pairLabels(pair), pair.requests],
  ]);
  page.family(
    'vdiag_answered_total',
    'counter',
    'Requests whose reply came back to where they began.',
    pairs,
    (pair) => [[pairLabels(pair), pair.answered]],
  );
  page.family('vdiag_refused_total', 'counter', 'Requests that an ICMP error came for instead.', pairs, (pair) => [
    [pairLabels(pair), pair.refused],
  ]);
  page.summary('vdiag_round_trip_seconds', 'Round trips where the requests began.', pairs, (pair) => [
    pairLabels(pair),
    pair.rttSumNs / 1e9,
    pair.answered,
  ]);
  const hops = figures.hops.slice(0, MOST_HOP_SERIES);
  const hopLabels = ({ from, to }: LiveHop) => ({ from: figures.placeName(from), to: figures.placeName(to) });
  page.family('vdiag_hop_lost_total', 'counter', 'Packets not sighted where others went on to.', hops, (hop) => [
    [hopLabels(hop), hop.lost],
  ]);
  page.summary('vdiag_hop_latency_seconds', 'From one place to the next.', hops, (hop) => [
    hopLabels(hop),
    hop.sumNs / 1e9,
    hop.packets,
  ]);
  const rules = [...figures.findingCounts].slice(0, MOST_RULE_SERIES);
  page.family('vdiag_findings_total', 'counter', 'Findings that became certain, by rule.', rules, ([rule, count]) => [
    [{ rule }, count],
  ]);
  page.family('vdiag_findings_active', 'gauge', 'Findings that are not over, by rule.', rules, ([rule]) => [
    [{ rule }, figures.findings.filter(({ finding, over }) => finding.rule === rule && !over).length],
  ]);
  page.family(
    'vdiag_kernel_drops_total',
    'counter',
    'Packets the kernel dropped at interfaces of these names, ordinary drops left out.',
    figures.drops.slice(0, MOST_DROP_SERIES),
    ({ reason, function: where, device = '', count }) => [[{ reason, function: where, device }, count]],
  );
  const single = (name: string, type: 'counter' | 'gauge', help: string, value: number) =>
    page.family(name, type, help, [value], () => [[{}, value]]);
  single('vdiag_frames_total', 'counter', 'Frames taken.', figures.frames);
  single('vdiag_frames_lost_total', 'counter', 'Frames the kernel had no room for.', figures.lost);
  single('vdiag_exchanges_unknown_total', 'counter', 'Exchanges whose end is not known.', figures.givenUp);
  single('vdiag_interfaces', 'gauge', 'Interfaces that are listened to.', figures.places.length);
  single('vdiag_watch_seconds', 'gauge', 'How long it has been watched.', figures.seconds);
  return page.text();
}

/** The first pairs, and all others of a kind together. */
function bounded(pairs: readonly Pair[]): Pair[] {
  if (pairs.length <= MOST_PAIR_SERIES) return [...pairs];
  const others = new Map<string, Pair>();
  for (const pair of pairs.slice(MOST_PAIR_SERIES)) {
    const sum = others.get(pair.kind) ?? newPair(pair.kind, 'other', 'other');
    others.set(pair.kind, sum);
    sum.requests += pair.requests;
    sum.answered += pair.answered;
    sum.refused += pair.refused;
    sum.rttSumNs += pair.rttSumNs;
  }
  return [...pairs.slice(0, MOST_PAIR_SERIES), ...others.values()];
}

class Page {
  readonly #lines: string[] = [];

  family<T>(
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    items: readonly T[],
    samples: (item: T) => [Labels, number][],
  ): void {
    this.#head(name, type, help);
    const told = new Set<string>();
    for (const [labels, value] of items.flatMap(samples)) this.#sample(name, labels, value, told);
  }

  /** A summary without quantiles: how often, and how long together. */
  summary<T>(name: string, help: string, items: readonly T[], sample: (item: T) => [Labels, number, number]): void {
    this.#head(name, 'summary', help);
    const told = new Set<string>();
    for (const item of items) {
      const [labels, sum, count] = sample(item);
      this.#sample(`${name}_sum`, labels, sum, told);
      this.#sample(`${name}_count`, labels, count, told);
    }
  }

  text(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  #head(name: string, type: string, help: string): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  /** Each series may come once: two places may be called the same. */
  #sample(name: string, labels: Labels, value: number, told: Set<string>): void {
    const written = Object.entries(labels).map(([label, text]) => `${label}="${labelValue(text)}"`);
    const series = written.length === 0 ? name : `${name}{${written.join(',')}}`;
    if (told.has(series)) return;
    told.add(series);
    this.#lines.push(`${series} ${Number.isFinite(value) ? value : 0}`);
  }
}

/** Backslash, quote and line feed are escaped; what else a terminal or a log must not meet is made visible before. */
export function labelValue(text: string): string {
  return printable(text.slice(0, MOST_LABEL), true)
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n');
}
