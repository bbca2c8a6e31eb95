/** Captures to findings: one pass over all frames, then a close look at what failed. */
import { readFileSync } from 'node:fs';
import { companionOf, loadTopologyCompanion } from '../capfile/companion.ts';
import { linkTypeName } from '../capfile/link-type.ts';
import type { CaptureFile } from '../capfile/open.ts';
import { loadRecording, placeOptionsOf, type Recording } from '../capfile/recording.ts';
import { readTextTally } from '../capfile/text-comment.ts';
import type { CaptureAnalysis, CaptureFinding, CaptureNote } from '../diagnose/analysis.ts';
import { sightedFindings } from '../diagnose/sighted/engine.ts';
import { VdiagError } from '../linux/error.ts';
import type { Report } from '../report/report.ts';
import { type Reading, type SurveySummary, summarise } from '../survey/summary.ts';
import { Survey } from '../survey/survey.ts';
import type { NetnsId, Topology } from '../topology/model.ts';
import type { Coverage } from '../trace/frame.ts';
import { CaptureSet } from './capture-set.ts';
import { closeLook } from './close-look.ts';
import { splitFrame } from './frame-number.ts';
import type { Moment } from './moment.ts';
import type { CaptureInput } from './source-place.ts';

export interface AnalyzeOptions {
  readonly captures: readonly CaptureInput[];
  /** The state of the machine, as `vdiag record` or `ping-trace -w` wrote it. Default: what stands beside a capture. */
  readonly topology?: string;
  /** Only exchanges between these two addresses. */
  readonly between?: readonly [string, string];
  /** Only frames between these. */
  readonly since?: Moment;
  readonly until?: Moment;
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** Replace addresses, hardware addresses and names before anything is told of them. */
  readonly redact?: boolean;
  /** Called now and then while frames are read. */
  readonly onProgress?: (progress: AnalyzeProgress) => void;
  /** Ends the reading early: what was read is analyzed. */
  readonly signal?: AbortSignal;
}

export interface AnalyzeProgress {
  readonly frames: number;
  /** Bytes read of all files; `ofBytes` is absent for a stream. */
  readonly bytes: number;
  readonly ofBytes?: number;
}

export interface AnalyzeResult {
  readonly analysis: CaptureAnalysis;
  /** Of a recorded run of ping-trace: its own report, made again from the files. */
  readonly run?: Report;
}

/** @throws VdiagError unreadable, usage */
export async function analyze(options: AnalyzeOptions): Promise<AnalyzeResult> {
  const state = readState(options);
  if (options.redact) return redacted(options, state);
  const set = await CaptureSet.open(options.captures, {
    ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
    ...(state === undefined ? {} : { topology: state.before, namespaces: state.namespaces }),
    ...(options.since === undefined ? {} : { since: options.since }),
    ...(options.until === undefined ? {} : { until: options.until }),
  });
  try {
    const survey = await surveyOf(set, options);
    const reading: Reading = {
      places: set.places.length,
      place: (index) => set.place(index),
      time: (ns) => set.time(ns),
      frame: (frame) => splitFrame(frame),
      together: set.together,
    };
    const summary = summarise(survey, reading, options.between);
    const captures = set.files.map((file, index) => noteOf(file, set.clocks[index]));
    // The model is loaded where there is a state to judge by.
    const run = state?.recording && (await (await import('./replay.ts')).replay(state.recording, set));
    const look = await closeLook(set, summary, state !== undefined);
    const findings =
      state === undefined
        ? sightedFindings(summary, look.cases)
        : (await import('./modelled.ts')).modelledFindings(
            state,
            summary,
            look.cases,
            coverageOf(state.coverage, set, summary),
            toldBy(run),
            run?.diagnosis.findings.map(({ rule }) => rule),
          );
    const gaps = [...set.files.flatMap((file) => textGaps(file)), ...look.gaps, ...gapsOf(summary, options)];
    const analysis: CaptureAnalysis = {
      outcome: outcomeOf(findings, summary, run),
      findings,
      captures,
      summary,
      basis: state === undefined ? 'sightings' : 'topology',
      ...(state === undefined ? {} : { topology: state.before }),
      gaps,
    };
    return { analysis, ...(run === undefined ? {} : { run }) };
  } finally {
    set.close();
  }
}

