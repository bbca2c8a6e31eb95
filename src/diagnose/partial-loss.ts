/** Some probes were answered and some were not: which, where the others ended, and what that looks like in time. */
import { isAnswer, isAsk, type Leg, type Path } from '../path/model.ts';
import type { NetnsId } from '../topology/model.ts';
import { type EchoExchange, type Exchange, isAnswered, type ResolutionExchange } from '../trace/exchange.ts';
import type { Coverage, Place } from '../trace/frame.ts';
import { sightingAt, startNs } from '../trace/journey.ts';
import type { Figures, Milestone, Passage } from './hops.ts';

export interface PartialLoss {
  /** Probes that were answered or lost: those whose reply may still have been under way are left out. */
  readonly sent: number;
  readonly answered: readonly EchoExchange[];
  readonly lost: readonly EchoExchange[];
  /** Those of the lost that ended where most did. */
  readonly here: readonly EchoExchange[];
  /** One of those, behind an answered one where there is such. */
  readonly example: EchoExchange;
  /** Where they were last sighted, and where they should have come next; absent: sighted nowhere. */
  readonly last?: Milestone;
  readonly next?: Milestone;
  readonly pattern: LossPattern;
  /** Between these it changed, where it changed once: since the first probe was sent, nanoseconds. */
  readonly turned?: { readonly afterNs: bigint; readonly byNs: bigint };
}

/**
 * `healed`: the first ones, and no other. `begun`: the last ones, and no other. `gap`: several in a row in between.
 * `single`: only one. `spread`: here and there.
 */
export type LossPattern = 'healed' | 'begun' | 'gap' | 'single' | 'spread';

/** A reply later than this many times the slowest one so far is not to be waited for any more. */
const PATIENCE = 2;
/** The kernel asks again after this (neigh retrans_time_ms). */
const ASKED_ONCE_NS = 1_000_000_000n;
const LEAST_PATIENCE_MS = 50;
/** Of both kinds, before a change is seen in what may be chance. */
const LEAST_BEFORE_AND_AFTER = 2;

/** Undefined where all probes met the same fate. */
export function partialLoss({ milestones, passages }: Figures, coverage: Coverage): PartialLoss | undefined {
  const answered = passages.filter(({ exchange }) => isAnswered(exchange));
  const unanswered = passages.filter(({ exchange }) => !isAnswered(exchange));
  const patienceNs = patience(answered);
  const open = unanswered.filter(({ sentNs }) => coverage.untilNs - sentNs < patienceNs);
  // What most of them have not got cannot be called on its way.
  const lost = open.length > answered.length ? unanswered : unanswered.filter((passage) => !open.includes(passage));
  if (answered.length === 0 || lost.length === 0) return undefined;
  const groups = new Map<number, Passage[]>();
  for (const passage of lost) {
    const at = passage.times.findLastIndex((time) => time !== undefined);
    groups.set(at, [...(groups.get(at) ?? []), passage]);
  }
  const [[reached, here] = [-1, lost]] = [...groups].sort(([, a], [, b]) => b.length - a.length);
  const firstAnswered = answered[0]?.sentNs ?? 0n;
  const example = (here.find(({ sentNs }) => sentNs > firstAnswered) ?? here[0])?.exchange;
  if (!example) return undefined;
  const [last, next] = [milestones[reached], milestones[reached + 1]];
  const settled = [...answered, ...lost].sort((a, b) => (a.sentNs < b.sentNs ? -1 : 1));
  return {
    sent: settled.length,
    answered: answered.map(({ exchange }) => exchange),
    lost: lost.map(({ exchange }) => exchange),
    here: here.map(({ exchange }) => exchange),
    example,
    ...(last === undefined ? {} : { last }),
    ...(next === undefined ? {} : { next }),
    ...patternOf(settled),
  };
}

/** The reply of a probe that was sent just before the end need not have come. Nanoseconds. */
function patience(answered: readonly Passage[]): bigint {
  const ordinary = answered.filter((passage) => !waited(passage));
  const slowestMs = Math.max(0, ...ordinary.map(roundTripMs));
  return BigInt(Math.round(Math.max(LEAST_PATIENCE_MS, PATIENCE * slowestMs) * 1e6));
}

/** From sending to the reply's arrival, milliseconds; 0 where there was none. */
export function roundTripMs({ exchange, sentNs, times }: Passage): number {
  const timeNs = exchange.probe?.replies[0]?.timeNs ?? times.findLast((time) => time !== undefined);
  return timeNs === undefined ? 0 : Number(timeNs - sentNs) / 1e6;
}

/** Somebody had to ask for a hardware address meanwhile: what that took is no slowness of the way. */
export function waited({ exchange, sentNs, times }: Passage): boolean {
  const until = exchange.probe?.replies[0]?.timeNs ?? times.findLast((time) => time !== undefined) ?? sentNs;
  return exchange.resolutions.some(({ request, replies }) => {
    const [answer] = replies;
    return startNs(request) <= until && (answer === undefined || startNs(answer) >= sentNs);
  });
}

