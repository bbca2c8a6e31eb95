/** One capture file that is being written: frames are gathered, and what is in the file is whole blocks alone. */
import type { PcapngWriter } from '../capfile/pcapng-writer.ts';
import type { Coverage, Frame } from '../trace/frame.ts';
import { type OutputFile, openOutputFile } from './record-file.ts';

/** The end of a file says what was listened to, and what was lost. */
export type Listened = Pick<Coverage, 'fromNs' | 'untilNs' | 'lost'>;

/** Blocks are gathered up to this size before they are written, bytes. */
const GATHERED = 1 << 20;

export interface Part {
  readonly file: OutputFile;
  /** Frames, written and gathered; and those that are in the file. */
  readonly frames: number;
  readonly written: number;
  /** Written and gathered, bytes. */
  readonly size: number;
  readonly lastNs: bigint;
  readonly writtenUntilNs: bigint;
  add(frame: Frame): void;
  write(): void;
  end(listened: Listened): void;
}

/** @throws VdiagError unwritable, here and from what writes */
export function openPart(path: string, writer: PcapngWriter): Part {
  const file = openOutputFile(path);
  let gathered: { block: Uint8Array; frame?: Frame }[] = [];
  let size = 0;
  let frames = 0;
  let written = 0;
  let lastNs = 0n;
  let writtenUntilNs = 0n;
  const gather = (block: Uint8Array, frame?: Frame) => {
    gathered.push(frame ? { block, frame } : { block });
    size += block.length;
  };
  const append = (blocks: typeof gathered) => {
    file.append(Buffer.concat(blocks.map(({ block }) => block)));
    for (const { frame } of blocks) {
      if (!frame) continue;
      written++;
      writtenUntilNs = frame.timeNs;
    }
  };
  const write = () => {
    const blocks = gathered;
    gathered = [];
    if (blocks.length === 0) return;
    try {
      append(blocks);
    } catch {
      // There may be room for some of it: as many as there is room for, and then the error again.
      for (const block of blocks) append([block]);
    }
  };
  gather(writer.begin());
  return {
    file,
    get frames() {
      return frames;
    },
    get written() {
      return written;
    },
    get size() {
      return size;
    },
    get lastNs() {
      return lastNs;
    },
    get writtenUntilNs() {
      return writtenUntilNs;
    },
    add(frame) {
      frames++;
      lastNs = frame.timeNs;
      gather(writer.frame(frame), frame);
      if (size - file.bytes > GATHERED) write();
    },
    write,
    end(listened) {
      gather(writer.end(listened));
      write();
      file.close();
    },
  };
}
