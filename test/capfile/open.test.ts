/** Opening captures: what they are is told by their contents; files, streams, gzip, and going back. */

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaptureFile } from '../../src/capfile/capture-file.ts';
import { type FileFrame, readCapture, readCaptureBytes } from '../../src/capfile/capture-reader.ts';
import { type CaptureMark, markOf, type OpenOptions, openCaptureFile, revisit } from '../../src/capfile/open.ts';
import { problemText } from '../../src/capfile/problem.ts';
import { VdiagError } from '../../src/linux/error.ts';
import { Blocks, byte, text } from './blocks.ts';
import { pcapFile } from './pcap-records.ts';

const LITTLE = new Blocks(true);
const BIG = new Blocks(false);

/** Two sections, an interface that comes late, frames of many lengths: more than one reading of a file takes. */
function manyFrames(): Buffer {
  const parts = [LITTLE.section(), LITTLE.interface([text(2, 'eth0'), byte(9, 9)])];
  for (let index = 0; index < 4000; index++) {
    if (index === 1500) parts.push(LITTLE.interface([text(2, 'eth1'), byte(9, 6)]));
    if (index === 3000) parts.push(BIG.section(), BIG.interface([text(2, 'eth2'), byte(9, 9)]));
    const make = index < 3000 ? LITTLE : BIG;
    const data = Buffer.alloc(60 + ((index * 37) % 1400), index);
    parts.push(make.enhanced(index < 3000 && index > 1500 ? index % 2 : 0, BigInt(index + 1), data));
  }
  return Buffer.concat(parts);
}

const MANY = manyFrames();
/** No gzip makes this shorter. */
const NOISE = pcapFile(
  {},
  Array.from({ length: 100 }, (_, index) => ({
    data: Buffer.concat(
      Array.from({ length: 32 }, (_, part) => createHash('sha256').update(`${index} ${part}`).digest()),
    ),
  })),
);
const FEW = pcapFile(
  {},
  [1, 2, 3].map((seconds) => ({ seconds, data: Buffer.alloc(60, seconds) })),
);

/** Thousands of frames compare faster by what their bytes come to. */
function digests(frames: readonly FileFrame[]): unknown[] {
  return frames.map(({ bytes, ...facts }) => [facts, createHash('md5').update(bytes).digest('hex')]);
}

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vdiag-open-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function stored(name: string, bytes: Uint8Array | string): string {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}

async function* inPieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function allOf(path: string, options: OpenOptions = {}) {
  const file = await openCaptureFile(path, options);
  const frames: FileFrame[] = [];
  for await (const frame of readCapture(file)) frames.push(frame);
  file.close();
  const { format, compressed, name, sizeBytes, position } = file;
  return { frames, summary: file.summary(), format, compressed, name, sizeBytes, position };
}

async function failure(path: string, options: OpenOptions = {}): Promise<[string, string]> {
  try {
    (await openCaptureFile(path, options)).close();
  } catch (error) {
    if (error instanceof VdiagError && error.code === 'unreadable') return [error.message, error.hint];
    throw error;
  }
  return ['', ''];
}

