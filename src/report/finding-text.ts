/** Parts of a finding as text, whoever the report is about: its headline, its evidence, its cure. */
import type { Finding, Remedy } from '../diagnose/finding.ts';
import type { Place } from '../trace/frame.ts';
import { offset } from './figures.ts';
import { commandLines, NO_BREAK, prose, wrapped } from './prose.ts';
import { type Glyphs, painted, type Terminal, type Tone } from './terminal.ts';

export interface FindingWriter {
  readonly terminal: Terminal;
  readonly glyphs: Glyphs;
  /** Makes a text from outside inert. */
  readonly safe: (text: string) => string;
  /** A place as the reader calls it, inert. */
  readonly place: (place: Place) => string;
  /** Unix nanoseconds that times of the evidence are counted from. */
  readonly zeroNs: bigint;
}

/** A line that begins with a sign in its colour. */
export function signed({ terminal }: FindingWriter, tone: Tone, sign: string, text: string): string[] {
  const [first = '', ...rest] = wrapped(text, terminal.width, `${sign} `, '  ');
  return [painted(terminal, tone, sign) + first.slice(sign.length), ...rest];
}

/** A line that begins with a painted word: "also: …". */
export function worded({ terminal }: FindingWriter, word: string, text: string): string[] {
  const [first = '', ...rest] = wrapped(text, terminal.width, `${word} `, '  ');
  return [painted(terminal, 'head', word) + first.slice(word.length), ...rest];
}

/** "[link-down, proven]" */
export function ruleOf({ safe }: FindingWriter, finding: Finding): string {
  return `[${safe(finding.rule)},${NO_BREAK}${finding.confidence}]`;
}

export function evidenceLines({ terminal, safe, place: nameOf, zeroNs }: FindingWriter, finding: Finding): string[] {
  if (finding.evidence.length === 0) return [];
  const lines = [painted(terminal, 'head', 'evidence:')];
  for (const item of finding.evidence) {
    const when = item.timeNs === undefined ? [] : [offset(item.timeNs - zeroNs)];
    const place = item.place === undefined ? '' : nameOf(item.place);
    const text = safe(item.text);
    const where = place === '' || text.includes(place) ? [] : [place];
    const prefix = [...when, ...where].join(' ');
    const first = `  ${item.kind.padEnd(8)}  `;
    const rest = ' '.repeat(first.length);
    const own = prose(prefix === '' ? text : `${prefix}: ${text}`, terminal.width, first, rest);
    lines.push(...own);
    if (item.look !== undefined)
      lines.push(
        ...commandLines(safe(item.look), terminal.width, rest).map((line) => painted(terminal, 'command', line)),
      );
  }
  return lines;
}

/** The remedies of one finding: the first is the one to take, the others are other ways. */
export function cureLines(writer: FindingWriter, remedies: readonly Remedy[]): string[] {
  const { terminal, safe } = writer;
  return remedies.flatMap((remedy, index) => {
    const word = index === 0 ? 'cure:' : 'or:';
    const [first = '', ...rest] = prose(safe(remedy.why), terminal.width, `${word} `, '  ');
    return [
      painted(terminal, 'head', word) + first.slice(word.length),
      ...rest,
      ...shellLines(writer, remedy.commands, '  '),
      ...(remedy.verify === '' ? [] : commandLines(`then: ${safe(remedy.verify)}`, terminal.width, '')),
    ];
  });
}

/** Commands, one below the other. */
export function shellLines({ terminal, safe }: FindingWriter, list: readonly string[], indent: string): string[] {
  return list
    .flatMap((command) => commandLines(safe(command), terminal.width, indent))
    .map((line) => painted(terminal, 'command', line));
}

/** Warnings with their commands, notes in one line each. */
export function asideLines(writer: FindingWriter, findings: readonly Finding[]): string[] {
  const { terminal, safe } = writer;
  return findings.flatMap((finding) => {
    const lines = wrapped(
      `${finding.severity}: ${safe(finding.title)} [${safe(finding.rule)}]`,
      terminal.width,
      '',
      '  ',
    );
    if (finding.severity === 'note') return lines;
    return [...lines, ...shellLines(writer, finding.remedies[0]?.commands ?? [], '  ')];
  });
}
