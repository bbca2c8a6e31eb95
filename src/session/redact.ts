/** Runs, checks and maps that can be shown: redacted first, and diagnosed again from what is left. */
import type { Recording } from '../capfile/recording.ts';
import { runOf } from '../capfile/recording.ts';
import { guarded } from '../diagnose/own-rules.ts';
import { predict } from '../diagnose/predict.ts';
import { RULES } from '../diagnose/registry.ts';
import type { Rule } from '../diagnose/rule.ts';
import type { EchoQuery } from '../path/expect.ts';
import { replaceRecording } from '../redact/recording.ts';
import { createRedactor, type Redactor } from '../redact/redactor.ts';
import type { PathMtuReport, Report } from '../report/report.ts';
import type { Topology } from '../topology/model.ts';
import type { PingTraceRun } from './ping-trace.ts';
import { diagnoseRecorded } from './replay.ts';
import { targetOf } from './start.ts';

export interface Redacted<T> {
  readonly redacted: T;
  readonly redactor: Redactor;
  /** What the redaction cost, one line each; none where the report says the same as before. */
  readonly losses: readonly string[];
}

/** Everything that a recording's run may be known by. @param secret as `RedactorOptions.secret` */
export function redactorFor(recording: Recording, secret?: Uint8Array): Redactor {
  const { before, after } = recording;
  const { token, vxlanPorts } = runOf(recording);
  return createRedactor({
    topologies: after === undefined ? [before] : [before, after],
    ...(token === undefined ? {} : { tokens: [token] }),
    ...(vxlanPorts === undefined ? {} : { vxlanPorts }),
    ...(secret === undefined ? {} : { secret }),
  });
}

/**
 * A run with its report, its recording and its frames.
 * @param rules those of one's own that it was diagnosed with
 */
export function redactRun(
  run: PingTraceRun,
  rules: readonly Rule[] = [],
  redactor: Redactor = redactorFor(run.recording),
): Redacted<PingTraceRun> {
  const recording = replaceRecording(run.recording, redactor);
  const frames = run.frames.map((frame) => redactor.frame(frame));
  const { query, before } = recording;
  const own = rules.map((rule) => guarded(rule, () => {}));
  const report: Report = {
    ...run.report,
    target: targetOf(before, { interface: query.start.name, address: query.destination, netns: query.start.netns }),
    diagnosis: diagnoseRecorded(recording, frames, own.length === 0 ? undefined : [...own, ...RULES]),
    ...(run.report.pathMtu === undefined ? {} : { pathMtu: replacePathMtu(run.report.pathMtu, redactor) }),
  };
  return { redacted: { report, recording, frames }, redactor, losses: lossesOf(run.report, report) };
}

/** A check. @param query what it was asked */
export function redactCheck(report: Report, topology: Topology, query: EchoQuery): Redacted<Report> {
  const redactor = createRedactor({ topologies: [topology] });
  const replaced = redactor.topology(topology);
  const { interface: name, netns } = report.target;
  const start = redactor.place({ netns, name });
  const destination = redactor.address(query.destination);
  const asked: EchoQuery = {
    ...query,
    start,
    destination,
    ...(query.source === undefined ? {} : { source: redactor.address(query.source) }),
  };
  const made: Report = {
    ...report,
    target: targetOf(replaced, { interface: start.name, address: destination, netns: start.netns }),
    diagnosis: predict(asked, replaced),
  };
  return { redacted: made, redactor, losses: lossesOf(report, made) };
}

/** A cause may rest on what was replaced, such as a range of addresses: the reader is told. */
function lossesOf({ diagnosis: was }: Report, { diagnosis: is }: Report): string[] {
  const rules = (findings: Report['diagnosis']['findings']): string => findings.map(({ rule }) => rule).join(', ');
  if (was.outcome === is.outcome && rules(was.findings) === rules(is.findings)) return [];
  return [
    `redacted, it tells something else (${rules(is.findings) || is.outcome} instead of ${rules(was.findings) || was.outcome}): the cause rests on what was replaced`,
  ];
}

function replacePathMtu(measured: PathMtuReport, redactor: Redactor): PathMtuReport {
  const { limit, tooBig } = measured;
  return {
    ...measured,
    ...(limit === undefined
      ? {}
      : {
          limit: {
            ...limit,
            ...(limit.place === undefined ? {} : { place: redactor.place(limit.place) }),
            ...(limit.from === undefined ? {} : { from: redactor.address(limit.from) }),
          },
        }),
    ...(tooBig === undefined
      ? {}
      : {
          tooBig: {
            ...tooBig,
            ...(tooBig.last === undefined ? {} : { last: redactor.place(tooBig.last) }),
            ...(tooBig.missing === undefined ? {} : { missing: redactor.place(tooBig.missing) }),
          },
        }),
  };
}
