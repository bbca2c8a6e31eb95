/** What the fuzzer found: one entry for each place in the code, whatever number of inputs leads there. */

export type FindingKind = 'exception' | 'hang' | 'slow' | 'memory' | 'crash';

export interface FuzzFinding {
  readonly kind: FindingKind;
  readonly target: string;
  /** The first input that showed it. */
  readonly index: number;
  /** The error and where it was thrown, or what was measured. */
  readonly what: string;
  readonly stack?: string;
  /** How many inputs showed it. */
  count: number;
}

/** Two errors are one finding when they have the same words, numbers and texts apart, and come from the same lines. */
export function keyOf({ kind, target, what }: Pick<FuzzFinding, 'kind' | 'target' | 'what'>): string {
  return `${kind} ${target} ${what.replace(/"(?:[^"\\]|\\.)*"/g, '""').replace(/\d+/g, '#')}`.slice(0, 300);
}

export function noted(findings: FuzzFinding[], finding: FuzzFinding): void {
  const known = findings.find((other) => keyOf(other) === keyOf(finding));
  if (known) known.count += finding.count;
  else findings.push(finding);
}

/** The message and the first line of the stack that is the project's. */
export function whatOf(error: unknown): { what: string; stack?: string } {
  if (!(error instanceof Error)) return { what: `not an error was thrown: ${String(error)}` };
  const at = /^\s*at .*?((?:src|test)\/[^\s:)]+)/m.exec(error.stack ?? '')?.[1] ?? '?';
  return {
    what: `${error.name}: ${error.message.slice(0, 160)} (${at})`,
    ...(error.stack ? { stack: error.stack } : {}),
  };
}
