/** The recorded captures of the rules, diagnosed again without a kernel. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readCaptureBytes } from '../../src/capfile/capture-reader.ts';
import { loadRecording, placeOptionsOf, type Recording, runOf } from '../../src/capfile/recording.ts';
import { type DiagnosisInput, diagnose } from '../../src/diagnose/engine.ts';
import type { Diagnosis } from '../../src/diagnose/finding.ts';
import { sourceFor } from '../../src/path/expect.ts';
import { openLedger } from '../../src/session/ledger.ts';
import type { Frame } from '../../src/trace/frame.ts';

const directory = fileURLToPath(new URL('../../fixtures/captures', import.meta.url));

/** The rules that have a recorded capture. */
export function recordedRules(): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.pcapng'))
    .map((name) => name.replace(/\.pcapng$/, ''))
    .sort();
}

export interface Recorded {
  readonly recording: Recording;
  readonly frames: readonly Frame[];
}

export function recorded(rule: string): Recorded {
  const recording = loadRecording(readFileSync(`${directory}/${rule}.recording.json`, 'utf8'));
  const { frames } = readCaptureBytes(readFileSync(`${directory}/${rule}.pcapng`), placeOptionsOf(recording));
  return { recording, frames };
}

/** What the engine is given, as the live run gives it. */
export function inputOf({ recording, frames }: Recorded): DiagnosisInput {
  const { query, before, after, probes, coverage } = recording;
  const ledger = openLedger(runOf(recording));
  for (const frame of frames) ledger.add(frame);
  const source = query.source ?? sourceFor(before, query) ?? '0.0.0.0';
  const exchanges = ledger.exchanges(source, query.destination, probes);
  return { query, before, ...(after === undefined ? {} : { after }), exchanges, coverage };
}

export function diagnosed(rule: string): Diagnosis {
  return diagnose(inputOf(recorded(rule)));
}
