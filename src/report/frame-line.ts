/** One frame in one line, as tcpdump -n prints it: local time, interface and direction (as on "any"), packet. */
import { describePacket } from '../wire/describe.ts';
import type { Packet } from '../wire/packet.ts';
import type { FrameFacts } from './frame-json.ts';

const DIRECTIONS: Readonly<Record<FrameFacts['direction'], string>> = { in: ' In ', out: ' Out', unknown: '' };

/**
 * Returns what makes lines. It remembers the last second as text: a capture has thousands of frames in each.
 * The time zone is the process's (TZ).
 */
export function createFrameLines(): (facts: FrameFacts, packet: Packet) => string {
  let second = -1n;
  let clock = '';
  return (facts, packet) => {
    const now = facts.timeNs / 1_000_000_000n;
    if (now !== second) {
      second = now;
      clock = clockText(now);
    }
    const fraction = `${(facts.timeNs % 1_000_000_000n) / 1000n}`.padStart(6, '0');
    const name = facts.interface === null ? '' : ` ${facts.interface}`;
    return `${clock}.${fraction}${name}${DIRECTIONS[facts.direction]} ${describePacket(packet)}`;
  };
}

/** `12:30:59`, as tcpdump has it; plain seconds for a time that no date can hold. */
function clockText(seconds: bigint): string {
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return `${seconds}`;
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => `${part}`.padStart(2, '0')).join(':');
}
