/** Everything about one finding or one pair, as lines. */
import { prose } from '../report/prose.ts';
import { glyphsOf, type Terminal, type Tone } from '../report/terminal.ts';
import type { Place } from '../trace/frame.ts';
import type { WatchEvent } from './event.ts';
import { clock, eventText, milliseconds } from './event-line.ts';
import type { Names } from './names.ts';
import { lossOf, type Pair } from './pairs.ts';
import type { Item } from './screen.ts';

export interface DetailLine {
  readonly text: string;
  readonly tone?: Tone;
}

const MOST_RECENT = 40;

export function detailLines(item: Item, events: readonly WatchEvent[], names: Names, terminal: Terminal): DetailLine[] {
  return 'pair' in item ? pairLines(item.pair, events, names, terminal) : findingLines(item, names, terminal);
}

function findingLines(
  { finding: { finding, over } }: Extract<Item, { finding: unknown }>,
  names: Names,
  terminal: Terminal,
): DetailLine[] {
  const { title, rule, confidence, severity, summary, where, evidence, remedies, candidates, trail = [] } = finding;
  const text = (line: string, first = '', rest = first) =>
    prose(line, terminal.width, first, rest).map((wrapped) => ({ text: wrapped }));
  const lines: DetailLine[] = [
    ...text(`${over ? 'over' : severity}: ${title}`).map((line) => ({ ...line, tone: over ? 'good' : 'bad' }) as const),
    { text: `${rule}, ${confidence}, at ${names.placeName(where)}`, tone: 'quiet' },
    { text: '' },
    ...text(summary),
  ];
  if (evidence.length > 0) lines.push({ text: '' }, { text: 'evidence:', tone: 'head' });
  for (const each of evidence)
    lines.push(
      ...text(each.text, `  ${each.kind.padEnd(8)}  `, ' '.repeat(12)),
      ...commands(each.look, '            '),
    );
  for (const [index, remedy] of remedies.entries())
    lines.push(
      { text: '' },
      ...text(remedy.why, index === 0 ? 'cure: ' : 'or: ', '  '),
      ...remedy.commands.flatMap((command) => commands(command, '  ')),
      ...commands(remedy.verify, 'then: '),
    );
  for (const candidate of candidates)
    lines.push(
      { text: '' },
      ...text(candidate.why, `it may be ${candidate.rule}: `, '  '),
      ...commands(candidate.look, '  '),
    );
  if (trail.length > 0) lines.push({ text: '' }, { text: 'sighted:', tone: 'head' });
  for (const step of trail) lines.push({ text: `  ${clock(step.timeNs)} ${names.placeName(step.place)} ${step.text}` });
  lines.push({ text: '' }, { text: `vdiag explain ${rule}`, tone: 'command' });
  return lines;
}

function pairLines(pair: Pair, events: readonly WatchEvent[], names: Names, terminal: Terminal): DetailLine[] {
  const { kind, source, target, requests, answered, refused, rttMinNs, rttSumNs, rttMaxNs, silent } = pair;
  const { arrow } = glyphsOf(terminal);
  const way = (places: readonly Place[]) => places.map((place) => names.placeName(place)).join(` ${arrow} `);
  const wrapped = (line: string, first: string) =>
    prose(line, terminal.width, first, ' '.repeat(first.length)).map((text) => ({ text }));
  const recent = events.filter(
    (event) =>
      (event.event === 'exchange' || event.event === 'burst') &&
      event.kind === kind &&
      event.source === source &&
      event.target === target,
  );
  return [
    { text: `${kind} ${source} ${arrow} ${target}`, tone: silent > 0 ? 'bad' : 'head' },
    { text: '' },
    { text: `${requests} asked, ${answered} answered, ${refused} refused, ${lossOf(pair).toFixed(1)}% loss` },
    ...(answered > 0
      ? [{ text: `rtt min/avg/max = ${[rttMinNs, rttSumNs / answered, rttMaxNs].map(milliseconds).join('/')} ms` }]
      : []),
    ...(silent > 0 ? [{ text: `${silent} in a row now without a reply that was heeded`, tone: 'bad' as const }] : []),
    { text: '' },
    ...(pair.requestWay.length > 0 ? wrapped(way(pair.requestWay), 'requests pass  ') : []),
    ...(pair.replyWay.length > 0 ? wrapped(way(pair.replyWay), 'replies pass   ') : []),
    { text: '' },
    { text: 'the last ones:', tone: 'head' },
    ...recent
      .slice(-MOST_RECENT)
      .reverse()
      .map((event) => {
        const { text, tone } = eventText(event, names, arrow);
        return { text: `  ${clock(event.timeNs)} ${text}`, ...(tone === undefined ? {} : { tone }) };
      }),
  ];
}

function commands(command: string | undefined, indent: string): DetailLine[] {
  return command === undefined || command === '' ? [] : [{ text: `${indent}${command}`, tone: 'command' }];
}
