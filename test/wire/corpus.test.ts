/**
 * What is seen in every frame of the corpus of captures; its fields are compared in test/capfile/corpus-fields.test.ts.
 * The corpus lies beside the project and is not part of it; without it the test says so and is skipped.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { describePacket } from '../../src/wire/describe.ts';
import { decodeFrame } from '../../src/wire/frame.ts';

const CORPUS = fileURLToPath(new URL('../../../shared/corpus', import.meta.url));
const ETHERNET = 1;
/** tshark takes this file for a vendor's variant with longer record headers and reads its first packet 4 bytes late. */
const MISREAD = new Set(['pcapplusplus__fuzz-igmplayer#1']);

type Row = Readonly<Record<string, string>>;

interface Captured {
  readonly bytes: Uint8Array;
  readonly originalLength: number;
}

/** Plain pcap with Ethernet frames, or undefined for any other file. */
function readPcap(file: string): Captured[] | undefined {
  const bytes = readFileSync(file);
  if (bytes.length < 24) return undefined;
  const magic = bytes.readUInt32LE(0);
  const little = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
  if (!little && magic !== 0xd4c3b2a1 && magic !== 0x4d3cb2a1) return undefined;
  const u32 = (at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  if ((u32(20) & 0xffff) !== ETHERNET) return undefined;
  const frames: Captured[] = [];
  for (let at = 24; at + 16 <= bytes.length; ) {
    const end = at + 16 + u32(at + 8);
    if (end > bytes.length) break;
    frames.push({ bytes: bytes.subarray(at + 16, end), originalLength: u32(at + 12) });
    at = end;
  }
  return frames;
}

function readRows(file: string): Row[] {
  const [head = '', ...lines] = readFileSync(file, 'utf8').split('\n');
  const names = head.split('\t');
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const cells = line.split('\t');
      return Object.fromEntries(names.map((name, index) => [name, cells[index] ?? '']));
    });
}

interface Capture {
  readonly name: string;
  readonly frames: readonly Captured[];
  readonly rows: readonly Row[];
}

function captures(): Capture[] {
  const root = join(CORPUS, 'files');
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).flatMap((path) => {
    const file = join(root, path);
    const name = relative(root, file).replaceAll('/', '__');
    const oracle = join(CORPUS, 'oracle', `${name}.tsv`);
    if (!statSync(file).isFile() || !existsSync(oracle)) return [];
    const frames = readPcap(file);
    return frames === undefined ? [] : [{ name, frames, rows: readRows(oracle) }];
  });
}

describe.skipIf(!existsSync(CORPUS))('the corpus of captures (skipped where ../shared/corpus is not there)', () => {
  const all = existsSync(CORPUS) ? captures() : [];

  it('sees no ARP or ICMP where tshark sees none', () => {
    const wrong: string[] = [];
    for (const { name, frames, rows } of all) {
      const known = new Set(rows.map((row) => row.pkt));
      frames.forEach((frame, index) => {
        const { arp, icmp } = decodeFrame(frame.bytes, frame.originalLength);
        const at = `${name}#${index + 1}`;
        if ((arp || icmp) && !known.has(`${index + 1}`) && !MISREAD.has(at)) wrong.push(at);
      });
    }
    expect(wrong).toEqual([]);
  });

  it('describes every frame in one printable line', () => {
    let lines = 0;
    for (const { frames } of all)
      for (const { bytes, originalLength } of frames) {
        const line = describePacket(decodeFrame(bytes, originalLength));
        if (!/^[\x20-\x7e]+$/.test(line)) throw new Error(JSON.stringify(line));
        lines++;
      }
    expect(lines).toBeGreaterThan(8000);
  });
});
