/** The findings over a capture: the first in full, the others shorter. */
import type { CaptureFinding } from '../diagnose/analysis.ts';
import { type AnalysisWriter, clockTime, counted, grouped } from './analysis-writer.ts';
import { milliseconds, offset } from './figures.ts';
import { cureLines, evidenceLines, ruleOf, shellLines, worded } from './finding-text.ts';
import { commandLines, NO_BREAK, prose, wrapped } from './prose.ts';
import { capitalised } from './sentence.ts';
import { tableLines } from './table.ts';
import { painted } from './terminal.ts';

/** Shown without -v. */
const MOST_FINDINGS = 10;
const MOST_NOTES = 5;
const MOST_CANDIDATES = 3;

/** Sections: of the first finding what it is about, its evidence, its cure or candidates and its example; then the others; then notes. */
export function findingSections(
  writer: AnalysisWriter,
  root: CaptureFinding | undefined,
  others: readonly CaptureFinding[],
): string[][] {
  const causes = others.filter(({ severity }) => severity !== 'note');
  const notes = others.filter(({ severity }) => severity === 'note');
  const room = writer.verbose ? causes.length : MOST_FINDINGS - (root === undefined ? 0 : 1);
  const shownNotes = writer.verbose ? notes.length : MOST_NOTES;
  return [
    ...(root === undefined ? [] : inFull(writer, root)),
    ...causes.slice(0, room).map((finding, index) => further(writer, finding, [root, ...causes.slice(0, index)])),
    more(writer, causes.length - room, 'finding'),
    [
      ...notes.slice(0, shownNotes).flatMap((finding) => note(writer, finding)),
      ...more(writer, notes.length - shownNotes, 'note'),
    ],
  ];
}

function more({ terminal }: AnalysisWriter, count: number, noun: string): string[] {
  return count > 0 ? wrapped(`and ${counted(count, `more ${noun}`)}: -v or --json`, terminal.width) : [];
}

function inFull(writer: AnalysisWriter, finding: CaptureFinding): string[][] {
  const { terminal, safe } = writer;
  const zeroNs = finding.trail?.[0]?.timeNs ?? finding.example?.timeNs ?? writer.zeroNs;
  const timed = { ...writer, zeroNs };
  return [
    prose(safe(capitalised(finding.summary, writer.analysis.topology)), terminal.width),
    evidenceLines(timed, finding),
    finding.remedies.length > 0 ? cureLines(writer, finding.remedies) : candidateLines(writer, finding),
    [...weight(writer, finding), ...trail(timed, finding)],
  ];
}

/** What it may be, and what tells. */
function candidateLines({ terminal, safe }: AnalysisWriter, { candidates }: CaptureFinding): string[] {
  if (candidates.length === 0) return [];
  const title = candidates.length === 1 ? 'to confirm it:' : 'it may be, the most likely first:';
  return [
    ...wrapped(title, terminal.width).map((line) => painted(terminal, 'head', line)),
    ...candidates.flatMap(({ rule, why, look }) => [
      ...prose(`${safe(rule)}: ${safe(why)}`, terminal.width, '  ', '    '),
      ...commandLines(safe(look), terminal.width, '    ').map((line) => painted(terminal, 'command', line)),
    ]),
  ];
}

/** "explains 12 of 15 failed exchanges, for example frame 14 of a.pcapng at 12:00:01.500000" */
function weight(writer: AnalysisWriter, finding: CaptureFinding): string[] {
  const { terminal } = writer;
  const text = [explained(writer, finding), example(writer, finding)].filter((part) => part !== '').join(', ');
  return text === '' ? [] : wrapped(text, terminal.width, '', '  ');
}

function explained({ analysis }: AnalysisWriter, { explains, unit }: CaptureFinding): string {
  if (explains === 0) return '';
  if (unit === 'packets') return counted(explains, 'packet');
  const failed = analysis.summary.requests - analysis.summary.answered;
  if (explains > failed) return `explains ${counted(explains, 'exchange')}`;
  return `explains ${grouped(explains)} of ${counted(failed, 'failed exchange')}`;
}

function example({ frame }: AnalysisWriter, { example: one }: CaptureFinding): string {
  if (one === undefined) return '';
  return `for example ${frame(one)}${one.timeNs === undefined ? '' : ` at ${clockTime(one.timeNs)}`}`;
}

