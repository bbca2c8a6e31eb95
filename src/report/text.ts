/** The report as text: what is wrong and where, the ladder, the evidence, the cure, what would come next. */
import type { Finding, Remedy } from '../diagnose/finding.ts';
import { netnsName, placeName } from '../topology/naming.ts';
import { type Place, placeKey } from '../trace/frame.ts';
import { detailLines } from './details.ts';
import { offset, roundTrip, statistics } from './figures.ts';
import { ladder, zeroOf } from './ladder.ts';
import { displayWidth, printable } from './printable.ts';
import { commandLines, NO_BREAK, prose, wrapped } from './prose.ts';
import type { Report } from './report.ts';
import { type Glyphs, glyphsOf, painted, type Terminal, type Tone } from './terminal.ts';

export interface TextOptions {
  /** Add tables: gates, journeys, coverage, topology; and draw flooded copies. */
  readonly verbose?: boolean;
  /** The headline alone. */
  readonly quiet?: boolean;
}

interface Writer {
  readonly report: Report;
  readonly terminal: Terminal;
  readonly glyphs: Glyphs;
  /** Makes a text from outside inert. */
  readonly safe: (text: string) => string;
}

/** The whole report, ending in a newline. */
export function reportText(report: Report, terminal: Terminal, options: TextOptions = {}): string {
  const writer: Writer = {
    report,
    terminal,
    glyphs: glyphsOf(terminal),
    safe: (text) => printable(text, terminal.unicode),
  };
  const sections = options.quiet === true ? [headline(writer)] : sectionsOf(writer, options.verbose === true);
  return sections
    .filter((section) => section.length > 0)
    .map((section) => `${section.join('\n')}\n`)
    .join('\n');
}

function sectionsOf(writer: Writer, verbose: boolean): string[][] {
  const { report, terminal } = writer;
  const { outcome, findings } = report.diagnosis;
  const details = verbose ? detailLines(report, terminal) : [];
  if (outcome === 'healthy') {
    const short = [...headline(writer), ...asides(writer, findings)];
    return verbose ? [short, ladder(report, terminal, { flooded: true }), ...details] : [short];
  }
  const root = rootOf(report);
  const others = findings.filter((finding) => finding !== root);
  return [
    opening(writer),
    headline(writer),
    ladder(report, terminal, { flooded: verbose }),
    root === undefined ? [] : prose(writer.safe(root.summary), terminal.width),
    root === undefined ? [] : evidence(writer, root),
    root === undefined ? [] : cure(writer, root.remedies),
    ...others.filter((finding) => finding.blocks !== undefined).map((finding) => further(writer, finding)),
    asides(
      writer,
      others.filter((finding) => finding.blocks === undefined),
    ),
    uncovered(writer),
    ...details,
    statistics(report.probes).flatMap((line) => wrapped(line, terminal.width)),
  ];
}

/** The finding the report is about; notes are never it. */
function rootOf(report: Report): Finding | undefined {
  const first = report.diagnosis.findings[0];
  return first?.severity === 'note' ? undefined : first;
}

function opening({ report, glyphs, safe, terminal }: Writer): string[] {
  const { target, probes, command } = report;
  const size = probes.sent > 0 ? `, ${probes.sizeBytes} data bytes` : '';
  const line = `vdiag ${command}: ${safe(target.interface)} ${glyphs.arrow} ${safe(target.address)}${size}`;
  return wrapped(line, terminal.width, '', '  ');
}

function headline(writer: Writer): string[] {
  const { report, glyphs, safe } = writer;
  if (report.diagnosis.outcome === 'healthy') return healthyHeadline(writer);
  const root = rootOf(report);
  const fault = report.diagnosis.outcome === 'fault';
  const title =
    root === undefined
      ? `${safe(report.target.address)} does not answer ${safe(report.target.interface)}`
      : `${safe(root.title)} ${ruleOf(writer, root)}`;
  return signed(writer, fault ? 'bad' : 'doubt', fault ? glyphs.fault : glyphs.doubt, title);
}

/** One line; where that is too long the path goes on a second one. */
function healthyHeadline(writer: Writer): string[] {
  const { report, glyphs, safe, terminal } = writer;
  const { target, probes } = report;
  const names = way(report).map((place) => safe(placeName(report.diagnosis.before, place)));
  const path = names.length === 0 ? '' : `by ${names.join(` ${glyphs.arrow} `)}`;
  const rtt = probes.rttMs === undefined ? '' : `, rtt ${roundTrip(probes.rttMs)}`;
  const answer =
    probes.sent === 0
      ? `nothing stops ${safe(target.interface)} ${glyphs.arrow} ${safe(target.address)}`
      : `${safe(target.address)} answers ${safe(target.interface)}: ${probes.received} of ${probes.sent}${probes.duplicates > 0 ? `, ${probes.duplicates} duplicates` : ''}${rtt}`;
  const whole = path === '' ? answer : `${answer}, ${path}`;
  if (displayWidth(`${glyphs.healthy} ${whole}`) <= terminal.width || path === '')
    return signed(writer, 'good', glyphs.healthy, whole);
  return [...signed(writer, 'good', glyphs.healthy, answer), ...wrapped(path, terminal.width, '  ', '    ')];
}

