/** One capture file that is being written: frames are gathered, and what is in the file is whole blocks alone. */
import { BlockMemory, blocksOf } from '../capfile/block-memory.ts';
import type { PcapngWriter } from '../capfile/pcapng-writer.ts';
import { type CapturedPacket, timeOf } from '../trace/captured-packet.ts';
import type { Coverage } from '../trace/frame.ts';
import { type OutputFile, openOutputFile } from './record-file.ts';

/** The end of a file says what was listened to, and what was lost. */
export type Listened = Pick<Coverage, 'fromNs' | 'untilNs' | 'lost'>;

/** Blocks are gathered up to this size before they are written, bytes. */
const GATHERED = 1 << 20;
/** Room behind it for what goes over. */
const LARGEST = 1 << 19;

export interface Part {
  readonly file: OutputFile;
  /** Frames, written and gathered; and those that are in the file. */
  readonly frames: number;
  readonly written: number;
  /** Written and gathered, bytes. */
  readonly size: number;
  /** When the last frame was captured, and the last that is in the file (Unix nanoseconds); 0 before the first. */
  readonly lastNs: bigint;
  readonly writtenUntilNs: bigint;
  add(packet: CapturedPacket): void;
  write(): void;
  end(listened: Listened): void;
}

/** @throws VdiagError unwritable, here and from what writes */
export function openPart(path: string, writer: PcapngWriter): Part {
  const file = openOutputFile(path);
  const gathered = new BlockMemory(GATHERED + LARGEST);
  let frames = 0;
  let written = 0;
  let seconds = 0;
  let nanoseconds = 0;
  let writtenUntilNs = 0n;
  const write = () => {
    if (gathered.length === 0) return;
    const blocks = gathered.written;
    gathered.clear();
    try {
      file.append(blocks);
      written = frames;
      writtenUntilNs = timeOf({ seconds, nanoseconds });
    } catch {
      // There may be room for some of it: as many as there is room for, and then the error again.
      for (const { block, packetNs } of blocksOf(blocks)) {
        file.append(block);
        if (packetNs === undefined) continue;
        written++;
        writtenUntilNs = packetNs;
      }
    }
  };
  gathered.append(writer.begin());
  return {
    file,
    get frames() {
      return frames;
    },
    get written() {
      return written;
    },
    get size() {
      return file.bytes + gathered.length;
    },
    get lastNs() {
      return timeOf({ seconds, nanoseconds });
    },
    get writtenUntilNs() {
      return writtenUntilNs;
    },
    add(packet) {
      frames++;
      seconds = packet.seconds;
      nanoseconds = packet.nanoseconds;
      writer.append(packet, gathered);
      if (gathered.length > GATHERED) write();
    },
    write,
    end(listened) {
      gathered.append(writer.end(listened));
      write();
      file.close();
    },
  };
}
