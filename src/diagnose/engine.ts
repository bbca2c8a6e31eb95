/**
 * The diagnosis: the first place where the packet should have been sighted and was not, the first gate before it that stops,
 * the rule that names it, and what would stop the packet next once that is cured.
 */
import { type EchoQuery, expectPath } from '../path/expect.ts';
import { type Gate, gateKey } from '../path/gate.ts';
import { isAnswer, type Leg, type Path, type Step } from '../path/model.ts';
import type { Rulesets } from '../path/ruleset.ts';
import type { Topology } from '../topology/model.ts';
import { placeName } from '../topology/naming.ts';
import { linkOf } from '../topology/query.ts';
import type { Drop } from '../trace/drop.ts';
import { type EchoExchange, type Exchange, isAnswered } from '../trace/exchange.ts';
import type { Coverage } from '../trace/frame.ts';
import type { KernelLife } from '../trace/kernel-life.ts';
import { kernelWays } from '../trace/kernel-way.ts';
import type { RuleTraceRecord } from '../trace/rule-trace.ts';
import type { Sighting } from '../trace/sighting.ts';
import { findingOf, firstClaim, type Shared } from './answer.ts';
import { confidenceOf } from './evidence.ts';
import { gateAsPassed, hasBegun, hasHealed, isCuredBy, isExcused, isUnexplained, withFates } from './fates.ts';
import { asCounted } from './filter-counters.ts';
import type { Diagnosis, Finding, Outcome } from './finding.ts';
import { figuresOf, hopsOf } from './hops.ts';
import { confirms, dropEvidence, kernelWord } from './kernel-word.ts';
import { nextCauses } from './next-causes.ts';
import { asOf, partialLoss, withoutAnswered } from './partial-loss.ts';
import { RULES } from './registry.ts';
import type { Context, Rule, Situation } from './rule.ts';
import { seenOf } from './seen-of.ts';
import { changesOn } from './state-changes.ts';
import { isTraced, tracedPath } from './traced-rules.ts';
import { NO_TRIAL, trial } from './trial.ts';
import { follow, gatesBetween, isCovered, journeysOf, type Progress, strayed, type Walked } from './walk.ts';

export interface DiagnosisInput {
  readonly query: EchoQuery;
  readonly before: Topology;
  readonly after?: Topology;
  readonly exchanges: readonly Exchange[];
  readonly coverage: Coverage;
  /** What the kernel dropped of these packets; absent where it could not be read. */
  readonly drops?: readonly Drop[];
  /** Ways of packets through this machine's devices, as the kernel reported them. */
  readonly lives?: readonly KernelLife[];
  /** The packet filter rules that they met, as the kernel told it; absent where it was not asked for. */
  readonly ruleTrace?: RuleTraceRecord;
  readonly rules?: readonly Rule[];
}

export function diagnose(input: DiagnosisInput): Diagnosis {
  const { before, exchanges, coverage, rules = RULES } = input;
  const echoes = exchanges.filter((exchange): exchange is EchoExchange => exchange.kind === 'echo');
  const answered = echoes.find(isAnswered);
  const rulesets: Rulesets = new WeakMap();
  const lookAt = (topology: Topology, one: EchoExchange | undefined) => {
    const established = echoes.slice(0, one ? echoes.indexOf(one) : 0).some(isAnswered);
    const query = { ...input.query, ...seenOf(one), rulesets, established };
    return { topology, query, path: expectPath(topology, query) };
  };
  // Where some were answered, those show the way.
  const way = lookAt(before, answered ?? echoes[0]);
  const figures = echoes.length > 0 ? figuresOf(way.path, echoes, coverage) : undefined;
  const partial = figures && partialLoss(figures, coverage);
  const unanswered = partial ? partial.example : answered ? undefined : echoes[0];
  const example = unanswered ?? answered;
  const looked = partial ? lookAt(before, example) : way;
  const { query } = looked;
  const traced = input.ruleTrace && { record: input.ruleTrace, topology: before, rulesets, example };
  const expected = tracedPath(looked.path, traced);
  const path = partial ? withoutAnswered(expected, exchanges, partial.example) : expected;
  // What was refused with an error went no further: whoever was asked for then was asked for later probes.
  const refused = unanswered && (unanswered.errors.length > 0 || unanswered.probe?.error?.icmp !== undefined);
  // One that never left has been told that its own question was not answered, as its sender sees it: an answer may be on the wire.
  const ended = partial?.example ?? (refused && unanswered.request ? unanswered : undefined);
  const seen = ended ? asOf(exchanges, ended) : exchanges;
  const progress = follow(path, example, seen, before, input.drops);
  const then = input.after && example ? lookAt(input.after, example) : undefined;
  const changes = then && changesOn(before, then.topology, [path, then.path]);
  const kernel = input.lives && example && kernelWays(input.lives, { example, exchanges, places: coverage.places });
  const shared = {
    query,
    topology: before,
    path,
    exchanges,
    coverage,
    rules,
    ...optional({ after: input.after, example, kernel, figures, partial, traced }),
    ...(changes && changes.length > 0 ? { changes } : {}),
  };

  const first = unanswered ? causesOf({ ...input, query }, shared, progress, rules) : [];
  const later =
    unanswered && then && isUnexplained(first) && hasBegun(path, then.path, shared)
      ? causesOf(
          { ...input, query: then.query, before: then.topology },
          { ...shared, query: then.query, topology: then.topology, path: then.path },
          follow(then.path, example, seen, then.topology, input.drops),
          rules,
        )
      : [];
  const causes = (isUnexplained(later) ? first : later).map((finding) => withFates(finding, shared));
  const overall = rules.flatMap((rule) => {
    const context: Context = { ...shared, situation: { kind: 'overall' }, ...NO_TRIAL };
    const claim = rule.evaluate(context);
    return claim ? [findingOf(rule, claim, context)] : [];
  });
  const findings = [...causes, ...overall.filter((finding) => !isCuredBy(causes[0], finding))];
  return {
    outcome: outcomeOf(findings, unanswered !== undefined && !isExcused(causes), echoes.length),
    findings,
    path,
    exchanges,
    coverage,
    before,
    ...optional({ after: input.after, example, drops: input.drops, kernel, ruleTrace: input.ruleTrace }),
    ...(unanswered ? { vanished: vanishedAt(progress) } : {}),
    ...(figures ? { hops: hopsOf(figures) } : {}),
    ...(changes && changes.length > 0 ? { changes } : {}),
  };
}

