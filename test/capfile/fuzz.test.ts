/** Any bytes, and real captures with bytes changed: they end with frames or a problem, in bounded time and memory. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCapture } from '../../src/capfile/capture-reader.ts';
import { openCaptureFile } from '../../src/capfile/open.ts';
import { VdiagError } from '../../src/linux/error.ts';
import { frameJson } from '../../src/report/frame-json.ts';
import { createFrameLines } from '../../src/report/frame-line.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import { captures, HAS_CORPUS } from './corpus.ts';
import { pcapFile } from './pcap-records.ts';

async function* once(bytes: Uint8Array) {
  yield bytes;
}

/** Reads, decodes and prints everything; returns how many frames that were. Only an unreadable start may be an error. */
async function readAll(bytes: Uint8Array): Promise<number> {
  const lines = createFrameLines();
  let count = 0;
  try {
    const file = await openCaptureFile('-', { stdin: once(bytes) });
    for await (const { number, timeNs, bytes: captured, originalLength, linkType, direction } of readCapture(file)) {
      const packet = decodeFrame(captured, originalLength, linkType);
      const facts = {
        frame: number,
        timeNs,
        interface: null,
        direction,
        capturedLength: captured.length,
        originalLength,
      };
      const line = `${lines(facts, packet)}${frameJson(facts, packet)}`;
      if (!/^[\x20-\x7e]+$/.test(line)) throw new Error(`not printable: ${JSON.stringify(line)}`);
      count++;
    }
    const { frames, problems, problemCount } = file.summary();
    expect(count).toBeLessThanOrEqual(frames);
    expect(problems.length).toBeLessThanOrEqual(problemCount);
    for (const { message } of problems) expect(message).toMatch(/^[\x20-\x7e]+$/);
    file.close();
  } catch (error) {
    if (!(error instanceof VdiagError && error.code === 'unreadable')) throw error;
  }
  return count;
}

/** The start of every format, so that what follows is looked at. */
const STARTS = [
  '',
  'd4c3b2a1020004000000000000000000ffff000001000000',
  'a1b23c4d000200040000000000000000ffffffff00000114',
  '34cdb2a1020004000000000000000000ffff000071000000',
  '0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000010000001400000001000000000000001400000006000000',
  '1f8b0800000000000003',
].map((digits) => Buffer.from(digits, 'hex'));

const anyEdits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 12 });

function edited(bytes: Uint8Array, edits: readonly (readonly [number, number])[], cut: number): Uint8Array {
  const changed = Uint8Array.from(bytes.subarray(0, cut % 3 === 0 ? cut % (bytes.length + 1) : bytes.length));
  // Most near the start, where the headers are.
  for (const [at, value] of edits) changed[(at % 2 === 0 ? at % 128 : at) % Math.max(changed.length, 1)] = value;
  return changed;
}

describe('any input', () => {
  it('behind the start of any format', { timeout: 20_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...STARTS), fc.uint8Array({ maxLength: 400 }), async (start, bytes) => {
        await readAll(Buffer.concat([start, bytes]));
      }),
      { numRuns: 1500, seed: 7 },
    );
  });

  it.skipIf(!HAS_CORPUS)('of real captures, with bytes changed', { timeout: 30_000 }, async () => {
    const files = captures('files')
      .map(({ path }) => readFileSync(path))
      .filter(({ length }) => length < 20_000);
    expect(files.length).toBeGreaterThan(500);
    let frames = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files), anyEdits, fc.nat(), async (bytes, edits, cut) => {
        frames += await readAll(edited(bytes, edits, cut));
      }),
      { numRuns: 1500, seed: 7 },
    );
    // The changes must leave something to be read, or this would test nothing.
    expect(frames).toBeGreaterThan(3000);
  });

  it('a length of 4 GiB in a file of 1 KiB takes no memory', async () => {
    const file = pcapFile({ linkType: 189 }, [{ data: Buffer.alloc(1000), captured: (1 << 27) - 1 }]);
    const before = process.memoryUsage().arrayBuffers;
    await readAll(file);
    await readAll(pcapFile({}, [{ data: Buffer.alloc(1000), captured: 0xffffffff }]));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 << 20);
  });
});
