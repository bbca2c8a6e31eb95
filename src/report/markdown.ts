/** The report as Markdown, for an issue or a chat: what is wrong, the cure, the ladder, the evidence. */
import type { Finding } from '../diagnose/finding.ts';
import { placeName } from '../topology/naming.ts';
import { offset, statistics } from './figures.ts';
import { ladder, zeroOf } from './ladder.ts';
import { printable } from './printable.ts';
import type { Report } from './report.ts';

const PAPER = { width: 100, color: false, unicode: true };
const BADGES = { fault: '✗', healthy: '✓', inconclusive: '?' } as const;

/** Ends in a newline. */
export function reportMarkdown(report: Report): string {
  const { diagnosis, target, probes } = report;
  const first = diagnosis.findings[0];
  const root = first?.severity === 'note' ? undefined : first;
  const title =
    root?.title ??
    (diagnosis.outcome === 'healthy'
      ? `${target.address} answers ${target.interface}: ${probes.received} of ${probes.sent}`
      : `${target.address} does not answer ${target.interface}`);
  const others = diagnosis.findings.filter((finding) => finding !== root);
  const drawn = ladder(report, PAPER, { flooded: false });
  const blocks = [
    `## ${BADGES[diagnosis.outcome]} ${plain(title)}`,
    code(`vdiag ${report.command} ${target.interface} ${target.address}`) + (root ? `: ${ruleOf(root)}` : ''),
    ...(root ? [plain(root.summary), ...cures(root)] : []),
    ...(drawn.length > 0 ? [fenced(drawn)] : []),
    ...(root && root.evidence.length > 0 ? [evidence(report, root)] : []),
    ...others.map(aside),
    ...(diagnosis.coverage.gaps.length > 0
      ? [diagnosis.coverage.gaps.map((gap) => `- not captured: ${plain(gap)}`).join('\n')]
      : []),
    [...statistics(probes), `vdiag ${report.version}, Linux ${diagnosis.before.kernel}`].map(plain).join('  \n'),
  ];
  return `${blocks.join('\n\n')}\n`;
}

function cures({ remedies }: Finding): string[] {
  return remedies.flatMap(({ why, commands, verify }, index) => [
    `**${index === 0 ? 'Cure' : 'Or'}:** ${plain(why)}`,
    ...(commands.length > 0 ? [fenced(commands, 'sh')] : []),
    ...(verify === '' ? [] : [`Then: ${code(verify)}`]),
  ]);
}

function evidence(report: Report, finding: Finding): string {
  const zeroNs = zeroOf(report);
  return finding.evidence
    .map(({ kind, text, place, timeNs, look }) => {
      const where = place === undefined ? '' : placeName(report.diagnosis.before, place);
      const when = timeNs === undefined ? '' : `${offset(timeNs - zeroNs)} `;
      const at = where === '' || text.includes(where) ? '' : `${where}: `;
      return `- ${kind}: ${plain(`${when}${at}${text}`)}${look === undefined ? '' : ` ${code(look)}`}`;
    })
    .join('\n');
}

function aside(finding: Finding): string {
  const word = finding.blocks === 'next' ? 'And then' : finding.blocks === 'now' ? 'Also' : finding.severity;
  const commands = finding.severity === 'note' ? [] : (finding.remedies[0]?.commands ?? []);
  return [
    `**${word}:** ${plain(finding.title)} (${code(finding.rule)})`,
    ...(commands.length > 0 ? [fenced(commands, 'sh')] : []),
  ].join('\n\n');
}

function ruleOf({ rule, confidence }: Finding): string {
  return `${code(rule)}, ${confidence}`;
}

/** Text in which nothing is markup: every sign of it is escaped (CommonMark 0.31, section 2.4). */
function plain(text: string): string {
  return printable(text, true).replace(/[\\`*_{}[\]<>#|~!&]/g, (sign) => `\\${sign}`);
}

/** A code span, with a fence longer than any run of backticks in it. */
function code(text: string): string {
  const safe = printable(text, true);
  const fence = '`'.repeat(longestRun(safe) + 1);
  const pad = safe.startsWith('`') || safe.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${safe}${pad}${fence}`;
}

function fenced(lines: readonly string[], language = ''): string {
  const safe = lines.map((line) => printable(line, true));
  const fence = '`'.repeat(Math.max(3, longestRun(safe.join('\n')) + 1));
  return [`${fence}${language}`, ...safe, fence].join('\n');
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}
