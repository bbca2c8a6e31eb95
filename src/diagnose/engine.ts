/**
 * The diagnosis: the first place where the packet should have been sighted and was not, the first gate before it that stops,
 * the rule that names it, and what would stop the packet next once that is cured.
 */
import { type EchoQuery, expectPath } from '../path/expect.ts';
import { type Gate, gateKey } from '../path/gate.ts';
import { isAnswer, type Leg, type Path, type Step } from '../path/model.ts';
import type { Topology } from '../topology/model.ts';
import { placeName } from '../topology/naming.ts';
import { linkOf, ownersOf } from '../topology/query.ts';
import type { Drop } from '../trace/drop.ts';
import { type EchoExchange, type Exchange, isAnswered, resolvedMac } from '../trace/exchange.ts';
import { type Coverage, placeKey } from '../trace/frame.ts';
import type { KernelLife } from '../trace/kernel-life.ts';
import { kernelWays } from '../trace/kernel-way.ts';
import type { Sighting } from '../trace/sighting.ts';
import { findingOf, firstClaim, type Shared } from './answer.ts';
import { confidenceOf } from './evidence.ts';
import type { Diagnosis, Finding, Outcome } from './finding.ts';
import { confirms, dropEvidence, kernelWord } from './kernel-word.ts';
import { nextCauses } from './next-causes.ts';
import { RULES } from './registry.ts';
import type { Context, Rule, Situation } from './rule.ts';
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
  readonly rules?: readonly Rule[];
}

export function diagnose(input: DiagnosisInput): Diagnosis {
  const { before, exchanges, coverage, rules = RULES } = input;
  const echoes = exchanges.filter((exchange): exchange is EchoExchange => exchange.kind === 'echo');
  const unanswered = echoes.find((exchange) => !isAnswered(exchange));
  const example = unanswered ?? echoes[0];
  const query = { ...input.query, ...seenOf(example, before, input.query.destination) };
  const path = expectPath(before, query);
  const progress = follow(path, example, exchanges, before);
  const kernel = input.lives && example && kernelWays(input.lives, { example, exchanges, places: coverage.places });
  const shared = {
    query,
    topology: before,
    path,
    exchanges,
    coverage,
    ...optional({ after: input.after, example, kernel }),
  };

  const causes = unanswered ? causesOf({ ...input, query }, shared, progress, rules) : [];
  const overall = rules.flatMap((rule) => {
    const context: Context = { ...shared, situation: { kind: 'overall' }, ...NO_TRIAL };
    const claim = rule.evaluate(context);
    return claim ? [findingOf(rule, claim, context)] : [];
  });
  const findings = [...causes, ...overall];
  return {
    outcome: outcomeOf(findings, unanswered !== undefined, echoes.length),
    findings,
    path,
    exchanges,
    coverage,
    before,
    ...optional({ after: input.after, example, drops: input.drops, kernel }),
    ...(unanswered ? { vanished: vanishedAt(progress) } : {}),
  };
}

/** What the sightings decide of the path: which next hops were taken, and what the request's source became. */
function seenOf(
  example: EchoExchange | undefined,
  topology: Topology,
  destination: string,
): Pick<EchoQuery, 'arrivedFrom' | 'leftBy' | 'answered'> {
  if (!example) return {};
  const journeys = [
    ...(example.request ? [example.request] : []),
    ...example.replies,
    ...example.resolutions.map(({ request }) => request),
  ];
  const left = journeys.flatMap(({ sightings }) => sightings).filter(({ frame }) => frame.direction === 'out');
  // Only at the target is every rewriting done.
  const targets = new Set(ownersOf(topology, destination).map(({ namespace }) => namespace.id));
  const last = example.request?.sightings.findLast(({ frame }) => targets.has(frame.place.netns));
  const arrivedFrom = last?.packet.ip?.source;
  return {
    leftBy: new Set(left.map(({ frame }) => placeKey(frame.place))),
    answered: firstAnswers(example),
    ...(arrivedFrom === undefined ? {} : { arrivedFrom }),
  };
}

function firstAnswers({ resolutions }: EchoExchange): Map<string, string> {
  const answered = new Map<string, string>();
  for (const { targetProtocol, replies } of resolutions) {
    const mac = resolvedMac(replies[0]);
    if (mac !== undefined && !answered.has(targetProtocol)) answered.set(targetProtocol, mac);
  }
  return answered;
}

function causesOf(input: DiagnosisInput, shared: Shared, progress: Progress, rules: readonly Rule[]): Finding[] {
  const { query, before, coverage } = input;
  const between = gatesBetween(progress);
  const word = kernelWord(input.drops ?? [], progress, shared.example, shared.exchanges);
  const stopping = between.filter(({ gate, leg }) => stops(gate, progress, leg, shared));
  // What the kernel said outranks the model: a gate that cannot have dropped it so is not named.
  const stop = word
    ? (stopping.find(({ gate }) => confirms(word, gate) === 'yes') ??
      stopping.find(({ gate }) => confirms(word, gate) === 'open'))
    : stopping[0];
  // A wrong neighbour entry, or a second station of the same address, sends the packet elsewhere: then that is no surprise.
  const stray =
    stop?.gate.kind === 'neighbour' || stop?.gate.kind === 'twin' ? undefined : strayed(progress, shared.example);
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
      const confirmed = word && stop.gate.verdict === 'stop' && confirms(word, stop.gate) === 'yes';
      const confidence = confirmed ? 'proven' : confidenceOf(context, progress, stop.gate, undecided);
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
