/** A recorded run of ping-trace beside the analysis of its capture: what of the one the other has said already. */
import type { CaptureAnalysis, CaptureFinding } from '../diagnose/analysis.ts';
import type { Finding, Outcome } from '../diagnose/finding.ts';
import type { SurveySummary } from '../survey/summary.ts';
import type { ResolutionExchange } from '../trace/exchange.ts';
import { placeKey } from '../trace/frame.ts';
import type { Report } from './report.ts';

/** Findings that the run's own report does not have. */
export function othersThan(findings: readonly CaptureFinding[], run: Report): CaptureFinding[] {
  const told = new Set(run.diagnosis.findings.map(keyOf));
  const pairs = pairsOf(run);
  return findings.filter(
    // The run knows what was sent, and so more of its own exchanges than their sightings tell.
    (finding) =>
      !told.has(keyOf(finding)) && !(finding.pair && pairs.has(pairKey(finding.pair.source, finding.pair.target))),
  );
}

/** The run's finding with what the survey knows of it. */
export function sameAs(finding: Finding, findings: readonly CaptureFinding[]): CaptureFinding | undefined {
  return findings.find((other) => keyOf(other) === keyOf(finding));
}

/** Of both: a run that went well says nothing of the other exchanges in its capture. */
export function outcomeWith(analysis: CaptureAnalysis, run: Report): Outcome {
  const { outcome } = run.diagnosis;
  if (outcome !== 'healthy') return outcome;
  return othersThan(analysis.findings, run).some(({ severity }) => severity !== 'note') ? 'fault' : 'healthy';
}

/** Exchanges of others than the two of the run. */
export function hasMoreThan({ pairs }: SurveySummary, run: Report): boolean {
  const own = pairsOf(run);
  return pairs.some(({ source, target }) => !own.has(pairKey(source, target)));
}

function keyOf({ rule, where }: Finding): string {
  return `${rule} ${placeKey(where)}`;
}

/** Echoes of the run and the resolutions that belong to them, either way round. */
function pairsOf({ diagnosis }: Report): Set<string> {
  const asked = ({ senderProtocol, targetProtocol }: ResolutionExchange): string =>
    pairKey(senderProtocol, targetProtocol);
  return new Set(
    diagnosis.exchanges.flatMap((exchange) =>
      exchange.kind !== 'echo'
        ? [asked(exchange)]
        : [pairKey(exchange.source, exchange.destination), ...exchange.resolutions.map(asked)],
    ),
  );
}

function pairKey(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}
