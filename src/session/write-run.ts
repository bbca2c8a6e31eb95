/** Writes a run down: NAME.pcapng with the frames, NAME.recording.json with all else its diagnosis needs. */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { type FrameNote, pcapngChunks } from '../capfile/pcapng-writer.ts';
import { recordingPath, saveRecording } from '../capfile/recording.ts';
import type { Diagnosis } from '../diagnose/finding.ts';
import { VdiagError } from '../linux/error.ts';
import type { Frame } from '../trace/frame.ts';
import type { Journey } from '../trace/journey.ts';
import type { PingTraceRun } from './ping-trace.ts';

/** @throws VdiagError unreadable, when a file cannot be written */
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
  try {
    const file = openSync(path, 'w');
    try {
      for (const chunk of pcapngChunks(frames, options, notesOf(diagnosis), diagnosis.coverage)) writeSync(file, chunk);
    } finally {
      closeSync(file);
    }
    writeFileSync(recordingPath(path), saveRecording(recording));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VdiagError('unreadable', `cannot write ${path}: ${reason}`, 'choose another file with -w', { cause });
  }
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
      frame.place.name === last.place?.name;
    return {
      ...(journey === undefined ? {} : { journey }),
      ...(wrong ? { comments: [`${finding.rule}: ${finding.title}`] } : {}),
    };
  };
}
