/**
 * What a capture made from tcpdump's text says of itself: comments of its sections, in a fixed wording that is read back.
 *
 *     from tcpdump text; clock: time-of-day; what was not printed is zero
 *     from tcpdump text; end: 12 packets read; left out: 2 with names instead of addresses, 1 not understood, 0 of other protocols
 *
 * "Zero" holds for hardware addresses (00:00:00:00:00:00), TTL and hop limit, the IP identification, ports, and for the
 * target address of an ARP reply (0.0.0.0) that no request in the text explains.
 */

/**
 * How far the times of a section's frames can be compared.
 * `absolute`: dates were printed (-tt, or -tttt in the zone of whoever ran it).
 * `time-of-day`: tcpdump's default; the date is 1970-01-01, and two captures may be of different days.
 * `relative`: -ttt and -ttttt; every capture starts at 0, so times of two captures say nothing about each other.
 * `none`: -t; the order of lines alone, a microsecond apart.
 */
export const TEXT_CLOCKS = ['absolute', 'time-of-day', 'relative', 'none'] as const;
export type TextClock = (typeof TEXT_CLOCKS)[number];

/** Why a line that is a packet's gave no frame. */
const TEXT_LOSSES = ['names', 'unclear', 'other'] as const;
/**
 * `names`: host or port names instead of numbers: no `-n`.
 * `unclear`: cut off, or worded as no tcpdump known here does.
 * `other`: a protocol vdiag does not read.
 */
export type TextLoss = (typeof TEXT_LOSSES)[number];

/** What the whole text gave. */
export interface TextTally {
  readonly packets: number;
  readonly left: Readonly<Record<TextLoss, number>>;
}

const PREFIX = 'from tcpdump text; ';
const UNPRINTED = 'what was not printed is zero';

/** The comment of a section. */
export function textClockComment(clock: TextClock): string {
  return `${PREFIX}clock: ${clock}; ${UNPRINTED}`;
}

/** The clock that a section's comment names; undefined for the comment of any other section. */
export function readTextClock(comment: string): TextClock | undefined {
  const named = comment.startsWith(`${PREFIX}clock: `) ? comment.slice(PREFIX.length + 7).split(';')[0] : undefined;
  return TEXT_CLOCKS.find((clock) => clock === named);
}

/** The comment of the empty section at the end. */
export function textTallyComment({ packets, left }: TextTally): string {
  const losses = `${left.names} with names instead of addresses, ${left.unclear} not understood, ${left.other} of other protocols`;
  return `${PREFIX}end: ${packets} packets read; left out: ${losses}`;
}

const TALLY =
  /^from tcpdump text; end: (\d+) packets read; left out: (\d+) with names instead of addresses, (\d+) not understood, (\d+) of other protocols$/;

/** What a section's comment says of the whole text; undefined for any other comment. */
export function readTextTally(comment: string): TextTally | undefined {
  const found = TALLY.exec(comment);
  if (found === null) return undefined;
  const [packets = 0, names = 0, unclear = 0, other = 0] = found.slice(1).map(Number);
  return { packets, left: { names, unclear, other } };
}