describe('a file', () => {
  it.each([
    ['pcap', FEW],
    ['pcapng', MANY],
  ])('%s is read in place', async (format, bytes) => {
    const path = stored(`plain.${format}`, bytes);
    const read = await allOf(path);
    const expected = readCaptureBytes(bytes);
    expect(read).toMatchObject({ format, compressed: false, name: path });
    expect([read.sizeBytes, read.position]).toEqual([bytes.length, bytes.length]);
    expect(digests(read.frames)).toEqual(digests(expected.frames));
    expect(read.summary).toEqual(expected.summary);
  });

  it.each([
    ['one member', gzipSync(MANY)],
    ['several members', Buffer.concat([gzipSync(MANY.subarray(0, 99_999)), gzipSync(MANY.subarray(99_999))])],
  ])('gzip of %s is unpacked, whatever its name', async (_what, bytes) => {
    const { frames, compressed, format, position } = await allOf(stored('capture.bin', bytes));
    expect({ compressed, format, position }).toEqual({ compressed: true, format: 'pcapng', position: bytes.length });
    expect(digests(frames)).toEqual(digests(readCaptureBytes(MANY).frames));
  });

  it('gzip cut off keeps what came before, and says so once', async () => {
    const whole = gzipSync(MANY);
    const { frames, summary } = await allOf(stored('cut.gz', whole.subarray(0, whole.length / 2)));
    expect(frames.length).toBeGreaterThan(100);
    expect(digests(frames)).toEqual(digests(readCaptureBytes(MANY).frames).slice(0, frames.length));
    expect(summary.problems.map(problemText)).toEqual([
      `at byte ${summary.problems[0]?.offset}: the gzip data is damaged: unexpected end of file`,
    ]);
    expect(summary.problems[0]?.offset).toBeGreaterThan(frames.at(-1)?.offset ?? Number.POSITIVE_INFINITY);
  });

  it('gzip with a wrong checksum is said to be damaged, and what was unpacked before that is kept', async () => {
    const damaged = gzipSync(NOISE);
    damaged[damaged.length - 6] = (damaged[damaged.length - 6] ?? 0) ^ 0xff;
    const { frames, summary } = await allOf(stored('checksum.gz', damaged));
    expect(frames.length).toBeGreaterThan(50);
    expect(digests(frames)).toEqual(digests(readCaptureBytes(NOISE).frames).slice(0, frames.length));
    expect(summary.problems).toMatchObject([
      { fatal: true, message: 'the gzip data is damaged: incorrect data check' },
    ]);
  });

  it('a pipe with a name is a stream', async () => {
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    // Opening a pipe waits for the other end.
    spawn('cp', [stored('piped.pcap', FEW), pipe], { stdio: 'ignore' });
    const { frames, sizeBytes } = await allOf(pipe);
    expect([frames.length, sizeBytes]).toEqual([3, undefined]);
  });
});

describe('a stream', () => {
  it.each([1, 7, 65_536])('is read in pieces of %i bytes', async (size) => {
    const { frames, name } = await allOf('-', { stdin: inPieces(FEW, size) });
    expect(name).toBe('standard input');
    expect(frames).toEqual(readCaptureBytes(FEW).frames);
  });

  it('shows a frame while the program that captures goes on', async () => {
    let wake = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const stdin = (async function* () {
      yield FEW.subarray(0, 24);
      yield FEW.subarray(24, 100);
      await woken;
      yield FEW.subarray(100);
    })();
    const file = await openCaptureFile('-', { stdin });
    const frames = readCapture(file);
    expect((await frames.next()).value).toMatchObject({ number: 1 });
    wake();
    expect((await frames.next()).value).toMatchObject({ number: 2 });
    file.close();
  });

  it('that fails is a problem at the place where it failed', async () => {
    const stdin = (async function* () {
      yield FEW.subarray(0, 100);
      throw new Error('connection reset');
    })();
    const { frames, summary } = await allOf('-', { stdin });
    expect(frames.length).toBe(1);
    expect(summary.problems.map(problemText)).toEqual(['at byte 100: the input cannot be read on: connection reset']);
  });
});

describe('what is no capture', () => {
  it.each([
    ['zip', Buffer.from('PK\x03\x04rest'), 'a zip archive', 'unpack it first, and give the capture inside'],
    ['xz', Buffer.from('fd377a585a0000', 'hex'), 'xz', 'unpack it first: xz -dc FILE | vdiag … -'],
    [
      'snoop',
      Buffer.from('snoop\0\0\0\0\0\0\x02'),
      'a snoop capture',
      'convert it first: editcap -F pcapng FILE NEW.pcapng',
    ],
    ['json', Buffer.from('{"schema": 1}'), 'JSON', expect.stringContaining('give a pcap or pcapng file')],
    ['binary', Buffer.from([1, 2, 3, 0, 5]), 'binary data of no known format', expect.any(String)],
    ['prose', Buffer.from('hello world\n'), "text, but not tcpdump's", expect.any(String)],
    ['gzip of gzip', gzipSync(gzipSync(FEW)), 'gzip again', 'unpack it first'],
  ])('%s', async (name, bytes, looks, hint) => {
    const path = stored(name, bytes);
    const unpacked = name === 'gzip of gzip' ? ' (unpacked)' : '';
    expect(await failure(path)).toEqual([
      `${path}${unpacked} is no capture that vdiag reads: it looks like ${looks}`,
      hint,
    ]);
  });

  it('nothing at all', async () => {
    const path = stored('empty', '');
    expect((await failure(path))[0]).toBe(`${path} is empty`);
    expect((await failure('-', { stdin: inPieces(new Uint8Array(0), 1) }))[0]).toBe('standard input is empty');
  });

  it('no file, or a directory', async () => {
    const missing = join(directory, 'missing');
    expect(await failure(missing)).toEqual([`no such file: ${missing}`, 'check the path']);
    mkdirSync(join(directory, 'folder'));
    const folder = join(directory, 'folder');
    expect(await failure(folder)).toEqual([`${folder} is a directory`, 'name the capture files in it']);
  });

  it('gzip that is damaged from its start', async () => {
    const path = stored('bad.gz', Buffer.from('1f8b08000000000000ffffff', 'hex'));
    expect((await failure(path))[0]).toMatch(/ is damaged gzip data: /);
  });
});

