/** What captures tell, as text: what is wrong, what was read, the findings, and the exchanges in tables. */
import type { CaptureAnalysis, CaptureFinding } from '../diagnose/analysis.ts';
import { findingSections } from './analysis-findings.ts';
import { analysisHeadline, analysisRoot } from './analysis-headline.ts';
import { readLines } from './analysis-read.ts';
import { hasMoreThan, othersThan } from './analysis-run.ts';
import { surveyTables } from './analysis-tables.ts';
import { type AnalysisWriter, createWriter } from './analysis-writer.ts';
import { ruleOf, signed } from './finding-text.ts';
import { wrapped } from './prose.ts';
import type { Report } from './report.ts';
import type { Terminal } from './terminal.ts';
import { reportText, type TextOptions } from './text.ts';

/**
 * The whole analysis, ending in a newline.
 * @param run of a recorded ping-trace: its report comes first, and what it says is not said again
 */
export function analysisText(
  analysis: CaptureAnalysis,
  terminal: Terminal,
  options: TextOptions = {},
  run?: Report,
): string {
  const writer = createWriter(analysis, terminal, options.verbose === true);
  if (run !== undefined) return withRun(writer, run, options);
  const { findings } = analysis;
  const root = analysisRoot({ findings });
  if (options.quiet === true) return joined([headline(writer, root)]);
  return joined([
    headline(writer, root),
    readLines(writer),
    ...findingSections(
      writer,
      root,
      findings.filter((finding) => finding !== root),
    ),
    limits(writer),
    ...surveyTables(writer),
  ]);
}

function withRun(writer: AnalysisWriter, run: Report, options: TextOptions): string {
  const { analysis, terminal, verbose } = writer;
  const text = reportText(run, terminal, options);
  const others = othersThan(analysis.findings, run);
  const root = run.diagnosis.outcome === 'healthy' ? analysisRoot({ findings: others }) : undefined;
  if (options.quiet === true) return root === undefined ? text : text + joined([headline(writer, root)]);
  const more = others.length > 0 || hasMoreThan(analysis.summary, run);
  const sections = [
    readLines(writer),
    ...findingSections(writer, undefined, others),
    limits(writer),
    ...surveyTables(writer),
  ];
  return more || verbose ? `${text}\n${joined(sections)}` : text;
}

function joined(sections: readonly (readonly string[])[]): string {
  return sections
    .filter((section) => section.length > 0)
    .map((section) => `${section.join('\n')}\n`)
    .join('\n');
}

function headline(writer: AnalysisWriter, root: CaptureFinding | undefined): string[] {
  const { analysis, glyphs, safe } = writer;
  const text = analysisHeadline(analysis, root);
  if (root !== undefined) return signed(writer, 'bad', glyphs.fault, `${safe(text)} ${ruleOf(writer, root)}`);
  const { summary, outcome } = analysis;
  return outcome === 'healthy' && summary.requests > 0
    ? signed(writer, 'good', glyphs.healthy, text)
    : signed(writer, 'doubt', glyphs.doubt, text);
}

/** What this analysis lacks: the reader must know before trusting an absence. */
function limits({ analysis, safe, terminal }: AnalysisWriter): string[] {
  return analysis.gaps.flatMap((gap) => wrapped(safe(`limit: ${gap}`), terminal.width, '', '  '));
}