function signed({ terminal }: Writer, tone: Tone, sign: string, text: string): string[] {
  const [first = '', ...rest] = wrapped(text, terminal.width, `${sign} `, '  ');
  return [painted(terminal, tone, sign) + first.slice(sign.length), ...rest];
}

/** Where the request went: as sighted, and only where nothing was sighted as the model has it. */
function way(report: Report): Place[] {
  const { path, example } = report.diagnosis;
  const leg = path.legs.find((each) => each.kind === 'echo-request');
  const expected = unique(leg?.steps.flatMap((step) => (step.kind === 'place' ? [step.place] : [])) ?? []);
  const sighted = unique(example?.request?.sightings.map((sighting) => sighting.frame.place) ?? []);
  const keys = new Set(expected.map(placeKey));
  const both = sighted.filter((place) => keys.has(placeKey(place)));
  return both.length > 0 ? both : sighted.length > 0 ? sighted : expected;
}

function unique(places: readonly Place[]): Place[] {
  return [...new Map(places.map((place) => [placeKey(place), place])).values()];
}

function ruleOf({ safe }: Writer, finding: Finding): string {
  return `[${safe(finding.rule)},${NO_BREAK}${finding.confidence}]`;
}

function evidence({ report, terminal, safe }: Writer, root: Finding): string[] {
  if (root.evidence.length === 0) return [];
  const zeroNs = zeroOf(report);
  const lines = [painted(terminal, 'head', 'evidence:')];
  for (const item of root.evidence) {
    const when = item.timeNs === undefined ? [] : [offset(item.timeNs - zeroNs)];
    const place = item.place === undefined ? '' : safe(placeName(report.diagnosis.before, item.place));
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
function cure(writer: Writer, remedies: readonly Remedy[], indent = ''): string[] {
  const { terminal, safe } = writer;
  return remedies.flatMap((remedy, index) => {
    const word = index === 0 ? 'cure:' : 'or:';
    const [first = '', ...rest] = prose(safe(remedy.why), terminal.width, `${indent}${word} `, `${indent}  `);
    return [
      indent + painted(terminal, 'head', word) + first.slice(indent.length + word.length),
      ...rest,
      ...commands(writer, remedy.commands, `${indent}  `),
      ...(remedy.verify === '' ? [] : commandLines(`then: ${safe(remedy.verify)}`, terminal.width, indent)),
    ];
  });
}

function commands({ terminal, safe }: Writer, list: readonly string[], indent: string): string[] {
  return list
    .flatMap((command) => commandLines(safe(command), terminal.width, indent))
    .map((line) => painted(terminal, 'command', line));
}

/** A cause beside the first one, or one that would stop the packet after it. */
function further(writer: Writer, finding: Finding): string[] {
  const { terminal, safe } = writer;
  const word = finding.blocks === 'next' ? 'and then:' : 'also:';
  const title = `${safe(finding.title)} ${ruleOf(writer, finding)}`;
  const [first = '', ...rest] = wrapped(title, terminal.width, `${word} `, '  ');
  return [
    painted(terminal, 'head', word) + first.slice(word.length),
    ...rest,
    ...commands(writer, finding.remedies[0]?.commands ?? [], '  '),
  ];
}

/** Warnings with their commands, notes in one line each. */
function asides(writer: Writer, findings: readonly Finding[]): string[] {
  const { terminal, safe } = writer;
  return findings.flatMap((finding) => {
    const lines = wrapped(
      `${finding.severity}: ${safe(finding.title)} [${safe(finding.rule)}]`,
      terminal.width,
      '',
      '  ',
    );
    if (finding.severity === 'note') return lines;
    return [...lines, ...commands(writer, finding.remedies[0]?.commands ?? [], '  ')];
  });
}

/** What nobody saw: the reader must know before trusting an absence. */
function uncovered({ report, terminal, safe }: Writer): string[] {
  const { coverage, before } = report.diagnosis;
  return [
    ...coverage.gaps.map((gap) => `not captured: ${gap}`),
    ...coverage.lost
      .filter(({ frames }) => frames > 0)
      .map(
        ({ netns, frames }) =>
          `capture lost ${frames} frames in ${netnsName(before, netns)}: an absence there proves less`,
      ),
    ...before.gaps.map((gap) => `not read: ${gap}`),
  ].flatMap((line) => wrapped(safe(line), terminal.width, '', '  '));
}
