/** The text of a check: the verdict, every gate of the expected path in its order, and the cures. */
import { packetName } from '../diagnose/evidence.ts';
import type { Gate, Verdict } from '../path/gate.ts';
import type { Leg, Step } from '../path/model.ts';
import { placeName } from '../topology/naming.ts';
import { asideLines, cureLines, type FindingWriter, ruleOf, shellLines, signed, worded } from './finding-text.ts';
import { printable } from './printable.ts';
import { prose, wrapped } from './prose.ts';
import type { Report } from './report.ts';
import { capitalised } from './sentence.ts';
import { addressName, sourceName } from './target-name.ts';
import { glyphsOf, painted, type Terminal, type Tone } from './terminal.ts';

export interface CheckTextOptions {
  /** The command that shows each gate's state, also of those that pass. */
  readonly verbose?: boolean;
  /** The headline alone. */
  readonly quiet?: boolean;
}

/** The whole report of a check, ending in a newline. */
export function checkText(report: Report, terminal: Terminal, options: CheckTextOptions = {}): string {
  const safe = (text: string): string => printable(text, terminal.unicode);
  const writer: FindingWriter = {
    terminal,
    glyphs: glyphsOf(terminal),
    safe,
    place: (place) => safe(placeName(report.diagnosis.before, place)),
    zeroNs: 0n,
  };
  const sections = options.quiet === true ? [headline(report, writer)] : sectionsOf(report, writer, options);
  return sections
    .filter((section) => section.length > 0)
    .map((section) => `${section.join('\n')}\n`)
    .join('\n');
}

function sectionsOf(report: Report, writer: FindingWriter, { verbose = false }: CheckTextOptions): string[][] {
  const { terminal, glyphs, safe } = writer;
  const { findings, path, before } = report.diagnosis;
  const { target } = report;
  const root = findings.find(({ blocks }) => blocks === 'now');
  const opening = `vdiag check: ${safe(sourceName(target))} ${glyphs.arrow} ${safe(addressName(target))}, no packet sent`;
  return [
    wrapped(opening, terminal.width, '', '  '),
    headline(report, writer),
    ...joined(path.legs).map((leg) => legLines(leg, writer, verbose)),
    root === undefined ? [] : prose(safe(capitalised(root.summary, report.diagnosis.before)), terminal.width),
    root === undefined ? [] : cureLines(writer, root.remedies),
    ...findings
      .filter(({ blocks }) => blocks === 'next')
      .map((finding) => [
        ...worded(writer, 'and then:', `${safe(finding.title)} ${ruleOf(writer, finding)}`),
        ...shellLines(writer, finding.remedies[0]?.commands ?? [], '  '),
      ]),
    asideLines(
      writer,
      findings.filter(({ blocks }) => blocks === undefined),
    ),
    before.gaps.flatMap((gap) => wrapped(safe(`not read: ${gap}`), terminal.width, '', '  ')),
  ];
}

function headline({ diagnosis, target }: Report, writer: FindingWriter): string[] {
  const { glyphs, safe } = writer;
  const way = `${safe(sourceName(target))} ${glyphs.arrow} ${safe(addressName(target))}`;
  const root = diagnosis.findings.find(({ severity }) => severity !== 'note');
  if (root) return signed(writer, 'bad', glyphs.fault, `${safe(root.title)} ${ruleOf(writer, root)}`);
  switch (diagnosis.outcome) {
    case 'healthy':
      return signed(writer, 'good', glyphs.healthy, `nothing stops ${way}`);
    case 'fault':
      return signed(writer, 'bad', glyphs.fault, `${way} is stopped, and no rule names the cause: see the gate below`);
    case 'inconclusive':
      return signed(
        writer,
        'doubt',
        glyphs.doubt,
        diagnosis.path.end === 'leaves'
          ? `nothing on this machine stops ${way}; the rest of the way is not on it`
          : `nothing is known to stop ${way}, but not every gate is decided`,
      );
    default:
      return diagnosis.outcome satisfies never;
  }
}

/** A leg that goes on after nobody had to be asked is one leg to the reader. */
function joined(legs: readonly Leg[]): Leg[] {
  const whole: Leg[] = [];
  for (const leg of legs) {
    const last = whole.at(-1);
    if (last && last.kind === leg.kind && last.source === leg.source && last.destination === leg.destination)
      whole.splice(-1, 1, { ...last, steps: [...last.steps, ...leg.steps] });
    else whole.push(leg);
  }
  return whole;
}

/** "ARP request for 10.9.0.3", then places flush and the gates between them. */
function legLines({ kind, source, destination, steps }: Leg, writer: FindingWriter, verbose: boolean): string[] {
  const { terminal, glyphs, safe } = writer;
  const about = !kind.startsWith('echo') ? `for ${destination}` : `${source} ${glyphs.arrow} ${destination}`;
  return [
    painted(terminal, 'head', safe(`${packetName(kind)} ${about}`)),
    ...steps.flatMap((step) => stepLines(step, writer, verbose)),
  ];
}

function stepLines(step: Step, writer: FindingWriter, verbose: boolean): string[] {
  const { terminal, place: nameOf } = writer;
  if (step.kind === 'socket') return [`  ${nameOf(step.place)}, the socket`];
  if (step.kind === 'place') return wrapped(`${nameOf(step.place)} ${step.direction}`, terminal.width, '  ', '    ');
  return gateLines(step.gate, writer, verbose);
}

const WORDS: Readonly<Record<Verdict, { word: string; tone: Tone }>> = {
  pass: { word: 'pass', tone: 'quiet' },
  stop: { word: 'STOP', tone: 'bad' },
  unknown: { word: '?', tone: 'doubt' },
};

function gateLines({ kind, verdict, facts }: Gate, writer: FindingWriter, verbose: boolean): string[] {
  const { terminal, safe } = writer;
  const { word, tone } = WORDS[verdict];
  const head = `    ${word.padEnd(4)}  `;
  const rest = ' '.repeat(head.length);
  return facts.flatMap(({ text, look }, index) => {
    const [first = '', ...more] = prose(
      index === 0 ? `${kind}: ${safe(text)}` : safe(text),
      terminal.width,
      index === 0 ? head : rest,
      rest,
    );
    const painting = index === 0 ? painted(terminal, tone, head) + first.slice(head.length) : first;
    const shown = look !== undefined && (verbose || verdict !== 'pass');
    return [painting, ...more, ...(shown ? shellLines(writer, [look], rest) : [])];
  });
}
