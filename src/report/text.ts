/** The report as text: what is wrong and where, the ladder, the evidence, the cure, what would come next. */
import type { Finding } from '../diagnose/finding.ts';
import { netnsName, placeName } from '../topology/naming.ts';
import { type Place, placeKey } from '../trace/frame.ts';
import { detailLines } from './details.ts';
import { roundTrip, statistics } from './figures.ts';
import {
  asideLines,
  cureLines,
  evidenceLines,
  type FindingWriter,
  ruleOf,
  shellLines,
  signed,
  worded,
} from './finding-text.ts';
import { changeLines, hopLines } from './hops-table.ts';
import { ladder, zeroOf } from './ladder.ts';
import { pathMtuLines } from './mtu-text.ts';
import { displayWidth, printable } from './printable.ts';
import { prose, wrapped } from './prose.ts';
import type { Report } from './report.ts';
import { capitalised } from './sentence.ts';
import { addressName, sourceName } from './target-name.ts';
import { glyphsOf, type Terminal } from './terminal.ts';

export interface TextOptions {
  /** Add tables: gates, journeys, coverage, topology; and draw flooded copies. */
  readonly verbose?: boolean;
  /** The headline alone. */
  readonly quiet?: boolean;
}

interface Writer extends FindingWriter {
  readonly report: Report;
}

/** The whole report, ending in a newline. */
export function reportText(report: Report, terminal: Terminal, options: TextOptions = {}): string {
  const safe = (text: string): string => printable(text, terminal.unicode);
  const writer: Writer = {
    report,
    terminal,
    glyphs: glyphsOf(terminal),
    safe,
    place: (place) => safe(placeName(report.diagnosis.before, place)),
    zeroNs: zeroOf(report),
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
    const short = [...headline(writer), ...asideLines(writer, findings), ...changed(writer)];
    const hops = hopLines(report, terminal);
    const mtu = measuredMtu(writer);
    return verbose ? [short, mtu, ladder(report, terminal, { flooded: true }), hops, ...details] : [short, mtu, hops];
  }
  const root = rootOf(report);
  const others = findings.filter((finding) => finding !== root);
  return [
    opening(writer),
    headline(writer),
    ladder(report, terminal, { flooded: verbose }),
    root === undefined ? [] : prose(writer.safe(capitalised(root.summary, report.diagnosis.before)), terminal.width),
    root === undefined ? [] : evidenceLines(writer, root),
    root === undefined ? [] : cureLines(writer, root.remedies),
    ...others.filter((finding) => finding.blocks !== undefined).map((finding) => further(writer, finding)),
    asideLines(
      writer,
      others.filter((finding) => finding.blocks === undefined),
    ),
    measuredMtu(writer),
    changed(writer),
    hopLines(report, terminal),
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
  const line = `vdiag ${command}: ${safe(sourceName(target))} ${glyphs.arrow} ${safe(addressName(target))}${size}`;
  return wrapped(line, terminal.width, '', '  ');
}

function headline(writer: Writer): string[] {
  const { report, glyphs, safe } = writer;
  if (report.diagnosis.outcome === 'healthy') return healthyHeadline(writer);
  const root = rootOf(report);
  const fault = report.diagnosis.outcome === 'fault';
  const title =
    root === undefined
      ? `${safe(addressName(report.target))} does not answer ${safe(sourceName(report.target))}`
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
      ? `nothing stops ${safe(sourceName(target))} ${glyphs.arrow} ${safe(addressName(target))}`
      : `${safe(addressName(target))} answers ${safe(sourceName(target))}: ${probes.received} of ${probes.sent}${probes.duplicates > 0 ? `, ${probes.duplicates} duplicates` : ''}${rtt}`;
  const whole = path === '' ? answer : `${answer}, ${path}`;
  if (displayWidth(`${glyphs.healthy} ${whole}`) <= terminal.width || path === '')
    return signed(writer, 'good', glyphs.healthy, whole);
  return [...signed(writer, 'good', glyphs.healthy, answer), ...wrapped(path, terminal.width, '  ', '    ')];
}

/** Where the request went: as sighted, and only where nothing was sighted as the model has it. */
function way(report: Report): Place[] {
  const { path, example } = report.diagnosis;
  const steps = path.legs.filter(({ kind }) => kind === 'echo-request').flatMap((leg) => leg.steps);
  const expected = unique(steps.flatMap((step) => (step.kind === 'place' ? [step.place] : [])));
  const sighted = unique(example?.request?.sightings.map((sighting) => sighting.frame.place) ?? []);
  const keys = new Set(expected.map(placeKey));
  const both = sighted.filter((place) => keys.has(placeKey(place)));
  return both.length > 0 ? both : sighted.length > 0 ? sighted : expected;
}

function unique(places: readonly Place[]): Place[] {
  return [...new Map(places.map((place) => [placeKey(place), place])).values()];
}

/** A cause beside the first one, or one that would stop the packet after it. */
function further(writer: Writer, finding: Finding): string[] {
  const word = finding.blocks === 'next' ? 'and then:' : 'also:';
  return [
    ...worded(writer, word, `${writer.safe(finding.title)} ${ruleOf(writer, finding)}`),
    ...shellLines(writer, finding.remedies[0]?.commands ?? [], '  '),
  ];
}

/** What changed meanwhile; of a cause it is among the evidence. */
function measuredMtu({ report, terminal, safe }: Writer): string[] {
  return pathMtuLines(report).flatMap((line) => wrapped(safe(line), terminal.width, '', '  '));
}

function changed({ report, terminal }: Writer): string[] {
  if (rootOf(report)?.blocks !== undefined) return [];
  return changeLines(report, terminal).flatMap((line) => wrapped(line, terminal.width, '', '  '));
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