/** Marks of every hundredth frame, by number. */
async function marked(file: CaptureFile): Promise<Map<number, CaptureMark>> {
  const marks = new Map<number, CaptureMark>();
  do
    while (file.cursor.next(file.window))
      if (file.cursor.number % 100 === 0) marks.set(file.cursor.number, markOf(file));
  while (await file.fill());
  return marks;
}

describe('going back', () => {
  const expected = readCaptureBytes(MANY).frames;

  it.each([
    ['a file', () => openCaptureFile(stored('again.pcapng', MANY))],
    ['a gzip file', () => openCaptureFile(stored('again.gz', gzipSync(MANY)))],
    ['a stream', () => openCaptureFile('-', { stdin: inPieces(MANY, 5000), spool: true })],
    ['a stream of gzip', () => openCaptureFile('-', { stdin: inPieces(gzipSync(MANY), 500), spool: true })],
  ])('in %s: the same frames, the same interfaces, nothing counted twice', async (_what, open) => {
    const file = await open();
    const marks = await marked(file);
    const counted = file.summary().interfaces.map(({ packets }) => packets);
    const again = await revisit(file);
    if (again === undefined) throw new Error('cannot go back');
    for (const number of [200, 1400, 1500, 3900, 3000, 3100, 100]) {
      const mark = marks.get(number);
      if (mark === undefined) throw new Error(`no mark for ${number}`);
      await again.goTo(mark);
      const frames = readCapture(again);
      for (const wanted of expected.slice(number - 1, number + 150)) {
        const { value: frame } = await frames.next();
        expect(frame && digests([frame])).toEqual(digests([wanted]));
        if (frame) expect(again.cursor.source).toBe(file.summary().interfaces[frame.interfaceIndex]);
      }
    }
    expect(file.summary().interfaces.map(({ packets }) => packets)).toEqual(counted);
    again.close();
    file.close();
  });

  it('in a pcap file', async () => {
    const file = await openCaptureFile(stored('again.pcap', FEW));
    file.cursor.next(file.window);
    while (file.cursor.number < 2) if (!file.cursor.next(file.window)) await file.fill();
    const mark = markOf(file);
    const again = await file.revisit();
    await again?.goTo(mark);
    const frames = again && readCapture(again);
    expect((await frames?.next())?.value).toEqual(readCaptureBytes(FEW).frames[1]);
    again?.close();
    file.close();
  });

  it('is not possible in a stream that was not kept', async () => {
    const file = await openCaptureFile('-', { stdin: inPieces(FEW, 50) });
    await marked(file);
    expect(await revisit(file)).toBeUndefined();
    file.close();
  });

  it('leaves no file behind, and closes what it opened', async () => {
    const open = () => readdirSync('/proc/self/fd').length;
    const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith('vdiag-')).length;
    const before = [open(), left()];
    const file = await openCaptureFile('-', { stdin: inPieces(MANY, 5000), spool: true });
    await marked(file);
    (await revisit(file))?.close();
    expect(left()).toBe(before[1]);
    file.close();
    file.close();
    const plain = await openCaptureFile(stored('closed.pcapng', MANY));
    (await revisit(plain))?.close();
    plain.close();
    const packed = await openCaptureFile(stored('closed.gz', gzipSync(MANY)));
    await packed.fill();
    packed.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([open(), left()]).toEqual(before);
  });
});

it('keeps memory bounded whatever gzip unpacks to', async () => {
  // 64 MiB of one skipped record, in 64 KiB of gzip.
  const bomb = gzipSync(pcapFile({ linkType: 189 }, [{ data: Buffer.alloc(64 << 20) }]));
  expect(bomb.length).toBeLessThan(100_000);
  const path = stored('bomb.gz', bomb);
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  const file = await openCaptureFile(path);
  do {
    file.cursor.next(file.window);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  } while (await file.fill());
  expect(file.summary()).toMatchObject({ frames: 1, problems: [] });
  expect(most).toBeLessThan(40 << 20);
  file.close();
});
