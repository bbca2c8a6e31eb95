/** A recorded run of ping-trace, diagnosed again from its files: the same report, without a kernel. */
import { type Recording, runOf } from '../capfile/recording.ts';
import { diagnose } from '../diagnose/engine.ts';
import type { Diagnosis } from '../diagnose/finding.ts';
import type { Rule } from '../diagnose/rule.ts';
import { sourceFor } from '../path/expect.ts';
import type { Report } from '../report/report.ts';
import { joinDrops } from '../trace/drop.ts';
import type { Frame } from '../trace/frame.ts';
import { version } from '../version.ts';
import type { CaptureSet } from './capture-set.ts';
import { openLedger } from './ledger.ts';
import { summariseProbes } from './ping-verdict.ts';

const MOST_FRAMES = 1_000_000;
const DEFAULT_SIZE = 56;

/** Undefined where the frames are gone (a stream that could not be kept). */
export async function replay(recording: Recording, set: CaptureSet): Promise<Report | undefined> {
  const all = { fromNs: Number.NEGATIVE_INFINITY, untilNs: Number.POSITIVE_INFINITY };
  const frames = await set.revisit([all], () => true, MOST_FRAMES);
  if (frames === undefined) return undefined;
  const { query, probes } = recording;
  return {
    version: version(),
    command: 'analyze',
    target: { interface: query.start.name, address: query.destination, netns: query.start.netns },
    probes: { ...summariseProbes(probes), sizeBytes: query.sizeBytes ?? DEFAULT_SIZE },
    diagnosis: diagnoseRecorded(recording, frames),
  };
}

/**
 * What a recording and its frames tell.
 * @param rules absent: the built-in ones
 */
export function diagnoseRecorded(recording: Recording, frames: readonly Frame[], rules?: readonly Rule[]): Diagnosis {
  const { query, before, after, probes, coverage } = recording;
  const ledger = openLedger(runOf(recording));
  for (const frame of frames) ledger.add(frame);
  const source = query.source ?? sourceFor(before, query) ?? '0.0.0.0';
  const exchanges = ledger.exchanges(source, query.destination, probes);
  const drops =
    recording.drops && joinDrops(recording.drops, { exchanges, probes, start: query.start, places: coverage.places });
  return diagnose({
    query,
    before,
    ...(after === undefined ? {} : { after }),
    exchanges,
    coverage,
    ...(drops === undefined ? {} : { drops }),
    ...(recording.lives === undefined ? {} : { lives: recording.lives }),
    ...(rules === undefined ? {} : { rules }),
    ...(recording.ruleTrace === undefined ? {} : { ruleTrace: recording.ruleTrace }),
  });
}