/** The same of redacted copies. What is known of the originals beside their frames is told of the copies. */
async function redacted(options: AnalyzeOptions, state: RecordedState | undefined): Promise<AnalyzeResult> {
  const { redact: _, topology: __, stdin, between, ...others } = options;
  const { redactCaptures } = await import('./redact-captures.ts');
  const copies = await redactCaptures(options.captures, state, {
    ...(stdin === undefined ? {} : { stdin }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  try {
    const { redactor, files, captures, topology } = copies;
    const result = await analyze({
      ...others,
      captures,
      ...(topology === undefined ? {} : { topology }),
      ...(between === undefined ? {} : { between: [redactor.address(between[0]), redactor.address(between[1])] }),
    });
    const notes = result.analysis.captures.map((note, index): CaptureNote => {
      const file = files[index];
      if (!file) return note;
      const name = `capture ${index + 1}`;
      return { ...noteOf(file, note.clock), name };
    });
    const gaps = files.flatMap((file, index) => textGaps(file, `capture ${index + 1}`));
    return { ...result, analysis: { ...result.analysis, captures: notes, gaps: [...gaps, ...result.analysis.gaps] } };
  } finally {
    copies.release();
  }
}

/** The pair that a recorded run speaks of, and what its ends asked each other: the probes know better than the frames. */
function toldBy(run: Report | undefined): ReadonlySet<string> {
  const told = new Set<string>();
  for (const exchange of run?.diagnosis.exchanges ?? [])
    if (exchange.kind === 'echo') {
      told.add(`${exchange.source} ${exchange.destination}`);
      for (const { senderProtocol, targetProtocol } of exchange.resolutions)
        told.add(`${senderProtocol} ${targetProtocol}`);
    }
  return told;
}

/** What the kernel said while it was captured. */
export interface RecordedState {
  readonly before: Topology;
  readonly after?: Topology;
  readonly coverage?: Coverage;
  readonly namespaces: readonly NetnsId[];
  readonly recording?: Recording;
  /** As it stands in its file. */
  readonly text: string;
}

function readState({ topology, captures }: AnalyzeOptions): RecordedState | undefined {
  const path = topology ?? captures.map((capture) => companionOf(capture.path)).find((found) => found !== undefined);
  if (path === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VdiagError('unreadable', `cannot read ${path}: ${reason}`, 'name the topology with --topology FILE', {
      cause,
    });
  }
  try {
    const { before, after, coverage } = loadTopologyCompanion(text);
    const recording = text.includes('"vdiag.recording/1"') ? loadRecording(text) : undefined;
    const known = [...before.namespaces.map(({ id }) => id), ...(coverage?.places ?? []).map(({ netns }) => netns)];
    return {
      before,
      ...(after === undefined ? {} : { after }),
      ...(coverage === undefined ? {} : { coverage }),
      namespaces: recording ? placeOptionsOf(recording).namespaces : [...new Set(known)],
      ...(recording === undefined ? {} : { recording }),
      text,
    };
  } catch (error) {
    if (error instanceof VdiagError) throw new VdiagError(error.code, `${path}: ${error.message}`, error.hint);
    throw error;
  }
}

async function surveyOf(set: CaptureSet, { onProgress, signal }: AnalyzeOptions): Promise<Survey> {
  const survey = new Survey();
  await set.each(survey, async () => {
    onProgress?.(progressOf(set, survey));
    // Lets signals and timers in.
    await new Promise((resolve) => setImmediate(resolve));
    return signal?.aborted !== true;
  });
  survey.finish();
  return survey;
}

function progressOf(set: CaptureSet, survey: Survey): AnalyzeProgress {
  const bytes = set.files.reduce((sum, { position }) => sum + position, 0);
  const sizes = set.files.map(({ sizeBytes }) => sizeBytes);
  const ofBytes = sizes.reduce<number | undefined>(
    (sum, size) => (sum === undefined || size === undefined ? undefined : sum + size),
    0,
  );
  return { frames: survey.frames, bytes, ...(ofBytes === undefined ? {} : { ofBytes }) };
}

function noteOf(file: CaptureFile, clock: CaptureNote['clock'] | undefined): CaptureNote {
  const { frames, problems, problemCount, skippedLinkTypes, interfaces } = file.summary();
  return {
    name: file.name,
    format: file.format,
    compressed: file.compressed,
    frames,
    problems,
    problemCount,
    skipped: Object.fromEntries([...skippedLinkTypes].map(([type, count]) => [linkTypeName(type), count])),
    lost: interfaces.reduce((sum, { dropped = 0 }) => sum + dropped, 0),
    ...(clock === undefined ? {} : { clock }),
  };
}

/** What was listened to: the companion knows best; else every place the captures name. */
function coverageOf(recorded: Coverage | undefined, set: CaptureSet, summary: SurveySummary): Coverage {
  if (recorded) return recorded;
  return {
    engine: 'file',
    places: set.places,
    fromNs: summary.fromNs ?? 0n,
    untilNs: summary.untilNs ?? 0n,
    framesCaptured: summary.frames,
    lost: [],
    gaps: [],
  };
}

/** Lines of a pasted text that were left out. */
function textGaps(file: CaptureFile, name = file.name): string[] {
  return file.summary().comments.flatMap((comment) => {
    const left = readTextTally(comment)?.left;
    if (!left) return [];
    return [
      ...(left.names > 0
        ? [
            `${left.names} lines of ${name} have names instead of addresses and were left out: print them with tcpdump -n`,
          ]
        : []),
      ...(left.unclear > 0 ? [`${left.unclear} lines of ${name} could not be read`] : []),
    ];
  });
}

function gapsOf(summary: SurveySummary, { signal, between }: AnalyzeOptions): string[] {
  return [
    ...(between && summary.pairCount === 0
      ? [`nothing between ${between[0]} and ${between[1]} was asked in these captures`]
      : []),
    ...(signal?.aborted ? ['interrupted: only what had been read is analyzed'] : []),
    ...(summary.closedEarly > 0
      ? [`${summary.closedEarly} packets were given up early, because too many were under way at a time`]
      : []),
  ];
}

function outcomeOf(
  findings: readonly CaptureFinding[],
  summary: SurveySummary,
  run: Report | undefined,
): CaptureAnalysis['outcome'] {
  if (run && run.diagnosis.outcome !== 'healthy') return run.diagnosis.outcome;
  if (findings.some(({ severity }) => severity !== 'note')) return 'fault';
  // A reply that somebody may not have got is a note, since arping looks the same; but it is not healthy either.
  if (findings.some(({ rule }) => rule === 'reply-lost')) return 'inconclusive';
  return summary.requests === 0 && !run ? 'inconclusive' : 'healthy';
}
