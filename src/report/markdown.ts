/** The report as Markdown, for an issue or a chat: what is wrong, the cure, the ladder, the evidence. */
import type { Finding } from '../diagnose/finding.ts';
import { placeName } from '../topology/naming.ts';
import { offset, statistics } from './figures.ts';
import { ladder, zeroOf } from './ladder.ts';
import { code, fenced, plain } from './markdown-markup.ts';
import type { Report } from './report.ts';
import { capitalised } from './sentence.ts';

const PAPER = { width: 100, color: false, unicode: true };
const BADGES = { fault: '✗', healthy: '✓', inconclusive: '?' } as const;

/**
 * Ends in a newline.
 * @param further blocks behind all of it
 */
export function reportMarkdown(report: Report, further: readonly string[] = []): string {
  const { diagnosis, target, probes } = report;
  const first = diagnosis.findings[0];
  const root = first?.severity === 'note' ? undefined : first;
  const title =
    root?.title ??
    (diagnosis.outcome === 'healthy'
      ? probes.sent === 0
        ? `nothing stops ${target.interface} → ${target.address}`
        : `${target.address} answers ${target.interface}: ${probes.received} of ${probes.sent}`
      : probes.sent === 0
        ? `not every gate from ${target.interface} to ${target.address} is decided`
        : `${target.address} does not answer ${target.interface}`);
  const others = diagnosis.findings.filter((finding) => finding !== root);
  const drawn = probes.sent === 0 ? [] : ladder(report, PAPER, { flooded: false });
  const blocks = [
    `## ${BADGES[diagnosis.outcome]} ${plain(capitalised(title, diagnosis.before))}`,
    code(`vdiag ${report.command} ${target.interface} ${target.address}`) + (root ? `: ${ruleOf(root)}` : ''),
    ...(root ? [plain(capitalised(root.summary, diagnosis.before)), ...cures(root)] : []),
    ...(drawn.length > 0 ? [fenced(drawn)] : []),
    ...(root && root.evidence.length > 0 ? [evidence(report, root)] : []),
    ...others.map(aside),
    ...(diagnosis.coverage.gaps.length > 0
      ? [diagnosis.coverage.gaps.map((gap) => `- not captured: ${plain(gap)}`).join('\n')]
      : []),
    ...further,
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
