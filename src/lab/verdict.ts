/** Holds a report against what its lab expects. */
import type { Lab } from './lab.ts';

/** The part of a `vdiag.report/1` document that a verdict needs. */
export interface ReportedOutcome {
  readonly outcome: string;
  readonly findings: readonly ReportedFinding[];
}

export interface ReportedFinding {
  readonly rule: string;
  readonly severity: string;
  readonly blocks?: string;
  /** Of all remedies, in order. */
  readonly commands: readonly (readonly string[])[];
}

/**
 * Reads a JSON report. Undefined when the text is none: the run that should have written it had other trouble.
 */
export function readOutcome(text: string): ReportedOutcome | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(document) || typeof document.outcome !== 'string' || !Array.isArray(document.findings))
    return undefined;
  return { outcome: document.outcome, findings: document.findings.filter(isRecord).map(readFinding) };
}

/** What the report misses or gets wrong, one line each; empty when it is what the lab expects. */
export function complaints(lab: Lab, { outcome, findings }: ReportedOutcome): string[] {
  const wrong: string[] = [];
  const root = findings[0];
  if (lab.expect === 'healthy') {
    if (outcome !== 'healthy') wrong.push(`outcome is ${outcome}, not healthy`);
    for (const { rule, severity } of findings)
      if (severity !== 'note') wrong.push(`${severity} ${rule} in a healthy network`);
  } else {
    // What vanished where nobody listened is no proven fault.
    const wanted = lab.expect === 'not-captured' ? 'inconclusive' : 'fault';
    if (outcome !== wanted) wrong.push(`outcome is ${outcome}, not ${wanted}`);
    if (root?.rule !== lab.expect) wrong.push(`root cause is ${root?.rule ?? 'none'}, not ${lab.expect}`);
  }
  for (const rule of lab.next)
    if (!findings.some((finding) => finding.rule === rule && finding.blocks === 'next'))
      wrong.push(`${rule} is not named as what would stop it next`);
  if (lab.note !== undefined && !findings.some(({ rule, severity }) => rule === lab.note && severity === 'note'))
    wrong.push(`note ${lab.note} is missing`);
  return wrong;
}

/** The cure as the report has it: the root cause's first remedy, then the first one of each that would stop the packet next. */
export function cureCommands({ findings }: ReportedOutcome): string[] {
  return findings
    .filter((finding, index) => index === 0 || finding.blocks === 'next')
    .flatMap((finding) => finding.commands[0] ?? []);
}

function readFinding(finding: Record<string, unknown>): ReportedFinding {
  const remedies = Array.isArray(finding.remedy) ? finding.remedy.filter(isRecord) : [];
  return {
    rule: String(finding.rule),
    severity: String(finding.severity),
    ...(typeof finding.blocks === 'string' ? { blocks: finding.blocks } : {}),
    commands: remedies.map(({ commands }) => (Array.isArray(commands) ? commands.map(String) : [])),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