function causesOf(input: DiagnosisInput, shared: Shared, progress: Progress, rules: readonly Rule[]): Finding[] {
  const { query, before, coverage } = input;
  const word = kernelWord(input.drops ?? [], progress, shared.example, shared.exchanges);
  const between = gatesBetween(progress).map((each) => ({
    ...each,
    gate: isTraced(each.gate) ? each.gate : gateAsPassed(asCounted(each.gate, before, input.after), shared, word),
  }));
  const stopping = between.filter(({ gate, leg }) => stops(gate, progress, leg, shared));
  // What the kernel said outranks the model: a gate that cannot have dropped it so is not named.
  const told = stopping.find(({ gate }) => isTraced(gate));
  const stop =
    told ??
    (word
      ? (stopping.find(({ gate }) => confirms(word, gate) === 'yes') ??
        stopping.find(({ gate }) => confirms(word, gate) === 'open'))
      : stopping[0]);
  // A wrong neighbour entry, a tunnel's wrong entry, or a second station of the same address, sends the packet elsewhere: then that is no surprise.
  const expected = told !== undefined || (stop !== undefined && MISLEADS.has(stop.gate.kind));
  const stray = expected ? undefined : strayed(progress, shared.example);
  if (stray) return lostElsewhere(shared, rules, stray, input.drops ?? []);
  const last = progress.steps[progress.reached];
  const missing = progress.missing === undefined ? undefined : progress.steps[progress.missing];
  const leg = stop?.leg ?? missing?.leg ?? last?.leg ?? shared.path.legs[0];
  if (!leg) return [];
  const around = { leg, ...optional({ last: last?.step, missing: missing?.step }) };
  // What was sighted outranks the model: gates it has passed are no longer asked about.
  const overruled = new Set(
    progress.steps.flatMap(({ step, made }) => (made && step.kind === 'gate' ? [gateKey(step.gate)] : [])),
  );

  if (stop) {
    const context: Context = {
      ...shared,
      ...optional({ drop: word }),
      situation: { kind: 'stopped', gate: stop.gate, blocks: 'now', ...around },
      ...trial(before, query, stop.gate, overruled),
    };
    const answer = firstClaim(rules, context);
    if (answer) {
      const undecided = between.slice(0, between.indexOf(stop)).some(({ gate }) => gate.verdict === 'unknown');
      const confirmed = told ?? (word && stop.gate.verdict === 'stop' && confirms(word, stop.gate) === 'yes');
      // That it stops no more is why later probes were answered.
      const { after: _, ...then } = context;
      const judged = hasHealed(stop.gate, shared) ? then : context;
      const confidence = confirmed ? 'proven' : confidenceOf(judged, progress, stop.gate, undecided);
      const finding = findingOf(answer.rule, { confidence, ...answer.claim }, context, progress);
      return [finding, ...nextCauses(input, shared, rules, overruled, stop.gate, answer)];
    }
  }
  const undecided = between
    .filter(({ gate }) => gate.verdict !== 'pass' && (!word || confirms(word, gate) !== 'no'))
    .map(({ gate }) => gate);
  // Where the kernel says that it dropped it, nobody needs to have listened behind that.
  const covered =
    word !== undefined || (isAbsenceProven(coverage, shared.path, missing) && !undecided.some(leavesMachine));
  const dropped = shared.path.legs.find(({ kind }) => kind === word?.packet);
  const context: Context = {
    ...shared,
    ...optional({ drop: word }),
    situation: { kind: 'lost', covered, undecided, ...around, leg: dropped ?? lostLeg(last, missing) ?? leg },
    ...NO_TRIAL,
  };
  const answer = firstClaim(rules, context);
  return answer ? [findingOf(answer.rule, answer.claim, context, progress)] : [];
}

