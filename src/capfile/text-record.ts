/** One packet's lines: its own, and those below it that -v, -x and ICMP errors add. */

import { readArp } from './text-arp.ts';
import type { TextCapture } from './text-captures.ts';
import type { TextLoss } from './text-comment.ts';
import type { PacketHead } from './text-head.ts';
import { isHexRow } from './text-hex.ts';
import { readIp } from './text-ip.ts';
import type { TextLine } from './text-line.ts';
import type { Resolve, TextReading } from './text-packet.ts';

/** A hex dump of the largest packet has 4096 rows. */
const MOST_LINES = 4200;
const FLOW = /^\S+ > \S+:/;

/** Lines of one packet while they are collected. */
export interface TextRecord {
  readonly head: PacketHead;
  readonly line: TextLine;
  readonly capture: TextCapture;
  /** Continuations, hex rows apart. */
  readonly below: string[];
  readonly rows: string[];
}

export function beginRecord(head: PacketHead, line: TextLine, capture: TextCapture): TextRecord {
  return { head, line, capture, below: [], rows: [] };
}

/** Takes a line that goes on with the packet. False: it is none of its lines. */
export function continueRecord(record: TextRecord, line: TextLine): boolean {
  if (record.below.length + record.rows.length >= MOST_LINES) return false;
  if (isHexRow(line.text)) record.rows.push(line.text);
  // A paste may have lost its indentation: what -v puts on the second line is known by its form.
  else if (line.indent > 0 || FLOW.test(line.text)) record.below.push(line.text);
  else return false;
  return true;
}

export function readRecord(
  { head, below }: Pick<TextRecord, 'head' | 'below'>,
  resolve: Resolve,
): TextReading | TextLoss {
  switch (head.protocol) {
    case 'arp':
      return readArp(head.body, resolve);
    case 'ipv4':
    case 'ipv6': {
      const reading = readIp([head.body, ...below], resolve);
      if (typeof reading === 'string') return reading;
      return reading.packet.ip?.version === (head.protocol === 'ipv4' ? 4 : 6) ? reading : 'unclear';
    }
    case 'other':
      return 'other';
    default:
      return head.protocol satisfies never;
  }
}
