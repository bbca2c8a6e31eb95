/** What was read: files, frames, times, places, clocks, and what the causes were judged by. */
import type { CaptureNote } from '../diagnose/analysis.ts';
import { type AnalysisWriter, calendarDay, clockTime, counted, duration, grouped } from './analysis-writer.ts';
import { NO_BREAK, wrapped } from './prose.ts';
import { painted } from './terminal.ts';

/** Named in a row; the rest is counted. */
const MOST_NAMES = 12;
const MOST_INFERRED = 6;
/** Clocks that agree better than this are one clock. */
const SAME_CLOCK_NS = 1000;

/** Lines with a word each in front: "read:", "places:", … */
export function readLines(writer: AnalysisWriter): string[] {
  const { terminal } = writer;
  const lines: [string, string][] = [
    ['read:', filesText(writer)],
    ...named('places:', placesText(writer)),
    ...clockTexts(writer).map((text): [string, string] => ['clock:', text]),
    ...lossTexts(writer).map((text): [string, string] => ['lost:', text]),
    ['basis:', basisText(writer)],
    ...named('inferred:', shapeText(writer)),
  ];
  return lines.flatMap(([word, text]) => {
    const [first = '', ...rest] = wrapped(text, terminal.width, `${word} `, '  ');
    return [painted(terminal, 'quiet', word) + first.slice(word.length), ...rest];
  });
}

function named(word: string, text: string): [string, string][] {
  return text === '' ? [] : [[word, text]];
}

/** "a.pcapng (44 frames), b.pcap (gzip, 12 frames); 2026-01-31 12:00:01.500000 to 12:00:31.200000 (29.7 s)" */
function filesText({ analysis, safe }: AnalysisWriter): string {
  const { captures, summary } = analysis;
  const files = captures.map((capture) => `${safe(capture.name)} (${fileWords(capture, safe).join(', ')})`);
  const { fromNs, untilNs } = summary;
  const span = fromNs === undefined || untilNs === undefined ? '' : `; ${spanText(fromNs, untilNs)}`;
  const all = summary.frames !== captures.reduce((sum, { frames }) => sum + frames, 0);
  return `${shortList(files)}${all ? `; ${grouped(summary.frames)} of them analyzed` : ''}${span}`;
}

function fileWords({ frames, format, compressed, skipped }: CaptureNote, safe: (text: string) => string): string[] {
  return [
    ...(format === 'tcpdump-text' ? ["tcpdump's text"] : []),
    ...(compressed ? ['gzip'] : []),
    counted(frames, 'frame'),
    ...Object.entries(skipped).map(([type, count]) => `${grouped(count)} of them not read: ${safe(type)}`),
  ];
}

function spanText(fromNs: bigint, untilNs: bigint): string {
  const [first, last] = [calendarDay(fromNs), calendarDay(untilNs)];
  const until = [...(first === last ? [] : [last]), clockTime(untilNs)].join(' ');
  return `${[first, clockTime(fromNs)].join(' ').trim()} to ${until} (${duration(untilNs - fromNs)})`;
}

function placesText({ analysis, place: nameOf }: AnalysisWriter): string {
  return shortList(analysis.summary.places.map(({ place, frames }) => `${nameOf(place)}${NO_BREAK}${grouped(frames)}`));
}

function shortList(items: readonly string[], most = MOST_NAMES): string {
  const more = items.length - most;
  return more > 1 ? `${items.slice(0, most).join(', ')} and ${more} more` : items.join(', ');
}

/** Whether times of different files may be compared. */
function clockTexts({ analysis, safe, verbose }: AnalysisWriter): string[] {
  const { captures, basis } = analysis;
  return captures.slice(1).flatMap(({ name, clock, frames }) => {
    // One recorder wrote them all where its state stands beside them.
    if (clock === undefined)
      return basis === 'topology' || frames === 0
        ? []
        : [`${safe(name)} was taken as it is: it has too few packets in common with the other captures`];
    const { offsetNs, uncertaintyNs, packets } = clock;
    const told = `within ${amount(uncertaintyNs, safe)}, told by ${counted(packets, 'packet')}`;
    if (Math.abs(offsetNs) < SAME_CLOCK_NS) return verbose ? [`${safe(name)} agrees with the first, ${told}`] : [];
    return [
      `${safe(name)} is ${amount(Math.abs(offsetNs), safe)} ${offsetNs > 0 ? 'ahead' : 'behind'}, ${told}: taken out`,
    ];
  });
}

/** "1.203 s", "0.2 ms", "12 µs" */
function amount(ns: number, safe: (text: string) => string): string {
  if (ns >= 1e9) return `${(ns / 1e9).toFixed(3)}${NO_BREAK}s`;
  return ns >= 1e5 ? `${(ns / 1e6).toFixed(1)}${NO_BREAK}ms` : `${Math.round(ns / 1e3)}${NO_BREAK}${safe('µs')}`;
}

function lossTexts({ analysis, safe }: AnalysisWriter): string[] {
  return analysis.captures
    .filter(({ lost }) => lost > 0)
    .map(({ name, lost }) => `${safe(name)} lacks ${counted(lost, 'frame')}: an absence in it proves less`);
}

function basisText({ analysis: { basis, findings } }: AnalysisWriter): string {
  if (basis === 'topology') return 'the state of the machine, recorded with the capture';
  const open = findings.some(({ candidates }) => candidates.length > 1);
  return open
    ? 'the traffic alone (vdiag record on the machine keeps the state that names the cause)'
    : 'the traffic alone';
}

function shapeText({ analysis, place: nameOf, verbose }: AnalysisWriter): string {
  if (analysis.basis === 'topology') return '';
  const { links, uppers } = analysis.summary.shape;
  const texts = [
    ...uppers.map(({ upper, lowers }) => `${nameOf(upper)} sits on ${lowers.map(nameOf).join(' and ')}`),
    ...links.map(({ ends: [one, other] }) => `${nameOf(one)} and ${nameOf(other)} are two ends of one link`),
  ];
  const most = verbose ? texts.length : MOST_INFERRED;
  const more = texts.length - most;
  return `${texts.slice(0, most).join('; ')}${more > 0 ? `; and ${more} more: -v` : ''}`;
}
