/** A recording: every frame of some interfaces, written while it goes on, with what the kernel said before and after. */
import { rmSync } from 'node:fs';
import { companionPath, saveCompanion, type TopologyCompanion } from '../capfile/companion.ts';
import { createPcapngWriter, SNAP_LENGTH } from '../capfile/pcapng-writer.ts';
import { recordingPath } from '../capfile/recording.ts';
import { openCapture, type RingCapture } from '../capture/capture.ts';
import { keepAll } from '../capture/filter.ts';
import { VdiagError } from '../linux/error.ts';
import { replaceCoverage } from '../redact/recording.ts';
import { createRedactor, type Redactor } from '../redact/redactor.ts';
import { retakeTopology } from '../topology/collect.ts';
import type { Topology } from '../topology/model.ts';
import { unusualVxlanPorts } from '../topology/vxlan.ts';
import { asCaptured, type CapturedPacket } from '../trace/captured-packet.ts';
import { type Coverage, type Place, placeKey } from '../trace/frame.ts';
import { version } from '../version.ts';
import { type Choice, chooser } from './record-choice.ts';
import { replaceFile } from './record-file.ts';
import { fileOutput, type RecordOutput, ringOutput, streamOutput } from './record-output.ts';
import { choosePlaces, type PlacesWanted, type RecordedPlaces } from './record-places.ts';
import { filterFor, type Watch, watchPlaces } from './record-watch.ts';

export interface RecordOptions extends PlacesWanted {
  /** A path, or a stream such as standard output; beside a stream no companion is written. */
  readonly to: string | NodeJS.WritableStream;
  /** Keep the newest frames alone, in files of together about so many bytes; at least `LEAST_RING`. */
  readonly ringBytes?: number;
  /** Bytes kept of a frame. Default and most: `SNAP_LENGTH`. */
  readonly snapLength?: number;
  /** Ends after so many frames. */
  readonly count?: number;
  /** Ends after this time. */
  readonly durationMs?: number;
  /** Replace addresses, hardware addresses and names in what is written, and zero what packets carry. */
  readonly redact?: boolean;
  /** Told about twice a second. */
  readonly onProgress?: (progress: RecordProgress) => void;
}

export interface RecordProgress {
  /** Written, those that a ring has thrown away again among them. */
  readonly frames: number;
  /** Of the files that are there, or written to the stream. */
  readonly bytes: number;
  /** Frames the kernel had no room for. */
  readonly lost: number;
}

export interface RecordSummary extends RecordProgress {
  readonly coverage: Coverage;
  /** Of a ring the parts that are there, oldest first; empty for a stream. */
  readonly files: readonly string[];
  readonly companion?: string;
  /** The stream's reader went away: nobody is left to be told. */
  readonly readerLeft: boolean;
  /** It could not go on: what was written until then is whole. */
  readonly failure?: VdiagError;
}

/** Smaller parts would hold but a few frames of the longest kind. */
export const LEAST_RING = 4 << 20;
/** The longest wait, so that an interrupt and the clock are noticed. */
const TICK_MS = 100;
const PROGRESS_MS = 500;
/** Memory of all rings together; each has at least 2 MiB, as tcpdump's. */
const RINGS_BYTES = 64 << 20;
const BLOCK_BYTES = 1 << 17;

/** What a recording goes on with. */
interface Session {
  readonly options: RecordOptions;
  readonly places: RecordedPlaces;
  readonly capture: RingCapture;
  readonly choice: Choice;
  readonly output: RecordOutput;
  readonly watch: Watch;
  /** Of what is written; undefined: it is written as it is. */
  readonly redactor?: Redactor;
}

/**
 * Records until it is told to end: by the signal, the count, the time, or a reader that went away.
 * @throws VdiagError as `choosePlaces` and `openCapture`; unwritable when not even the beginning can be written
 */
export async function record(options: RecordOptions): Promise<RecordSummary> {
  const snapLength = Math.min(options.snapLength ?? SNAP_LENGTH, SNAP_LENGTH);
  const places = await choosePlaces(options);
  const choice = chooser(places.only, options.count);
  let write: ((packet: CapturedPacket) => void) | undefined;
  const capture = openRings(places, snapLength, (packet) => {
    if (write && choice.takes(packet)) write(packet);
  });
  let output: RecordOutput | undefined;
  try {
    const redactor = options.redact ? redactorOf(places.before) : undefined;
    output = openOutput(options, places, capture, snapLength, redactor);
    const { add } = output;
    write = redactor ? (packet) => add(asCaptured(redactor.frame(packet.frame()))) : add;
    const watch = watchPlaces(places.namespaces, places.only, snapLength, places.before);
    const session = {
      options,
      places,
      capture,
      choice,
      output,
      watch,
      ...(redactor === undefined ? {} : { redactor }),
    };
    const companion = companionFor(session);
    // What is known now is there whatever happens.
    writeCompanion(companion, session, coverageOf(session));
    const ended = await run(session);
    capture.close();
    const after = await takeAgain(places.before);
    const seen = coverageOf(session, ended !== undefined);
    const coverage = { ...seen, gaps: [...seen.gaps, ...after.gaps] };
    const unwritten = await failureOf(() => writeCompanion(companion, session, coverage, after));
    const failure = ended ?? unwritten;
    return {
      ...progressOf(session),
      coverage,
      files: output.files,
      readerLeft: output.readerLeft,
      ...(companion === undefined ? {} : { companion }),
      ...(failure ? { failure } : {}),
    };
  } finally {
    capture.close();
    output?.close();
  }
}

