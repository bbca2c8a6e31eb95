/**
 * The companion of a recorded run: all that the diagnosis needs beside the frames. `NAME.pcapng` has the frames,
 * `NAME.recording.json` has this; together they give the same findings as the live run, without a kernel.
 */
import { assertTopology } from '../topology/file.ts';
import type { NetnsId, Topology } from '../topology/model.ts';
import { unusualVxlanPorts } from '../topology/vxlan.ts';
import type { Coverage, Place, ProbeResult } from '../trace/frame.ts';
import type { KernelDrop, KernelLife } from '../trace/kernel-life.ts';
import type { RuleTraceRecord } from '../trace/rule-trace.ts';
import { type RunIdentity, TOKEN_LENGTH } from '../trace/run.ts';
import { JsonValue } from './json-value.ts';
import { readKernelDrop, readKernelLife } from './recorded-drop.ts';
import { readRuleTrace } from './recorded-rules.ts';

export interface Recording {
  readonly schema: 'vdiag.recording/1';
  /** What was asked: the probe's start, target, and the source the kernel chose. */
  readonly query: RecordedQuery;
  /** What the probes carry (`RunIdentity.token`), 16 hexadecimal digits. */
  readonly token: string;
  /** ICMP identifier they were sent with. */
  readonly identifier: number;
  readonly before: Topology;
  readonly after?: Topology;
  readonly probes: readonly ProbeResult[];
  readonly coverage: Coverage;
  /** What the kernel dropped meanwhile that may have been a packet of this run; absent where it could not be read. */
  readonly drops?: readonly KernelDrop[];
  /** Drops that were left out: other people's, or too many. */
  readonly dropsLeftOut?: number;
  /** The ways of the example's packets, as the kernel reported them. */
  readonly lives?: readonly KernelLife[];
  /** The packet filter rules that the probes met, as the kernel told it; absent where it was not asked for. */
  readonly ruleTrace?: RuleTraceRecord;
}

/** The same as the path model's query. */
export interface RecordedQuery {
  readonly start: Place;
  readonly destination: string;
  readonly source?: string;
  readonly ttl?: number;
  /** Echo data, bytes; 56 when absent. */
  readonly sizeBytes?: number;
  readonly dontFragment?: 'do' | 'want' | 'dont' | 'probe';
}

/** "veth.recording.json" beside "veth.pcapng". */
export function recordingPath(capturePath: string): string {
  return `${capturePath.replace(/\.pcapng$/, '')}.recording.json`;
}

/** The text of the file: JSON, 64-bit numbers as decimal strings. */
export function saveRecording(recording: Recording): string {
  const ordered: Recording = {
    schema: recording.schema,
    query: recording.query,
    token: recording.token,
    identifier: recording.identifier,
    probes: recording.probes,
    coverage: recording.coverage,
    before: recording.before,
    ...(recording.after === undefined ? {} : { after: recording.after }),
    ...(recording.drops === undefined ? {} : { drops: recording.drops }),
    ...(recording.dropsLeftOut === undefined ? {} : { dropsLeftOut: recording.dropsLeftOut }),
    ...(recording.lives === undefined ? {} : { lives: recording.lives }),
    ...(recording.ruleTrace === undefined ? {} : { ruleTrace: recording.ruleTrace }),
  };
  return `${JSON.stringify(ordered, decimalsForBigints, 1)}\n`;
}

