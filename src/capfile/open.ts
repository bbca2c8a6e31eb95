/**
 * Opens a capture, whatever its format: pcap, pcapng, tcpdump's text; plain or gzip; a file or a stream.
 *
 *     const file = await openCaptureFile(path);
 *     for (;;) {
 *       while (file.cursor.next(file.window)) …one frame, in place…
 *       if (!(await file.fill())) break;
 *     }
 */
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { VdiagError } from '../linux/error.ts';
import { type CaptureFile, type CaptureFormat, type CaptureRevisit, OpenCapture } from './capture-file.ts';
import { type Counter, countedChunks, fileChunks } from './chunks.ts';
import type { CaptureMark, RevisitingCursor } from './frame-cursor.ts';
import { contentsOf, FIRST_LENGTH } from './identify.ts';
import { PcapCursor } from './pcap-cursor.ts';
import { PcapngCursor } from './pcapng-cursor.ts';
import { Spool } from './spool.ts';
import { FileSupply, StreamSupply } from './supply.ts';
import { type Unpacked, unpack } from './unpack.ts';

export type { CaptureFile, CaptureFormat, CaptureRevisit } from './capture-file.ts';
export type { CaptureMark } from './frame-cursor.ts';

export interface OpenOptions {
  /** What `-` reads. Default: the process's standard input. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** Keep what a stream brings in an unlinked temporary file, so that `revisit` can go back. Files need none. */
  readonly spool?: boolean;
}

/**
 * Opens a capture and reads its first bytes.
 * @param path of a file, or `-` for standard input
 * @throws VdiagError unreadable: not there, a directory, empty, or no capture (the hint says what to do with what it looks like)
 */
export async function openCaptureFile(path: string, options: OpenOptions = {}): Promise<CaptureFile> {
  if (path === '-') return openStream('standard input', standardInput(options), options);
  const fd = openForReading(path);
  let opened = false;
  try {
    const file = fstatSync(fd).isFile()
      ? await openFile(path, fd)
      : await openStream(path, createReadStream('', { fd, autoClose: false }), options, () => closeSync(fd));
    opened = true;
    return file;
  } finally {
    if (!opened) closeSync(fd);
  }
}

/** The frame the cursor of a capture stands on now. */
export function markOf(file: CaptureFile): CaptureMark {
  return file.cursor.mark();
}

/** An independent reading of the same capture; undefined for a stream that was not spooled. Close it too. */
export function revisit(file: CaptureFile): Promise<CaptureRevisit | undefined> {
  return file.revisit();
}

function standardInput({ stdin }: OpenOptions): AsyncIterable<Uint8Array> {
  if (stdin !== undefined) return stdin;
  if (process.stdin.isTTY)
    throw new VdiagError(
      'unreadable',
      'standard input is a terminal',
      'send a capture into it: tcpdump -w - | vdiag … -',
    );
  return process.stdin;
}

function openForReading(path: string): number {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw new VdiagError('unreadable', ...openFailure(path, error), { cause: error });
  }
  if (!fstatSync(fd).isDirectory()) return fd;
  closeSync(fd);
  throw new VdiagError('unreadable', `${path} is a directory`, 'name the capture files in it');
}

function openFailure(path: string, error: unknown): [string, string] {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return [`no such file: ${path}`, 'check the path'];
  if (code === 'EACCES') return [`${path}: permission denied`, 'read it with sudo, or make it readable'];
  return [`${path} cannot be opened: ${error instanceof Error ? error.message : String(error)}`, ''];
}

/** A regular file: in place where it is a capture as it stands, else through what unpacks it. */
async function openFile(name: string, fd: number): Promise<CaptureFile> {
  const first = new Uint8Array(FIRST_LENGTH);
  const length = readSync(fd, first, 0, first.length, 0);
  const contents = contentsOf(first.subarray(0, length));
  const sizeBytes = fstatSync(fd).size;
  const reopen = () => openSync(`/proc/self/fd/${fd}`, 'r');
  if (contents === 'pcap' || contents === 'pcapng') {
    const parts = {
      name,
      format: contents,
      compressed: false,
      sizeBytes,
      again: async () => new FileSupply(reopen()),
      release: () => {},
    };
    return new OpenCapture(parts, cursorOf(contents), new FileSupply(fd));
  }
  const read = async (descriptor: number) => {
    const counter: Counter = { bytes: 0 };
    const unpacked = await unpack(name, fileChunks(descriptor, counter));
    return { unpacked, supply: supplyOf(unpacked, counter, undefined, () => closeSync(descriptor)) };
  };
  const { unpacked, supply } = await read(fd);
  const { format, compressed } = unpacked;
  const again = async () => (await read(reopen())).supply;
  return new OpenCapture({ name, format, compressed, sizeBytes, again, release: () => {} }, cursorOf(format), supply);
}

async function openStream(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  { spool: wanted }: OpenOptions,
  closed: () => void = () => {},
): Promise<CaptureFile> {
  const counter: Counter = { bytes: 0 };
  const unpacked = await unpack(name, countedChunks(chunks, counter));
  const { format, compressed } = unpacked;
  const spool = wanted === true ? new Spool() : undefined;
  const again = async () => {
    const fd = spool?.reopen();
    return fd === undefined ? undefined : new FileSupply(fd);
  };
  const parts = { name, format, compressed, sizeBytes: undefined, again, release: () => spool?.close() };
  return new OpenCapture(parts, cursorOf(format), supplyOf(unpacked, counter, spool, closed));
}

function supplyOf(unpacked: Unpacked, counter: Counter, spool: Spool | undefined, closed: () => void): StreamSupply {
  const { chunks, ending } = unpacked;
  const failure = () => (ending.failure === undefined ? undefined : `the gzip data is damaged: ${ending.failure}`);
  return new StreamSupply(chunks, { consumed: () => counter.bytes, failure, spool, closed });
}

/** Text has become pcapng on the way. */
function cursorOf(format: CaptureFormat): RevisitingCursor {
  return format === 'pcap' ? new PcapCursor() : new PcapngCursor();
}
