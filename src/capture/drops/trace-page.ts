/**
 * One sub-buffer of the kernel's trace ring (kernel/trace/ring_buffer.c), as per_cpu/cpuN/trace_pipe_raw hands it over:
 *
 *     time of the first record (64 bits) ─► commit: bytes used, and flags ─► record header (32 bits), record …
 *
 * A record header is 5 bits of type or length and 27 bits of time since the record before. Little-endian kernels only.
 */
import type { PageFormat } from './event-format.ts';

const type = { lengthFollows: 0, longestShort: 28, padding: 29, timeExtend: 30, timeStamp: 31 };
/** Records were overwritten before this page; their number may stand behind its records. */
const missedEvents = 1 << 31;
const missedStored = 1 << 30;
const lengthMask = (1 << 20) - 1;
/** An absolute stamp lacks the highest five bits. */
const stampMask = 0xf8n << 56n;

export interface TracePage {
  /** Records lost before this page: at least 1 where the kernel does not say how many. */
  readonly lost: number;
  /** What is wrong with the page; the records before it are good. */
  readonly broken?: string;
}

/** @param at nanoseconds since `zeroNs` @param end position behind the record */
export type OnRecord = (offset: number, end: number, at: number) => void;

/** Time of the first record, on the ring's clock; undefined for bytes that are no page. */
export function pageTimeNs(bytes: Uint8Array): bigint | undefined {
  return bytes.length < 8 ? undefined : new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
}

/**
 * Walks the records of a page. Total: whatever the bytes are, nothing outside them is read.
 * @param zeroNs what times are counted from, on the ring's clock
 */
export function readTracePage(bytes: Uint8Array, format: PageFormat, zeroNs: bigint, onRecord: OnRecord): TracePage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < format.dataOffset) return { lost: 0, broken: 'shorter than its header' };
  let base = view.getBigUint64(0, true);
  const commit = view.getInt32(8, true);
  const end = format.dataOffset + (commit & lengthMask);
  const lost = (commit & missedEvents) === 0 ? 0 : missedCount(view, end, (commit & missedStored) !== 0);
  if (end > bytes.length) return { lost, broken: 'longer than what was read' };
  let at = Number(base - zeroNs);
  let offset = format.dataOffset;
  while (offset + 4 <= end) {
    const header = view.getUint32(offset, true);
    const kind = header & 0x1f;
    const time = header >>> 5;
    const data = offset + 4;
    if (kind >= 1 && kind <= type.longestShort) {
      const next = data + kind * 4;
      if (next > end) return { lost, broken: 'a record reaches beyond the page' };
      at += time;
      onRecord(data, next, at);
      offset = next;
      continue;
    }
    // A page that is only partly filled ends with padding of no length.
    if (kind === type.padding && time === 0) return { lost };
    if (data + 4 > end) return { lost, broken: 'a record header is cut' };
    const word = view.getUint32(data, true);
    if (kind === type.timeExtend) {
      at += word * 2 ** 27 + time;
      offset = data + 4;
    } else if (kind === type.timeStamp) {
      base = ((BigInt(word) << 27n) + BigInt(time)) | (base & stampMask);
      at = Number(base - zeroNs);
      offset = data + 4;
    } else {
      // The length counts itself; a padding's record is one that was taken back. Compared before it is rounded, which 32 bits
      // alone survive: a length beyond 2 GiB would lead backwards.
      const next = word > end - data ? end + 1 : data + ((word + 3) & ~3);
      if (word < 4 || next > end) return { lost, broken: 'a record reaches beyond the page' };
      at += time;
      if (kind === type.lengthFollows) onRecord(data + 4, data + word, at);
      offset = next;
    }
  }
  return { lost };
}

function missedCount(view: DataView, end: number, stored: boolean): number {
  return stored && end + 8 <= view.byteLength ? Math.max(1, Number(view.getBigUint64(end, true))) : 1;
}
