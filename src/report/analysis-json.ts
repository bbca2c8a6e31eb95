/**
 * An analysis as data: `vdiag.report/1` with the command "analyze", described by schema/vdiag.report.schema.json.
 * `file` of a frame is an index into `captures`.
 */
import type { CaptureAnalysis, CaptureFinding } from '../diagnose/analysis.ts';
import type { Finding } from '../diagnose/finding.ts';
import { othersThan, outcomeWith, sameAs } from './analysis-run.ts';
import { findingJson, type ReportDocument, reportJson } from './json.ts';
import type { Report } from './report.ts';

/**
 * @param version of vdiag
 * @param run of a recorded ping-trace: its fields come as those of ping-trace do
 */
export function analysisJson(analysis: CaptureAnalysis, version: string, run?: Report): ReportDocument {
  const { captures, summary, basis, gaps, findings } = analysis;
  const read = {
    captures: published(captures),
    basis,
    gaps: [...gaps],
    summary: published(summary),
  };
  if (run !== undefined)
    return {
      ...reportJson(run),
      command: 'analyze',
      outcome: outcomeWith(analysis, run),
      findings: [
        ...run.diagnosis.findings.map((finding) => captureFindingJson(finding, sameAs(finding, findings))),
        ...othersThan(findings, run).map((finding) => captureFindingJson(finding, finding)),
      ],
      ...read,
    };
  return {
    schema: 'vdiag.report/1',
    version,
    command: 'analyze',
    outcome: analysis.outcome,
    findings: findings.map((finding) => captureFindingJson(finding, finding)),
    coverage: coverageOf(analysis),
    ...read,
    ...(analysis.topology === undefined ? {} : { topology: analysis.topology }),
  };
}

function captureFindingJson(finding: Finding, survey: CaptureFinding | undefined): object {
  if (survey === undefined) return findingJson(finding);
  const { explains, unit = 'exchanges', pair, example, candidates, trail } = survey;
  return {
    ...findingJson(finding),
    explains,
    unit,
    ...(pair === undefined ? {} : { pair: { source: pair.source, target: pair.target } }),
    ...(example === undefined ? {} : { example: published(example) }),
    candidates: published(candidates),
    ...(trail === undefined ? {} : { trail: published(trail) }),
  };
}

/** The places of the captures, whether or not a frame was sighted there. */
function coverageOf({ summary, captures, gaps }: CaptureAnalysis): object {
  return {
    engine: 'file',
    places: summary.places.map(({ place }) => published(place)),
    fromNs: String(summary.fromNs ?? 0n),
    untilNs: String(summary.untilNs ?? 0n),
    framesCaptured: summary.frames,
    framesLost: captures.reduce((sum, { lost }) => sum + lost, 0),
    lost: [],
    gaps: [...gaps],
  };
}

/** Plain data: places as everywhere in the document, 64-bit times as decimal strings, nothing that is undefined. */
function published(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(published);
  if (typeof value !== 'object' || value === null) return value;
  const isPlace = 'netns' in value && 'name' in value;
  const fields: Record<string, unknown> = {};
  // Tens of thousands of lost packets come by here.
  for (const [key, field] of Object.entries(value))
    if (field !== undefined) fields[isPlace && key === 'name' ? 'interface' : key] = published(field);
  return fields;
}