const MISLEADS: ReadonlySet<Gate['kind']> = new Set(['neighbour', 'twin', 'vxlan']);

/** Whether somebody answers is left to devices whose other end cannot be listened to from here. */
function leavesMachine(gate: Gate): boolean {
  return gate.kind === 'owner' && gate.outside.length > 0;
}

/** The place where it should have come next was listened to; the probing socket always is. */
function isAbsenceProven(coverage: Coverage, path: Path, missing: Walked | undefined): boolean {
  if (missing === undefined) return path.end !== 'leaves';
  return missing.step.kind !== 'place' || isCovered(coverage, missing.step.place);
}

/** The packet went where the model does not follow: sightings alone say where it was last. */
function lostElsewhere(
  shared: Shared,
  rules: readonly Rule[],
  { frame, kind }: Sighting,
  drops: readonly Drop[],
): Finding[] {
  const legKind = kind === 'echo-reply' ? 'echo-reply' : 'echo-request';
  const { source, destination } = shared.example ?? { source: '', destination: shared.query.destination };
  const leg: Leg = { kind: legKind, source, destination, steps: [] };
  const last: Step = { kind: 'place', place: frame.place, direction: 'in' };
  const situation: Situation = { kind: 'lost', covered: true, undecided: [], leg, last };
  const context: Context = { ...shared, situation, ...NO_TRIAL };
  const answer = firstClaim(rules, context);
  const evidence = {
    kind: 'sighting' as const,
    text: `the packet was last sighted at ${placeName(shared.topology, frame.place)}, which is not on the way the routes and tables name`,
    place: frame.place,
    timeNs: frame.timeNs,
  };
  const word = drops.find((drop) => drop.sure && drop.after?.frame === frame);
  const said = word ? [dropEvidence(word, shared.topology)] : [];
  return answer
    ? [findingOf(answer.rule, { confidence: 'possible', ...answer.claim, evidence: [evidence, ...said] }, context)]
    : [];
}

/** Whose loss it is: the packet that was sighted last, unless it had arrived and another one waited for it. */
function lostLeg(last: Walked | undefined, missing: Walked | undefined): Leg | undefined {
  const delivered =
    last !== undefined && isAnswer(last.leg.kind) && missing !== undefined && missing.legIndex !== last.legIndex;
  return last === undefined || delivered ? missing?.leg : last.leg;
}

/** A gate that stops; also one that is left to others outside this machine, when nobody was sighted answering. */
function stops(gate: Gate, progress: Progress, leg: Leg, { exchanges, topology }: Shared): boolean {
  // Whatever the model knows of owners: an answer was sighted.
  if (gate.kind === 'owner' && journeysOf({ ...leg, kind: 'arp-reply' }, undefined, exchanges).length > 0) return false;
  if (gate.verdict === 'stop') return true;
  // The other end of a veth is on this machine: in a namespace that may not be entered, and nobody knows what is there.
  const hidden = gate.kind === 'owner' && gate.outside.some((place) => linkOf(topology, place)?.kind === 'veth');
  return gate.kind === 'owner' && gate.verdict === 'unknown' && progress.missing === undefined && !hidden;
}

function outcomeOf(findings: readonly Finding[], lost: boolean, echoes: number): Outcome {
  if (findings.some(({ rule }) => rule === 'not-captured')) return 'inconclusive';
  if (lost || findings.some(({ severity }) => severity !== 'note')) return 'fault';
  return echoes === 0 ? 'inconclusive' : 'healthy';
}

function vanishedAt(progress: Progress): NonNullable<Diagnosis['vanished']> {
  const last = progress.steps[progress.reached];
  const missing = progress.missing === undefined ? undefined : progress.steps[progress.missing];
  const placeOf = (step: typeof last) =>
    step?.step.kind === 'place' || step?.step.kind === 'socket' ? step.step.place : undefined;
  return {
    leg: missing?.legIndex ?? last?.legIndex ?? 0,
    ...optional({ last: placeOf(last), missing: placeOf(missing) }),
  };
}

/** Leaves out what is undefined, as `exactOptionalPropertyTypes` asks. */
function optional<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const present: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const key of Object.keys(values) as (keyof T)[]) {
    const value = values[key];
    if (value !== undefined) present[key] = value as Exclude<T[typeof key], undefined>;
  }
  return present;
}