function patternOf(passages: readonly Passage[]): Pick<PartialLoss, 'pattern' | 'turned'> {
  const fates = passages.map(({ exchange }) => isAnswered(exchange));
  const turns = fates.flatMap((fate, index) => (index > 0 && fate !== fates[index - 1] ? [index] : []));
  const [turn = 0] = turns;
  const first = passages[0]?.sentNs ?? 0n;
  const lost = fates.filter((fate) => !fate).length;
  if (lost === 1) return { pattern: 'single' };
  if (turns.length === 1 && fates.length - lost >= LEAST_BEFORE_AND_AFTER)
    return {
      pattern: fates[0] === true ? 'begun' : 'healed',
      turned: {
        afterNs: (passages[turn - 1]?.sentNs ?? first) - first,
        byNs: (passages[turn]?.sentNs ?? first) - first,
      },
    };
  return { pattern: turns.length === 2 && fates[0] === true ? 'gap' : 'spread' };
}

/** "4 of 10 probes were lost, 3, 5, 7 and 9: …": a sentence. */
export function patternText({ lost, sent, pattern, turned }: PartialLoss): string {
  const numbers = numbersText(lost.map(({ sequence }) => sequence));
  const count = `${lost.length} of ${sent} probes ${lost.length === 1 ? 'was' : 'were'} lost`;
  const seconds = (ns: bigint) => `${(Number(ns) / 1e9).toFixed(1)} s`;
  switch (pattern) {
    case 'healed':
      return `${count}, the first ones (${numbers}). It healed by itself between ${seconds(turned?.afterNs ?? 0n)} and ${seconds(turned?.byNs ?? 0n)} after the first probe: all later ones were answered.`;
    case 'begun':
      return `${count}, the last ones (${numbers}). It began between ${seconds(turned?.afterNs ?? 0n)} and ${seconds(turned?.byNs ?? 0n)} after the first probe: all earlier ones were answered.`;
    case 'gap':
      return `${count}, one after the other (${numbers}), and those before and after them were answered: an interruption.`;
    case 'single':
      return `${count}, number ${numbers}; the others were answered.`;
    case 'spread':
      return `${count} (${numbers}), with answered ones in between.`;
    default:
      return pattern satisfies never;
  }
}

/** "1 to 3, 7 and 9" */
export function numbersText(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const range = ranges.at(-1);
    if (range && range[1] + 1 === number) range[1] = number;
    else ranges.push([number, number]);
  }
  const texts = ranges.map(([from, to]) =>
    from === to ? `${from}` : to === from + 1 ? `${from} and ${to}` : `${from} to ${to}`,
  );
  const shown = texts.length > 6 ? [...texts.slice(0, 5), '…'] : texts;
  return shown.join(', ');
}

/** The question for a hardware address that these probes waited for where they were lost, and that was answered later. */
export function waitsFor(
  exchanges: readonly Exchange[],
  lost: readonly EchoExchange[],
  netns: NetnsId,
): { readonly asker: Place; readonly target: string } | undefined {
  const first = lost[0];
  const since = first && (first.probe?.sentNs ?? (first.request && startNs(first.request)));
  const last = lost.at(-1);
  const until = last && (last.probe?.sentNs ?? (last.request && startNs(last.request)));
  // Asked again, it is more than a short queue: somebody did not answer.
  if (since !== undefined && until !== undefined && until - since > ASKED_ONCE_NS) return undefined;
  if (since === undefined || until === undefined) return undefined;
  for (const exchange of exchanges) {
    if (exchange.kind === 'echo') continue;
    const asker = exchange.request.sightings[0]?.frame;
    const [answer] = exchange.replies;
    if (!asker || !answer || asker.place.netns !== netns || asker.direction !== 'out') continue;
    if (asker.timeNs >= since && startNs(answer) >= until && isHeard(exchange))
      return { asker: asker.place, target: exchange.targetProtocol };
  }
  return undefined;
}

/** An answer came to who had asked. */
function isHeard({ request, replies }: ResolutionExchange): boolean {
  const asker = request.sightings[0]?.frame.place;
  return asker !== undefined && replies.some((reply) => sightingAt(reply, asker, 'in') !== undefined);
}

/** The way of this probe: whoever was asked for an address before it was sent, and heard the answer, did not ask again for it. */
export function withoutAnswered(path: Path, exchanges: readonly Exchange[], { request }: EchoExchange): Path {
  if (!request) return path;
  const sentNs = startNs(request);
  const known = exchanges.filter(
    (exchange): exchange is ResolutionExchange =>
      exchange.kind !== 'echo' && isHeard(exchange) && exchange.replies.some((reply) => startNs(reply) < sentNs),
  );
  const isKnown = ({ kind, asker, destination }: Leg) =>
    (isAsk(kind) || isAnswer(kind)) &&
    asker !== undefined &&
    known.some(
      (exchange) => exchange.targetProtocol === destination && sightingAt(exchange.request, asker, 'out') !== undefined,
    );
  return { ...path, legs: path.legs.filter((leg) => !isKnown(leg)) };
}

/**
 * The exchanges as they were when this probe was lost: had an address been answered while it waited for it, it would have gone on.
 */
export function asOf(exchanges: readonly Exchange[], example: EchoExchange): Exchange[] {
  const way = [...(example.request ? [example.request] : []), ...example.replies];
  const lastNs = way.at(-1)?.sightings.at(-1)?.frame.timeNs ?? example.probe?.sentNs;
  return exchanges.filter((exchange) => {
    if (exchange.kind === 'echo' || lastNs === undefined || !isHeard(exchange)) return true;
    const [answer] = exchange.replies;
    return answer === undefined || startNs(answer) <= lastNs;
  });
}