/** Until the end; the error that ended it, if one did. */
function run(session: Session): Promise<VdiagError | undefined> {
  const { options, capture, choice, output, watch, redactor } = session;
  const { durationMs = Number.POSITIVE_INFINITY, signal, onProgress } = options;
  const startedMs = performance.now();
  let toldMs = startedMs;
  return failureOf(async () => {
    for (let over = false; !over; ) {
      const leftMs = startedMs + durationMs - performance.now();
      over = leftMs <= 0 || signal?.aborted === true;
      if (over) await capture.drain();
      else await capture.poll(Math.min(TICK_MS, leftMs));
      await output.flush();
      if (output.readerLeft || choice.isFull) break;
      watch.check(capture);
      if (!onProgress || performance.now() - toldMs < PROGRESS_MS) continue;
      toldMs = performance.now();
      onProgress(progressOf(session));
    }
    await output.finish(redactedCoverage(coverageOf(session), redactor));
  });
}

function openRings(
  { namespaces, only }: RecordedPlaces,
  snapLength: number,
  onPacket: (packet: CapturedPacket) => void,
): RingCapture {
  const blocks = 2 ** Math.floor(Math.log2(RINGS_BYTES / BLOCK_BYTES / Math.max(1, namespaces.length)));
  return openCapture(namespaces, {
    filter: keepAll(snapLength),
    ...(only ? { filterIn: (netns) => filterFor(netns, only, snapLength) } : {}),
    blockSizeBytes: BLOCK_BYTES,
    blockCount: Math.min(256, Math.max(16, blocks)),
    ordered: true,
    onPacket,
  });
}

function openOutput(
  { to, ringBytes }: RecordOptions,
  { before, only }: RecordedPlaces,
  capture: RingCapture,
  snapLength: number,
  redactor: Redactor | undefined,
): RecordOutput {
  const shown = (place: Place): Place => redactor?.place(place) ?? place;
  const writer = () =>
    createPcapngWriter({
      home: redactor?.netns(before.home) ?? before.home,
      application: `vdiag ${version()}`,
      operatingSystem: `Linux ${before.kernel}`,
      places: (only ?? capture.places()).map(shown),
      snapLength,
    });
  if (typeof to !== 'string') return streamOutput(to, writer);
  return ringBytes === undefined
    ? fileOutput(to, writer)
    : ringOutput(to, ringBytes, writer, () => redactedCoverage(capture.coverage(), redactor));
}

/** Where the companion goes; undefined where there is none. */
function companionFor({ options: { to }, output }: Session): string | undefined {
  if (typeof to !== 'string' || !output.isRegular) return undefined;
  // That of an earlier run under this name speaks of frames that are no more.
  rmSync(recordingPath(to), { force: true });
  return companionPath(to);
}

function writeCompanion(
  path: string | undefined,
  { places: { before }, redactor }: Session,
  coverage: Coverage,
  end?: After,
): void {
  if (path === undefined) return;
  const shown = (topology: Topology): Topology => redactor?.topology(topology) ?? topology;
  const companion: TopologyCompanion = {
    schema: 'vdiag.companion/1',
    complete: end !== undefined,
    coverage: redactedCoverage(coverage, redactor),
    before: shown(before),
    ...(end?.topology ? { after: shown(end.topology) } : {}),
  };
  replaceFile(path, saveCompanion(companion));
}

function redactorOf(before: Topology): Redactor {
  return createRedactor({ topologies: [before], vxlanPorts: unusualVxlanPorts(before) });
}

function redactedCoverage(coverage: Coverage, redactor: Redactor | undefined): Coverage {
  return redactor ? replaceCoverage(coverage, redactor) : coverage;
}

interface After {
  readonly topology?: Topology;
  readonly gaps: readonly string[];
}

async function takeAgain(before: Topology): Promise<After> {
  try {
    return { topology: await retakeTopology(before), gaps: [] };
  } catch (error) {
    return { gaps: [`the state afterwards is not known: ${error instanceof Error ? error.message : String(error)}`] };
  }
}

/** Of what was written, which is less than what passed by when the count was reached or the file could not be written. */
function coverageOf({ places, capture, choice, output, watch }: Session, failed = false): Coverage {
  const coverage = capture.coverage();
  const read = new Set(places.before.namespaces.map(({ id }) => id));
  const unread = places.namespaces.filter(({ id }) => !read.has(id));
  return {
    ...coverage,
    places: places.only ?? [...new Map(coverage.places.map((place) => [placeKey(place), place])).values()],
    fromNs: output.droppedUntilNs ?? coverage.fromNs,
    untilNs: failed ? output.writtenUntilNs || coverage.fromNs : choice.isFull ? choice.lastNs : coverage.untilNs,
    framesCaptured: output.frames,
    gaps: [
      ...coverage.gaps,
      ...unread.map(({ id }) => `${id} is not connected to ${places.before.start}: its state was not read`),
      ...watch.gaps(),
    ],
  };
}

function progressOf({ capture, output }: Session): RecordProgress {
  const lost = capture.coverage().lost.reduce((sum, each) => sum + each.frames, 0);
  return { frames: output.frames + output.droppedFrames, bytes: output.bytes, lost };
}

async function failureOf(action: () => Promise<void> | void): Promise<VdiagError | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    if (error instanceof VdiagError) return error;
    throw error;
  }
}
