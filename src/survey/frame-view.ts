/** A frame in memory, as a glance looks at it: bytes in place, and how they start. */
import type { Frame } from '../trace/frame.ts';

/** LINKTYPE_ numbers (https://www.tcpdump.org/linktypes.html). */
const LINKTYPE_ETHERNET = 1;
const LINKTYPE_RAW = 101;

/** Over the frame's bytes, no more and no fewer. */
export function viewOf({ bytes }: Pick<Frame, 'bytes'>): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

export function linkTypeOf({ linkType }: Pick<Frame, 'linkType'>): number {
  return linkType === 'raw-ip' ? LINKTYPE_RAW : LINKTYPE_ETHERNET;
}
