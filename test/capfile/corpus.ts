/** The corpus of captures, which lies beside the project and is not part of it, and what other programs say of each file. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCapture } from '../../src/capfile/capture-reader.ts';
import type { CaptureSummary } from '../../src/capfile/frame-cursor.ts';
import { JsonValue } from '../../src/capfile/json-value.ts';
import { openCaptureFile } from '../../src/capfile/open.ts';
import { type FrameJson, frameJson } from '../../src/report/frame-json.ts';
import { decodeFrame } from '../../src/wire/frame.ts';

export const CORPUS = fileURLToPath(new URL('../../../shared/corpus', import.meta.url));
export const HAS_CORPUS = existsSync(CORPUS);

/** One line of the oracle: an ARP, ICMP or ICMPv6 packet, by column. */
export type Row = Readonly<Record<string, string>>;

export interface Capture {
  /** As the oracle's files are named. */
  readonly name: string;
  readonly path: string;
  readonly oracle: JsonValue;
  readonly rows: readonly Row[];
}

/** `files`: those of other projects. `lab`: captures of real faults. */
export function captures(folder: 'files' | 'lab'): Capture[] {
  const root = join(CORPUS, folder);
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => join(root, path))
    .filter((path) => statSync(path).isFile() && (folder === 'files' || /\.pcap(ng)?$/.test(path)))
    .sort()
    .map((path) => {
      const name = folder === 'lab' ? basename(path) : relative(root, path).replaceAll('/', '__');
      const facts = folder === 'lab' ? `${path}.oracle` : join(CORPUS, 'oracle', name);
      const oracle = new JsonValue(JSON.parse(readFileSync(`${facts}.json`, 'utf8')));
      return { name, path, oracle, rows: readRows(`${facts}.tsv`) };
    });
}

function readRows(path: string): Row[] {
  const [head = '', ...lines] = readFileSync(path, 'utf8').split('\n');
  const names = head.split('\t');
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const cells = line.split('\t');
      return Object.fromEntries(names.map((name, index) => [name, cells[index] ?? '']));
    });
}

/** What `vdiag frames --all --json` prints of a capture, by frame number, and the summary. */
export async function framesOf(path: string): Promise<{ frames: Map<string, FrameJson>; summary: CaptureSummary }> {
  const file = await openCaptureFile(path);
  try {
    const frames = new Map<string, FrameJson>();
    for await (const frame of readCapture(file)) {
      const { number, timeNs, place, direction, bytes, originalLength, linkType } = frame;
      const facts = { frame: number, timeNs, interface: place.name, direction };
      const lengths = { capturedLength: bytes.length, originalLength };
      const line = frameJson({ ...facts, ...lengths }, decodeFrame(bytes, originalLength, linkType));
      frames.set(`${number}`, JSON.parse(line));
    }
    return { frames, summary: file.summary() };
  } finally {
    file.close();
  }
}