/** For JSON.stringify: 64 bits do not fit a JSON number, so they become decimal strings. */
export function decimalsForBigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}` : value;
}

/**
 * Reads what `saveRecording` wrote.
 * @throws VdiagError unreadable, with the field that is wrong
 */
export function loadRecording(text: string): Recording {
  const root = new JsonValue(parseJson(text));
  const schema = root.field('schema').word('vdiag.recording/1');
  const token = root.field('token');
  if (!new RegExp(`^[0-9a-f]{${2 * TOKEN_LENGTH}}$`).test(token.text()))
    token.fail(`${2 * TOKEN_LENGTH} hexadecimal digits`);
  return {
    schema,
    query: readQuery(root.field('query')),
    token: token.text(),
    identifier: root.field('identifier').count(),
    before: readTopology(root.field('before')),
    ...root.optional('after', readTopology),
    probes: root.field('probes').items().map(readProbe),
    coverage: readCoverage(root.field('coverage')),
    ...root.optional('drops', (drops) => drops.items().map(readKernelDrop)),
    ...root.optional('dropsLeftOut', (count) => count.count()),
    ...root.optional('lives', (lives) => lives.items().map(readKernelLife)),
    ...root.optional('ruleTrace', readRuleTrace),
  };
}

/** What makes the recorded run's probes known among the frames. */
export function runOf({ token, identifier, before }: Recording): RunIdentity {
  const vxlanPorts = unusualVxlanPorts(before);
  return {
    token: Uint8Array.from(Buffer.from(token, 'hex')),
    identifier,
    ...(vxlanPorts.size > 0 ? { vxlanPorts } : {}),
  };
}

/** The namespaces a recording knows: they tell how to read its interface names. */
export function placeOptionsOf({ before, coverage }: Recording): { home: NetnsId; namespaces: NetnsId[] } {
  const ids = [...before.namespaces.map(({ id }) => id), ...coverage.places.map(({ netns }) => netns)];
  return { home: before.home, namespaces: [...new Set(ids)] };
}

/** @throws VdiagError unreadable */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return new JsonValue(null).fail('JSON');
  }
}

function readPlace(place: JsonValue): Place {
  return { netns: place.field('netns').text(), name: place.field('name').text() };
}

function readQuery(query: JsonValue): RecordedQuery {
  return {
    start: readPlace(query.field('start')),
    destination: query.field('destination').text(),
    ...query.optional('source', (source) => source.text()),
    ...query.optional('ttl', (ttl) => ttl.count()),
    ...query.optional('sizeBytes', (size) => size.count()),
    ...query.optional('dontFragment', (mode) => mode.word('do', 'want', 'dont', 'probe')),
  };
}

function readProbe(probe: JsonValue): ProbeResult {
  return {
    sequence: probe.field('sequence').count(),
    sentNs: probe.field('sentNs').bigint(),
    ...probe.optional('doneNs', (time) => time.bigint()),
    ...probe.optional('error', (error) => ({
      errno: error.field('errno').text(),
      at: error.field('at').word('send', 'queue'),
      ...error.optional('icmp', (icmp) => ({
        type: icmp.field('type').count(),
        code: icmp.field('code').count(),
        from: icmp.field('from').text(),
        ...icmp.optional('mtu', (mtu) => mtu.count()),
      })),
    })),
    replies: probe
      .field('replies')
      .items()
      .map((reply) => ({
        timeNs: reply.field('timeNs').bigint(),
        source: reply.field('source').text(),
        ttl: reply.field('ttl').count(),
        lengthBytes: reply.field('lengthBytes').count(),
      })),
  };
}

/** @throws VdiagError unreadable, with the field that is wrong */
export function readCoverage(coverage: JsonValue): Coverage {
  return {
    engine: coverage.field('engine').word('packet-ring', 'cap', 'file'),
    places: coverage.field('places').items().map(readPlace),
    fromNs: coverage.field('fromNs').bigint(),
    untilNs: coverage.field('untilNs').bigint(),
    framesCaptured: coverage.field('framesCaptured').count(),
    lost: coverage
      .field('lost')
      .items()
      .map((lost) => ({ netns: lost.field('netns').text(), frames: lost.field('frames').count() })),
    ...coverage.optional('unfinishedChecksums', (list) =>
      list.items().map((item) => ({ place: readPlace(item.field('place')), frames: item.field('frames').count() })),
    ),
    gaps: coverage
      .field('gaps')
      .items()
      .map((gap) => gap.text()),
  };
}

/** @throws VdiagError unreadable, with the field that is wrong */
export function readTopology({ value, path }: JsonValue): Topology {
  assertTopology(value, path);
  return value;
}
