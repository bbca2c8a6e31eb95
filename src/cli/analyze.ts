/** vdiag analyze */

import { existsSync } from 'node:fs';
import { Command, type ParseOptionsResult } from 'commander';
import { problemText } from '../capfile/problem.ts';
import type { CaptureNote } from '../diagnose/analysis.ts';
import { VdiagError } from '../linux/error.ts';
import { formattedAnalysis } from '../report/analysis-format.ts';
import { outcomeWith } from '../report/analysis-run.ts';
import type { Format } from '../report/format.ts';
import { printable } from '../report/printable.ts';
import { detectTerminal } from '../report/terminal.ts';
import { type AnalyzeOptions, type AnalyzeProgress, type AnalyzeResult, analyze } from '../session/analyze.ts';
import { type Moment, parseMoment } from '../session/moment.ts';
import { writeWhole } from '../session/record-file.ts';
import type { CaptureInput } from '../session/source-place.ts';
import { canonicalAddress } from '../topology/address.ts';
import { untilAborted } from './input.ts';
import { wantsColor, write } from './output.ts';
import { complainOf, failureOf, formatWanted, type ReportFlags, withReportOptions } from './report-options.ts';
import { giveUpRightsToRead } from './rights.ts';

interface Flags extends ReportFlags {
  readonly topology?: string;
  readonly between?: readonly [string, string];
  readonly since?: Moment;
  readonly until?: Moment;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
}

const EXAMPLES = `Examples:
  vdiag analyze all.pcapng                        what went wrong in it, and where
  vdiag analyze web=a.pcap db=b.pcap              two captures at two places, clocks brought together
  vdiag analyze c.pcap --between 10.0.0.1 10.0.0.2 --since 12:00:00 --until +90
  vdiag analyze --json c.pcap | jq -r '.findings[0].title'
  ssh host tcpdump -U -w - | vdiag analyze -      until Ctrl-C
`;

const NOTES = `
Reads pcap, pcapng and the text tcpdump printed, also compressed with gzip. Several captures are several places: an interface is
called what the capture calls it, or NAME, or as the file. FILE.topology.json or FILE.recording.json beside a capture, as vdiag
record and vdiag ping-trace -w write them, is taken for the state of the machine; without it the causes are judged by the traffic.

TIME: 2026-01-31T12:00:00.5 (local time unless it ends in Z or +01:00), 12:00:00.5 (of the day the capture begins), or +1.5
(seconds after its first frame).

Exit status: 0 healthy, 1 a fault was found or nothing was asked in it, 2 vdiag could not do it. Of a damaged capture the part
before the damage is analyzed.`;

/** A progress line is worth it when the reading takes longer than this, milliseconds. */
const PATIENCE_MS = 500;

export function analyzeCommand(): Command {
  const command = new AnalyzeCommand('analyze')
    .summary('captures from anywhere: which requests failed, where the packets were lost, and what it may be')
    .description(
      'Joins what every place in the captures saw of each packet, matches requests and replies (ARP, echo, neighbour discovery), and says where packets ended, how long they took, and what that tells of the cause.',
    )
    .argument('<capture...>', 'files, or NAME=file; - is standard input')
    .option('--topology <file>', 'the state of the machine, as vdiag record wrote it')
    .option('--between <a b>', 'only exchanges between these two addresses', twoAddresses)
    .option('--since <time>', 'only frames from then on', parseMoment)
    .option('--until <time>', 'only frames until then', parseMoment);
  return withReportOptions(command)
    .option('-v, --verbose', 'all findings and rows')
    .option('-q, --quiet', 'the headline alone')
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', NOTES)
    .action(run);
}

/** `--between A B`: commander knows options with one value or with any number of them. */
class AnalyzeCommand extends Command {
  override parseOptions(argv: string[]): ParseOptionsResult {
    const end = argv.indexOf('--');
    const at = argv.indexOf('--between');
    if (at < 0 || (end >= 0 && at > end)) return super.parseOptions(argv);
    const [one = '', ...rest] = argv.slice(at + 1);
    if (/[\s,]/.test(one)) return super.parseOptions(argv);
    return super.parseOptions([...argv.slice(0, at), `--between=${one} ${rest[0] ?? ''}`, ...rest.slice(1)]);
  }
}

