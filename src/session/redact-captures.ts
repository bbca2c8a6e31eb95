/** Captures that can be shown: redacted copies, which are then analyzed in place of them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { frameOf } from '../capfile/capture-reader.ts';
import { loadTopologyCompanion, saveCompanion } from '../capfile/companion.ts';
import { cursorTimeNs } from '../capfile/frame-cursor.ts';
import { type CaptureFile, openCaptureFile } from '../capfile/open.ts';
import { createPcapngWriter } from '../capfile/pcapng-writer.ts';
import { loadRecording, runOf, saveRecording } from '../capfile/recording.ts';
import { readTextClock } from '../capfile/text-comment.ts';
import { replaceCoverage, replaceRecording } from '../redact/recording.ts';
import { createRedactor, type Redactor } from '../redact/redactor.ts';
import { saveTopology } from '../topology/file.ts';
import type { NetnsId, Topology } from '../topology/model.ts';
import type { Place } from '../trace/frame.ts';
import { openOutputFile } from './record-file.ts';
import type { CaptureInput } from './source-place.ts';
import { placeOfSource } from './source-place.ts';

export interface RedactedCaptures {
  readonly captures: readonly CaptureInput[];
  /** The state beside them, where there is one. */
  readonly topology?: string;
  readonly redactor: Redactor;
  /** The originals, read to their end: what is known of them beside their frames. */
  readonly files: readonly CaptureFile[];
  /** Takes the copies away again, and closes the files. */
  release(): void;
}

/** Of the machine, as a file has it. */
export interface StateText {
  readonly text: string;
  readonly before: Topology;
  readonly after?: Topology;
  readonly namespaces: readonly NetnsId[];
}

/** Blocks are gathered up to this size before they are written. */
const GATHERED = 1 << 20;
/** Frames between two looks at whether to stop. */
const BREATHE_EVERY = 1 << 14;

/**
 * @param secret as `RedactorOptions.secret`
 * @throws VdiagError unreadable, unwritable
 */
export async function redactCaptures(
  inputs: readonly CaptureInput[],
  state: StateText | undefined,
  options: { readonly stdin?: AsyncIterable<Uint8Array>; readonly signal?: AbortSignal; readonly secret?: Uint8Array },
): Promise<RedactedCaptures> {
  const directory = mkdtempSync(join(tmpdir(), 'vdiag-'));
  const files: CaptureFile[] = [];
  const release = (): void => {
    for (const file of files) file.close();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const redactor = redactorOf(state, options.secret);
    const captures: CaptureInput[] = [];
    for (const [index, input] of inputs.entries()) {
      const path = join(directory, `capture${index + 1}.pcapng`);
      const file = await openCaptureFile(input.path, options.stdin === undefined ? {} : { stdin: options.stdin });
      files.push(file);
      await copy({ file, input, state, redactor, signal: options.signal }, path);
      captures.push({ path });
    }
    const topology = state && join(directory, 'state.json');
    if (state && topology !== undefined) writeFileSync(topology, redactState(state.text, redactor));
    return { captures, redactor, files, release, ...(topology === undefined ? {} : { topology }) };
  } catch (error) {
    release();
    throw error;
  }
}

function redactorOf(state: StateText | undefined, secret: Uint8Array | undefined): Redactor {
  const run = state?.text.includes('"vdiag.recording/1"') ? runOf(loadRecording(state.text)) : undefined;
  return createRedactor({
    topologies: [state?.before, state?.after].filter((topology) => topology !== undefined),
    ...(run?.token === undefined ? {} : { tokens: [run.token] }),
    ...(run?.vxlanPorts === undefined ? {} : { vxlanPorts: run.vxlanPorts }),
    ...(secret === undefined ? {} : { secret }),
  });
}

/** A recording, the companion of a capture, or a topology: the same with everything replaced. */
function redactState(text: string, redactor: Redactor): string {
  if (text.includes('"vdiag.recording/1"')) return saveRecording(replaceRecording(loadRecording(text), redactor));
  const { before, after, coverage, complete } = loadTopologyCompanion(text);
  if (coverage === undefined) return saveTopology(redactor.topology(before));
  return saveCompanion({
    schema: 'vdiag.companion/1',
    complete,
    before: redactor.topology(before),
    ...(after === undefined ? {} : { after: redactor.topology(after) }),
    coverage: replaceCoverage(coverage, redactor),
  });
}

interface Copying {
  readonly file: CaptureFile;
  readonly input: CaptureInput;
  readonly state: StateText | undefined;
  readonly redactor: Redactor;
  readonly signal: AbortSignal | undefined;
}

async function copy({ file, input, state, redactor, signal }: Copying, path: string): Promise<void> {
  const named = state === undefined ? {} : { topology: state.before, namespaces: state.namespaces };
  const places = new Map<number, Place>();
  const placeAt = (index: number): Place => {
    const source = file.summary().interfaces[index];
    const known = places.get(index);
    if (known || !source) return known ?? { netns: '', name: '' };
    const place = placeOfSource({ file, input }, source, named);
    places.set(index, place);
    return place;
  };
  const { interfaces, comments } = file.summary();
  const comment = comments.find((each) => readTextClock(each) !== undefined);
  const writer = createPcapngWriter({
    home: redactor.netns(state?.before.home ?? ''),
    ...(comment === undefined ? {} : { comment }),
    places: interfaces
      .filter(({ frameLinkType, recordedAs }) => frameLinkType !== undefined && recordedAs === undefined)
      .map(({ index }) => redactor.place(placeAt(index))),
  });
  const output = openOutputFile(path);
  let gathered = [writer.begin()];
  let bytes = 0;
  const put = (block: Uint8Array): void => {
    gathered.push(block);
    bytes += block.length;
    if (bytes < GATHERED) return;
    output.append(Buffer.concat(gathered));
    gathered = [];
    bytes = 0;
  };
  try {
    const { cursor, window } = file;
    let frames = 0;
    do
      while (cursor.next(window)) {
        put(writer.frame(redactor.frame(frameOf(cursor, window, placeAt(cursor.source.index), cursorTimeNs(cursor)))));
        if (++frames % BREATHE_EVERY === 0) await new Promise((resolve) => setImmediate(resolve));
        if (signal?.aborted) break;
      }
    while (signal?.aborted !== true && (await file.fill()));
    put(writer.end());
    output.append(Buffer.concat(gathered));
  } finally {
    output.close();
  }
}
