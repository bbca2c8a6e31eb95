/**
 * The companion of a capture: what the kernel said while it ran. `NAME.pcapng` has the frames of `vdiag record`,
 * `NAME.topology.json` the topology before and after and what was listened to. A run of ping-trace has all of that, and
 * its probes, in `NAME.recording.json`.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { loadTopology } from '../topology/file.ts';
import type { Topology } from '../topology/model.ts';
import type { Coverage } from '../trace/frame.ts';
import { JsonValue } from './json-value.ts';
import { decimalsForBigints, parseJson, readCoverage, readTopology } from './recording.ts';

export interface TopologyCompanion {
  readonly schema: 'vdiag.companion/1';
  /**
   * False while the capture runs, and for ever after one that was killed: there is no topology from after it, and the
   * coverage says what was listened to from the start. Until when, the last frame tells.
   */
  readonly complete: boolean;
  readonly before: Topology;
  readonly after?: Topology;
  readonly coverage: Coverage;
}

/** What the state files have in common that can stand beside a capture. */
export interface CapturedState {
  readonly before: Topology;
  readonly after?: Topology;
  /** Absent: a topology by itself (`vdiag.topology/1`), which says nothing about a capture. */
  readonly coverage?: Coverage;
  /** See {@link TopologyCompanion.complete}. */
  readonly complete: boolean;
}

/** A part of a ring: "night-00003.pcapng". */
const PART = /-\d{5,}$/;
const CAPTURE_SUFFIX = /\.(pcapng|pcap|cap)$/;

/** "night.topology.json" beside "night.pcapng". */
export function companionPath(capturePath: string): string {
  return `${capturePath.replace(/\.pcapng$/, '')}.topology.json`;
}

/** "night-00003.pcapng": one part of the ring "night.pcapng". */
export function partPath(capturePath: string, part: number): string {
  return `${capturePath.replace(/\.pcapng$/, '')}-${String(part).padStart(5, '0')}.pcapng`;
}

/** The number of a part of the ring `capturePath`, or undefined for any other file. */
export function partNumber(capturePath: string, file: string): number | undefined {
  const digits = /-(\d{5,15})\.pcapng$/.exec(file)?.[1];
  const part = digits === undefined ? undefined : Number(digits);
  return part !== undefined && partPath(capturePath, part) === file ? part : undefined;
}

/**
 * The file beside a capture that says what the kernel said: a run's recording, or else the companion of `vdiag record`, also
 * of the ring that a part belongs to. Undefined where there is none.
 */
export function companionOf(capturePath: string): string | undefined {
  const directory = dirname(capturePath);
  const plain = basename(capturePath).replace(/\.gz$/, '');
  const stem = plain.replace(CAPTURE_SUFFIX, '');
  const ring = stem.replace(PART, '');
  const stems = [...new Set([stem, plain, ring])];
  return stems
    .flatMap((name) => [`${name}.recording.json`, `${name}.topology.json`])
    .map((name) => join(directory, name))
    .find((path) => existsSync(path));
}

/** The text of the file: JSON, 64-bit numbers as decimal strings. */
export function saveCompanion(companion: TopologyCompanion): string {
  return `${JSON.stringify(companion, decimalsForBigints, 1)}\n`;
}

/**
 * Reads what `saveCompanion`, `saveRecording` or `saveTopology` wrote.
 * @throws VdiagError unreadable, with the field that is wrong
 */
export function loadTopologyCompanion(text: string): CapturedState {
  const root = new JsonValue(parseJson(text));
  const schema = root.field('schema').word('vdiag.companion/1', 'vdiag.recording/1', 'vdiag.topology/1');
  if (schema === 'vdiag.topology/1') return { before: loadTopology(text), complete: true };
  return {
    complete: schema === 'vdiag.recording/1' || root.field('complete').truth(),
    before: readTopology(root.field('before')),
    ...root.optional('after', readTopology),
    coverage: readCoverage(root.field('coverage')),
  };
}
