/** Where recorded frames go: one file, a stream, or a ring of files of which the newest are kept. */
import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BlockMemory } from '../capfile/block-memory.ts';
import { partNumber, partPath } from '../capfile/companion.ts';
import type { PcapngWriter } from '../capfile/pcapng-writer.ts';
import { type CapturedPacket, timeOf } from '../trace/captured-packet.ts';
import { type Listened, openPart } from './record-part.ts';

export interface RecordOutput {
  /** Files that are there now, oldest first; none for a stream. */
  readonly files: readonly string[];
  /** Bytes in them, or written to the stream. */
  readonly bytes: number;
  /** Frames in those bytes. */
  readonly frames: number;
  /** Beside it a companion can stand. */
  readonly isRegular: boolean;
  /** What was captured up to here has been thrown away again (Unix nanoseconds); undefined: nothing has. */
  readonly droppedUntilNs: bigint | undefined;
  /** Frames that have been thrown away again. */
  readonly droppedFrames: number;
  /** When the last frame that was written was captured (Unix nanoseconds); 0 before the first. */
  readonly writtenUntilNs: bigint;
  /** Nobody reads the stream any more. */
  readonly readerLeft: boolean;
  /** Frames in order of time. */
  add(packet: CapturedPacket): void;
  /** Hands over what was added; resolves when it is written. */
  flush(): Promise<void>;
  /** The end of the last file. */
  finish(listened: Listened): Promise<void>;
  /** Idempotent. */
  close(): void;
}

/** A ring is kept in this many files: with each of them that is deleted so much of it goes. */
export const RING_PARTS = 8;
/** What is made for a stream at the beginning, bytes. */
const PENDING = 1 << 18;

/**
 * One file, each block whole.
 * @throws VdiagError unwritable, here and from `add`, `flush` and `finish`
 */
export function fileOutput(path: string, createWriter: () => PcapngWriter): RecordOutput {
  const part = openPart(path, createWriter());
  return {
    get files() {
      return part.file.isRegular ? [path] : [];
    },
    get bytes() {
      return part.file.bytes;
    },
    get frames() {
      return part.written;
    },
    isRegular: part.file.isRegular,
    droppedUntilNs: undefined,
    droppedFrames: 0,
    get writtenUntilNs() {
      return part.writtenUntilNs;
    },
    readerLeft: false,
    add: (packet) => part.add(packet),
    async flush() {
      part.write();
    },
    async finish(listened) {
      part.end(listened);
    },
    close: () => part.file.close(),
  };
}

/**
 * A ring of complete files, NAME-00001.pcapng and on, together at most `ringBytes`. Parts of an earlier recording of the same
 * name are removed, as a file of that name would be overwritten.
 * @param listened what to write at the end of a part
 * @throws VdiagError unwritable, here and from `add`, `flush` and `finish`
 */
export function ringOutput(
  path: string,
  ringBytes: number,
  createWriter: () => PcapngWriter,
  listened: () => Listened,
): RecordOutput {
  const partBytes = Math.floor(ringBytes / RING_PARTS);
  removeParts(path);
  let number = 1;
  let current = openPart(partPath(path, number), createWriter());
  const { isRegular } = current.file;
  const full: { path: string; bytes: number; frames: number; lastNs: bigint }[] = [];
  let droppedUntilNs: bigint | undefined;
  let droppedFrames = 0;

  const rotate = () => {
    const fromNs = full.at(-1)?.lastNs ?? listened().fromNs;
    current.end({ ...listened(), fromNs, untilNs: current.lastNs });
    current.file.close();
    full.push({ path: current.file.path, bytes: current.file.bytes, frames: current.written, lastNs: current.lastNs });
    // Room is made before it is needed: the disk may have no more.
    while (full.reduce((sum, { bytes }) => sum + bytes, partBytes) > ringBytes) {
      const oldest = full.shift();
      if (!oldest) break;
      rmSync(oldest.path, { force: true });
      droppedUntilNs = oldest.lastNs;
      droppedFrames += oldest.frames;
    }
    number++;
    current = openPart(partPath(path, number), createWriter());
  };

  return {
    get files() {
      return [...full.map((part) => part.path), current.file.path];
    },
    get bytes() {
      return full.reduce((sum, { bytes }) => sum + bytes, current.file.bytes);
    },
    get frames() {
      return full.reduce((sum, { frames }) => sum + frames, current.written);
    },
    isRegular,
    get droppedUntilNs() {
      return droppedUntilNs;
    },
    get droppedFrames() {
      return droppedFrames;
    },
    get writtenUntilNs() {
      return current.writtenUntilNs || (full.at(-1)?.lastNs ?? 0n);
    },
    readerLeft: false,
    add(packet) {
      // Of a frame that belongs to the next part this one would only describe a new interface.
      if (current.frames > 0 && current.size + packet.length > partBytes) rotate();
      current.add(packet);
    },
    async flush() {
      current.write();
    },
    async finish(whole) {
      current.end({ ...whole, fromNs: full.at(-1)?.lastNs ?? whole.fromNs });
    },
    close: () => current.file.close(),
  };
}

/** A stream, such as standard output: as it comes, so that a reader can follow. */
export function streamOutput(stream: NodeJS.WritableStream, createWriter: () => PcapngWriter): RecordOutput {
  const writer = createWriter();
  const pending = new BlockMemory(PENDING);
  pending.append(writer.begin());
  let bytes = 0;
  let added = 0;
  let seconds = 0;
  let nanoseconds = 0;
  let frames = 0;
  let writtenUntilNs = 0n;
  let open = true;
  const flush = async (): Promise<void> => {
    if (!open || pending.length === 0) return;
    // The stream may keep it for longer than this memory is left alone.
    const chunk = pending.written.slice();
    pending.clear();
    open = await new Promise<boolean>((resolve) => stream.write(chunk, (error) => resolve(!error)));
    if (!open) return;
    bytes += chunk.length;
    frames = added;
    writtenUntilNs = timeOf({ seconds, nanoseconds });
  };
  return {
    files: [],
    get bytes() {
      return bytes;
    },
    get frames() {
      return frames;
    },
    isRegular: false,
    droppedUntilNs: undefined,
    droppedFrames: 0,
    get writtenUntilNs() {
      return writtenUntilNs;
    },
    get readerLeft() {
      return !open;
    },
    add(packet) {
      added++;
      seconds = packet.seconds;
      nanoseconds = packet.nanoseconds;
      writer.append(packet, pending);
    },
    flush,
    async finish(listened) {
      pending.append(writer.end(listened));
      await flush();
    },
    close() {},
  };
}

function removeParts(path: string): void {
  const directory = dirname(path);
  const stem = basename(path);
  let names: string[] = [];
  try {
    names = readdirSync(directory);
  } catch {
    // Opening the first part says what is wrong with the directory.
  }
  for (const name of names) if (partNumber(stem, name) !== undefined) rmSync(join(directory, name), { force: true });
}
