/** A recorded run, diagnosed again from its files: with what the kernel said of its packets, without, and from the state alone. */
import { readFileSync, writeFileSync } from 'node:fs';
import { loadRecording, recordingPath, saveRecording } from '../../src/capfile/recording.ts';
import type { Diagnosis } from '../../src/diagnose/finding.ts';
import { predict } from '../../src/diagnose/predict.ts';
import { reportJson } from '../../src/report/json.ts';
import { analyze } from '../../src/session/analyze.ts';

/** The report as the command prints it. @param capture what `ping-trace -w` wrote */
export async function reportAgain(capture: string, { drops }: { readonly drops: boolean }): Promise<string> {
  const topology = drops ? recordingPath(capture) : withoutDrops(capture);
  const { run } = await analyze({ captures: [{ path: capture }], topology });
  if (!run) throw new Error(`${capture} has no run beside it`);
  return JSON.stringify(reportJson(run));
}

/** What the state before the run says by itself, as `vdiag check` tells it. */
export function predictedBefore(capture: string): Diagnosis {
  const { query, before } = loadRecording(readFileSync(recordingPath(capture), 'utf8'));
  return predict(query, before);
}

/** As if the kernel's events could not have been read. */
function withoutDrops(capture: string): string {
  const {
    drops: _,
    dropsLeftOut: __,
    lives: ___,
    ...rest
  } = loadRecording(readFileSync(recordingPath(capture), 'utf8'));
  const path = `${capture}.without-drops.json`;
  writeFileSync(path, saveRecording(rest));
  return path;
}
