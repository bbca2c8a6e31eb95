/** Who asks whom, and how the requests fared: all are counted, those that tell most are put into words. */
import type { Place } from '../trace/frame.ts';
import { Family, type RequestKind, requestKind } from './kind.ts';
import type { FailedExchange, Losses } from './losses.ts';
import type { FailureGroup, PairSummary } from './summary.ts';
import type { Survey } from './survey.ts';
import { type Ends, echoOf, type Words } from './words.ts';

const MOST_PAIRS = 2_000;

export interface Pairs {
  readonly shown: PairSummary[];
  readonly count: number;
  readonly requests: number;
  readonly answered: number;
}

/** All are counted; those that failed, and then those that asked most, are put into words. */
export function pairsOf(
  survey: Survey,
  losses: Losses,
  words: Words,
  wanted: (ends: Ends) => boolean,
  all: boolean,
): Pairs {
  const failed = new Map<number, FailedExchange[]>();
  for (const request of survey.open) {
    const list = failed.get(request.flow);
    const failure = losses.failure(request);
    if (list) list.push(failure);
    else failed.set(request.flow, [failure]);
  }
  const asking: number[] = [];
  const { flows } = survey;
  let [count, requests, answered] = [0, 0, 0];
  for (let id = 0; id < flows.size; id++) {
    if (flows.requests(id) === 0 || requestKind(flows.family(id)) === undefined) continue;
    if (!all && !wanted(words.ends(id))) continue;
    count++;
    requests += flows.requests(id);
    answered += flows.answered(id);
    asking.push(id);
  }
  const odd = (id: number) =>
    flows.requests(id) > flows.answered(id) || survey.unheeded.has(id) || flows.furtherReplies(id) > 0;
  const order = (a: number, b: number) =>
    flows.requests(b) - flows.answered(b) - (flows.requests(a) - flows.answered(a)) ||
    Number(odd(b)) - Number(odd(a)) ||
    flows.requests(b) - flows.requests(a);
  const least = leastOfMost(asking, (id) => flows.requests(id));
  const chosen = asking.filter((id) => flows.requests(id) >= least || odd(id)).sort(order);
  const shown = chosen.slice(0, MOST_PAIRS).flatMap((id) => {
    const flow = flows.get(id);
    const kind = requestKind(flow.family);
    if (kind === undefined) return [];
    const [way] = flow.ways;
    return [
      {
        kind,
        ...words.ends(id),
        ...(way === undefined ? {} : { begins: words.reading.place(survey.ways.way(way).first) }),
        requests: flow.requests,
        answered: flow.answered,
        furtherReplies: flow.furtherReplies,
        ...(flow.rttNs === undefined ? {} : { rttNs: flow.rttNs }),
        failures: groupFailures(failed.get(id) ?? [], kind, words),
        unheeded: survey.unheeded.get(id) ?? 0,
        retried: survey.retried.get(id) ?? 0,
        ...passesTo(survey, losses, words, id),
      },
    ];
  });
  return { shown, count, requests, answered };
}

/** The size that at most `MOST_PAIRS` items reach, so that the few large ones of very many are found without sorting all. */
function leastOfMost(items: readonly number[], size: (item: number) => number): number {
  const SIZES = 1 << 10;
  const counts = new Uint32Array(SIZES);
  for (const item of items) {
    const at = Math.min(size(item), SIZES - 1);
    counts[at] = (counts[at] ?? 0) + 1;
  }
  let least = SIZES - 1;
  for (let sum = counts[least] ?? 0; least > 0 && sum + (counts[least - 1] ?? 0) <= MOST_PAIRS; )
    sum += counts[--least] ?? 0;
  return least;
}

/**
 * Where replies go on to behind the asker's place. A device below it, which the requests pass as well, is none. Captures that were not
 * made at one time show no packet at two places: then it is the place that saw replies only.
 */
function passesTo(survey: Survey, losses: Losses, words: Words, id: number): { passesTo?: Place; begins?: undefined } {
  const { family, ways, backWays, answered, requests } = survey.flows.get(id);
  if (answered === 0 || family === Family.echo) return {};
  const requested = new Set(ways.flatMap((way) => survey.ways.way(way).places));
  const begins = survey.ways.way(ways[0] ?? 0).first;
  const back = backWays.map((way) => survey.ways.way(way));
  for (const { id: way, group } of back) {
    const order = losses.order(way);
    const next = group ? undefined : order[order.indexOf(begins) + 1];
    if (order.includes(begins) && next !== undefined && !requested.has(next))
      return { passesTo: words.reading.place(next) };
  }
  const joined = [...ways.map((way) => survey.ways.way(way)), ...back].some(({ places }) => places.length > 1);
  const alone = back.find(({ group, first }) => !group && !requested.has(first));
  if (joined || !alone || requests < 2 || requested.size < 2) return {};
  return { passesTo: words.reading.place(alone.first), begins: undefined };
}

function groupFailures(failed: readonly FailedExchange[], kind: RequestKind, words: Words): FailureGroup[] {
  const groups = new Map<string, FailedExchange[]>();
  for (const failure of failed) {
    const { failure: how, last, gap, request } = failure;
    const { type = 0, code = 0, from = 0 } = request.error ?? {};
    const key = `${how} ${last} ${gap?.next ?? -1} ${from} ${type} ${code}`;
    const group = groups.get(key);
    if (group) group.push(failure);
    else groups.set(key, [failure]);
  }
  const made = [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const { failure, last, gap, request } = first;
    return [
      {
        failure,
        last: words.reading.place(last),
        ...(gap === undefined ? {} : { next: words.reading.place(gap.next), basis: gap.basis }),
        ...(request.error === undefined ? {} : { error: words.error(request.error) }),
        requests: group.length,
        example: {
          ...words.reading.frame(request.frame),
          timeNs: words.reading.time(request.ns),
          ...(kind === 'echo' ? echoOf(request.echo) : {}),
        },
      },
    ];
  });
  return made.sort((a, b) => b.requests - a.requests);
}
