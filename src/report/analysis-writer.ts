/** What all parts of an analysis are printed with: places, frames and times as a reader of captures calls them. */
import type { CaptureAnalysis } from '../diagnose/analysis.ts';
import { placeText } from '../diagnose/sighted/words.ts';
import type { FrameRef } from '../survey/summary.ts';
import { placeName } from '../topology/naming.ts';
import type { Place } from '../trace/frame.ts';
import type { FindingWriter } from './finding-text.ts';
import { printable } from './printable.ts';
import { NO_BREAK } from './prose.ts';
import { glyphsOf, type Terminal } from './terminal.ts';

export interface AnalysisWriter extends FindingWriter {
  readonly analysis: CaptureAnalysis;
  readonly verbose: boolean;
  /** "frame 14 of a.pcapng"; the file is named only where there are several. */
  readonly frame: (frame: FrameRef) => string;
}

export function createWriter(analysis: CaptureAnalysis, terminal: Terminal, verbose: boolean): AnalysisWriter {
  const { topology, captures, summary } = analysis;
  const safe = (text: string): string => printable(text, terminal.unicode);
  const nameOf = (place: Place): string => (topology === undefined ? placeText(place) : placeName(topology, place));
  return {
    analysis,
    verbose,
    terminal,
    glyphs: glyphsOf(terminal),
    safe,
    place: (place) => (place.name === '' ? '' : safe(nameOf(place))),
    zeroNs: summary.fromNs ?? 0n,
    frame: ({ file, frame }) => {
      const name = captures.length > 1 ? captures[file]?.name : undefined;
      return name === undefined ? `frame ${frame}` : `frame ${frame} of ${safe(name)}`;
    },
  };
}

/** A text that has times of the day alone is read as if it were of the first days of 1970, UTC. */
const DATELESS_NS = 172_800_000_000_000n;

/** "12:00:01.500000", local time (TZ), as tcpdump prints it; plain seconds for a time that no date can hold. */
export function clockTime(timeNs: bigint): string {
  const seconds = timeNs / 1_000_000_000n;
  const fraction = `${(timeNs % 1_000_000_000n) / 1000n}`.padStart(6, '0');
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return `${seconds}.${fraction}`;
  const parts =
    timeNs < DATELESS_NS
      ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
      : [date.getHours(), date.getMinutes(), date.getSeconds()];
  return `${parts.map(twoDigits).join(':')}.${fraction}`;
}

/** "2026-01-31", local time; nothing for a time that no date can hold, and for one of a text that has no date. */
export function calendarDay(timeNs: bigint): string {
  const date = new Date(Number(timeNs / 1_000_000n));
  if (Number.isNaN(date.getTime()) || timeNs < DATELESS_NS) return '';
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(twoDigits).join('-');
}

function twoDigits(part: number): string {
  return `${part}`.padStart(2, '0');
}

/** "12 ms", "29.7 s", "12.5 min", "3.4 h", never broken between two lines. */
export function duration(ns: bigint): string {
  const ms = Number(ns) / 1e6;
  if (ms < 1000) return `${ms.toFixed(ms < 10 ? 1 : 0)}${NO_BREAK}ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)}${NO_BREAK}s`;
  const [amount, unit] = ms < 7_200_000 ? [ms / 60_000, 'min'] : [ms / 3_600_000, 'h'];
  return `${amount.toFixed(1)}${NO_BREAK}${unit}`;
}

/** "1 234 567", never broken between two lines. */
export function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, NO_BREAK);
}

/** "1 frame", "1 234 frames". */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}