async function run(captures: string[], flags: Flags, command: Command): Promise<void> {
  await giveUpRightsToRead({ writes: flags.report !== undefined });
  const interrupted = new AbortController();
  const stop = () => interrupted.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const progress = createProgress();
  try {
    const result = await analyze({
      ...optionsOf(captures.map(inputOf), flags, interrupted.signal),
      ...(process.stderr.isTTY ? { onProgress: progress.show } : {}),
    });
    progress.clear();
    const terminal = detectTerminal(process.stdout, process.env, { color: wantsColor(command) });
    const { analysis, run: recorded } = result;
    const as = (format: Format) =>
      formattedAnalysis(
        analysis,
        format,
        terminal,
        { verbose: flags.verbose === true, quiet: flags.quiet === true },
        recorded,
      );
    const unwritten = failureOf(flags.report, (file) => writeWhole(file, as('html')));
    await write(as(formatWanted(flags)));
    complainOf([unwritten]);
    complain(result, flags);
    process.exitCode ??= statusOf(result);
  } finally {
    progress.clear();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

function optionsOf(captures: readonly CaptureInput[], flags: Flags, signal: AbortSignal): AnalyzeOptions {
  refuseNamesakes(captures);
  const streams = captures.some(({ path }) => path === '-') && !process.stdin.isTTY;
  return {
    captures,
    signal,
    ...(streams ? { stdin: untilAborted(process.stdin, signal) } : {}),
    ...(flags.topology === undefined ? {} : { topology: flags.topology }),
    ...(flags.between === undefined ? {} : { between: flags.between }),
    ...(flags.since === undefined ? {} : { since: flags.since }),
    ...(flags.until === undefined ? {} : { until: flags.until }),
    ...(flags.redact === undefined ? {} : { redact: flags.redact }),
  };
}

/** `web=a.pcap`, unless a file is called just that. */
function inputOf(text: string): CaptureInput {
  const at = text.indexOf('=');
  const name = text.slice(0, Math.max(0, at));
  if (name === '' || name.includes('/') || existsSync(text)) return { path: text };
  return { path: text.slice(at + 1), name };
}

function refuseNamesakes(captures: readonly CaptureInput[]): void {
  for (const [index, { path, name }] of captures.entries()) {
    const before = captures.slice(0, index);
    if (path !== '-' && before.some((other) => other.path === path))
      throw new VdiagError('usage', `${path} is given twice`, 'give each capture once');
    if (name !== undefined && before.some((other) => other.name === name))
      throw new VdiagError('usage', `two captures are called ${name}`, 'give each a name of its own: NAME=capture');
  }
}

/** Two addresses with a blank or a comma between them, in their canonical form. */
function twoAddresses(text: string): [string, string] {
  const [one = '', other = '', ...more] = text.trim().split(/[\s,]+/);
  const pair = [one, other].map((word) => {
    const address = canonicalAddress(word);
    if (address !== undefined) return address;
    const what = word === '' ? 'one address is missing' : `not an IP address: ${word}`;
    throw new VdiagError('usage', `--between: ${what}`, 'as --between 10.0.0.1 10.0.0.2');
  });
  const [first = '', second = ''] = pair;
  if (more.length > 0)
    throw new VdiagError('usage', '--between: two addresses are wanted', 'as --between 10.0.0.1 10.0.0.2');
  return [first, second];
}

/** What is wrong with the captures, behind the report: it comes all the same. */
function complain({ analysis, run: recorded }: AnalyzeResult, flags: Flags): void {
  for (const capture of analysis.captures)
    for (const line of damage(capture)) process.stderr.write(`${printable(`vdiag: ${line}`, false)}\n`);
  if (analysis.summary.frames > 0 || recorded !== undefined) return;
  const narrowed = flags.since !== undefined || flags.until !== undefined;
  const [what, hint] = narrowed
    ? ['no frame between --since and --until', 'vdiag frames shows the times of a capture']
    : [
        'there is no frame to analyze',
        'was the capture running when it happened? vdiag frames --all shows what is in it',
      ];
  process.stderr.write(`vdiag: ${what}\n  ${hint}\n`);
}

function damage({ name, problems, problemCount, skipped, frames }: CaptureNote): string[] {
  const last = problems.at(-1);
  const ended = last?.fatal === true ? last : undefined;
  const [first] = problems;
  const leftOut = problemCount - (ended === undefined ? 0 : 1);
  const others = leftOut > 1 ? ` (and ${leftOut - 1} more left out)` : '';
  return [
    ...Object.entries(skipped).map(
      ([type, count]) => `${name}: ${count} of ${frames} frames skipped: no ${type} is read`,
    ),
    ...(first !== undefined && leftOut > 0 ? [`${name} ${problemText(first)}${others}`] : []),
    ...(ended === undefined ? [] : [`${name} ${problemText(ended)}`]),
  ];
}

function statusOf({ analysis, run: recorded }: AnalyzeResult): number {
  if (analysis.summary.frames === 0 && recorded === undefined) return 2;
  const outcome = recorded === undefined ? analysis.outcome : outcomeWith(analysis, recorded);
  return outcome === 'healthy' ? 0 : 1;
}

/** One line on standard error that is written over: "12 345 678 frames, 45 %, 512 MiB/s". */
function createProgress(): { show(progress: AnalyzeProgress): void; clear(): void } {
  const begun = performance.now();
  let shown = false;
  return {
    show({ frames, bytes, ofBytes }) {
      const elapsedMs = performance.now() - begun;
      if (elapsedMs < PATIENCE_MS) return;
      shown = true;
      const share = ofBytes === undefined ? '' : ` ${Math.floor((100 * bytes) / Math.max(1, ofBytes))} %,`;
      const rate = Math.round((bytes / 2 ** 20 / elapsedMs) * 1000);
      const count = String(frames).replaceAll(/\B(?=(\d{3})+$)/g, ' ');
      process.stderr.write(`\r\u001b[K${count} frames,${share} ${rate} MiB/s`);
    },
    clear() {
      if (shown) process.stderr.write('\r\u001b[K');
      shown = false;
    },
  };
}
