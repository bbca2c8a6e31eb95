/** Writes a run down: NAME.pcapng with the frames, NAME.recording.json with all else its diagnosis needs. */
import { rmSync } from 'node:fs';
import { companionPath } from '../capfile/companion.ts';
import { type FrameNote, pcapngChunks } from '../capfile/pcapng-writer.ts';
import { recordingPath, saveRecording } from '../capfile/recording.ts';
import type { Diagnosis } from '../diagnose/finding.ts';
import { VdiagError } from '../linux/error.ts';
import { type Frame, placeKey } from '../trace/frame.ts';
import type { Journey } from '../trace/journey.ts';
import type { PingTraceRun } from './ping-trace.ts';
import { openOutputFile, replaceFile } from './record-file.ts';

/** Blocks are gathered up to this size before they are written. */
const GATHERED = 1 << 20;

/**
 * Opens nothing yet: a wrong name is said before the run, not after it.
 * @throws VdiagError usage, for standard output, which belongs to the report
 */
export function checkRunPath(path: string): void {
  if (path === '-')
    throw new VdiagError('usage', 'standard output has the report: a run needs a file', 'give a name: -w run.pcapng');
}

/** @throws VdiagError unwritable; what could be written is whole then */
export function writeRun(path: string, { report, recording, frames }: PingTraceRun): void {
  const { diagnosis, version } = report;
  const [finding] = diagnosis.findings;
  const options = {
    home: diagnosis.before.home,
    comment: finding ? `${finding.rule}: ${finding.title}` : diagnosis.outcome,
    application: `vdiag ${version}`,
    operatingSystem: `Linux ${diagnosis.before.kernel}`,
    places: diagnosis.coverage.places,
  };
  const file = openOutputFile(path);
  try {
    let gathered: Uint8Array[] = [];
    let bytes = 0;
    for (const chunk of pcapngChunks(frames, options, notesOf(diagnosis), diagnosis.coverage)) {
      gathered.push(chunk);
      bytes += chunk.length;
      if (bytes < GATHERED) continue;
      file.append(Buffer.concat(gathered));
      gathered = [];
      bytes = 0;
    }
    file.append(Buffer.concat(gathered));
  } finally {
    file.close();
  }
  if (!file.isRegular) return;
  // That of an earlier capture under this name speaks of frames that are no more.
  rmSync(companionPath(path), { force: true });
  replaceFile(recordingPath(path), saveRecording(recording));
}

/** Journey numbers for every frame that is a sighting, and the verdict on the last one before it went wrong. */
function notesOf({ exchanges, findings }: Diagnosis): (frame: Frame) => FrameNote | undefined {
  const journeys = new Map<Frame, number>();
  const note = (journey: Journey) => {
    for (const { frame } of [...journey.sightings, ...journey.fragments]) journeys.set(frame, journey.id);
  };
  for (const exchange of exchanges) {
    const errors = exchange.kind === 'echo' ? exchange.errors : [];
    for (const journey of [...(exchange.request ? [exchange.request] : []), ...exchange.replies, ...errors])
      note(journey);
  }
  const [finding] = findings;
  const last = finding?.evidence.find(({ kind }) => kind === 'sighting');
  return (frame) => {
    const journey = journeys.get(frame);
    const wrong =
      finding &&
      last &&
      journey === last.journey &&
      frame.timeNs === last.timeNs &&
      last.place &&
      placeKey(frame.place) === placeKey(last.place);
    return {
      ...(journey === undefined ? {} : { journey }),
      ...(wrong ? { comments: [`${finding.rule}: ${finding.title}`] } : {}),
    };
  };
}
