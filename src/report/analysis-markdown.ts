/** An analysis of captures as Markdown: what is wrong, what was read, the findings, and the exchanges in tables. */
import type { CaptureAnalysis, CaptureFinding } from '../diagnose/analysis.ts';
import { analysisHeadline, analysisRoot } from './analysis-headline.ts';
import { readLines } from './analysis-read.ts';
import { othersThan } from './analysis-run.ts';
import { surveyTables } from './analysis-tables.ts';
import { type AnalysisWriter, createWriter } from './analysis-writer.ts';
import { offset } from './figures.ts';
import { reportMarkdown } from './markdown.ts';
import { code, fenced, plain } from './markdown-markup.ts';
import type { Report } from './report.ts';
import { capitalised } from './sentence.ts';

const PAPER = { width: 100, color: false, unicode: true };
const BADGES = { fault: '✗', healthy: '✓', inconclusive: '?' } as const;

/**
 * Ends in a newline.
 * @param run of a recorded ping-trace: its report comes first
 */
export function analysisMarkdown(analysis: CaptureAnalysis, run?: Report): string {
  const writer = createWriter(analysis, PAPER, false);
  const tables = surveyTables(writer).flat();
  const read = readLines(writer).map(plain).join('  \n');
  if (run)
    return reportMarkdown(run, [
      ...othersThan(analysis.findings, run).flatMap((finding) => findingBlocks(writer, finding)),
      read,
    ]);
  const root = analysisRoot(analysis);
  const others = analysis.findings.filter((finding) => finding !== root);
  const blocks = [
    `## ${BADGES[analysis.outcome]} ${plain(capitalised(analysisHeadline(analysis), analysis.topology))}`,
    ...(root === undefined ? [] : rootBlocks(writer, root)),
    ...others.flatMap((finding) => findingBlocks(writer, finding)),
    ...(tables.length === 0 ? [] : [fenced(tables)]),
    ...analysis.gaps.map((gap) => `- limit: ${plain(gap)}`),
    read,
  ];
  return `${blocks.join('\n\n')}\n`;
}

function rootBlocks({ analysis, place: nameOf }: AnalysisWriter, finding: CaptureFinding): string[] {
  const zeroNs = finding.trail?.[0]?.timeNs ?? analysis.summary.fromNs ?? 0n;
  const evidence = finding.evidence.map(({ kind, text, place, timeNs, look }) => {
    const when = timeNs === undefined ? '' : `${offset(timeNs - zeroNs)} `;
    const where = place === undefined ? '' : nameOf(place);
    const at = where === '' || text.includes(where) ? '' : `${where}: `;
    return `- ${kind}: ${plain(`${when}${at}${text}`)}${look === undefined ? '' : ` ${code(look)}`}`;
  });
  return [
    `${code(finding.rule)}, ${finding.confidence}`,
    plain(capitalised(finding.summary, analysis.topology)),
    ...finding.remedies.flatMap(({ why, commands, verify }, index) => [
      `**${index === 0 ? 'Cure' : 'Or'}:** ${plain(why)}`,
      ...(commands.length === 0 ? [] : [fenced(commands, 'sh')]),
      ...(verify === '' ? [] : [`Then: ${code(verify)}`]),
    ]),
    ...candidates(finding),
    ...(evidence.length === 0 ? [] : [evidence.join('\n')]),
  ];
}

function candidates(finding: CaptureFinding): string[] {
  if (finding.remedies.length > 0 || finding.candidates.length === 0) return [];
  const list = finding.candidates.map(({ rule, why, look }) => `- ${code(rule)}: ${plain(why)} ${code(look)}`);
  return [`**It may be, the most likely first:**\n${list.join('\n')}`];
}

function findingBlocks(_: AnalysisWriter, finding: CaptureFinding): string[] {
  const word = finding.blocks === 'next' ? 'And then' : finding.severity === 'fault' ? 'Also' : finding.severity;
  const commands = finding.severity === 'note' ? [] : (finding.remedies[0]?.commands ?? []);
  return [
    `**${word}:** ${plain(finding.title)} (${code(finding.rule)})`,
    ...(commands.length === 0 ? [] : [fenced(commands, 'sh')]),
  ];
}