/** What was sighted of the example: a packet a row, with the places it came by. Repetitions of all of it are counted. */
function trail(
  { terminal, place: nameOf, safe, glyphs, zeroNs, verbose }: AnalysisWriter,
  finding: CaptureFinding,
): string[] {
  const packets = packetsOf(finding.trail ?? [], nameOf);
  const known = new Set<string>();
  const shown = packets.filter(({ text, places }) => {
    const key = JSON.stringify([text, places]);
    const again = known.has(key) && !verbose;
    known.add(key);
    return !again;
  });
  const left = packets.filter((packet) => !shown.includes(packet));
  const times = shown.map(({ timeNs }) => milliseconds(timeNs - zeroNs));
  const width = Math.max(2, ...times.map((time) => time.length));
  const rows = shown.map(({ text, places }, index) => [
    (times[index] ?? '').padStart(width),
    // The length of a ping is no news in each row.
    safe(text).replace(/, length \d+$/, ''),
    places.join(` ${glyphs.arrow} `),
  ]);
  const lines = tableLines(terminal, 'sighted', ['ms'.padStart(width), 'packet', 'at'], rows);
  const last = left.at(-1);
  if (last === undefined) return lines;
  const again = `${counted(left.length, 'more packet')} like these, until ${offset(last.timeNs - zeroNs)}`;
  return [...lines, ...wrapped(again, terminal.width, '  ', '    ')];
}

export interface SightedPacket {
  readonly timeNs: bigint;
  readonly text: string;
  readonly places: string[];
}

/** Sightings of the same words, one after the other, as long as they come by no place again. */
export function packetsOf(
  steps: NonNullable<CaptureFinding['trail']>,
  nameOf: AnalysisWriter['place'],
): SightedPacket[] {
  const packets: SightedPacket[] = [];
  for (const { place, timeNs, direction, text } of steps) {
    const at = `${nameOf(place)}${direction === 'unknown' ? '' : `${NO_BREAK}${direction}`}`;
    const last = packets.at(-1);
    if (last !== undefined && last.text === text && !last.places.includes(at)) last.places.push(at);
    else packets.push({ timeNs, text, places: [at] });
  }
  return packets;
}

/** A cause beside the first one, or one that would stop the packet after it. */
function further(
  writer: AnalysisWriter,
  finding: CaptureFinding,
  before: readonly (CaptureFinding | undefined)[],
): string[] {
  const { terminal, safe } = writer;
  const word = finding.blocks === 'next' ? 'and then:' : finding.severity === 'warning' ? 'warning:' : 'also:';
  const [cure] = finding.remedies;
  const candidates = candidatesOf(finding);
  // Many addresses that nobody answers for may all be this or that: once is enough.
  const told = before.some((other) => other !== undefined && candidatesOf(other) === candidates);
  return [
    ...worded(writer, word, `${safe(finding.title)} ${ruleOf(writer, finding)}`),
    ...weight(writer, finding).flatMap((line) => wrapped(line.trimStart(), terminal.width, '  ')),
    ...(cure !== undefined ? shellLines(writer, cure.commands, '  ') : told ? [] : mayBe(writer, finding)),
  ];
}

/** One text per list of candidates; their commands may name the address. */
function candidatesOf({ candidates: [only, ...rest] }: CaptureFinding): string {
  if (only === undefined || rest.length === 0) return only?.look ?? '';
  return [only, ...rest].map(({ rule }) => rule).join(' ');
}

function mayBe(writer: AnalysisWriter, { candidates }: CaptureFinding): string[] {
  const { terminal, safe, verbose } = writer;
  const [only, ...rest] = candidates;
  if (only === undefined) return [];
  if (rest.length === 0) return shellLines(writer, [only.look], '  ');
  const shown = candidates.slice(0, verbose ? candidates.length : MOST_CANDIDATES);
  const left = candidates.length - shown.length;
  const names = shown.map(({ rule }) => safe(rule)).join(', ');
  return wrapped(`it may be: ${names}${left > 0 ? ` or ${left} more` : ''}`, terminal.width, '  ', '    ');
}

function note(writer: AnalysisWriter, finding: CaptureFinding): string[] {
  const { terminal, safe } = writer;
  const where = example(writer, finding);
  const text = `note: ${safe(finding.title)} [${safe(finding.rule)}]${where === '' ? '' : `, ${where}`}`;
  return wrapped(text, terminal.width, '', '  ');
}
