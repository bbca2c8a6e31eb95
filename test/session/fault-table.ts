/** What live faults were answered with, for a table of them (bench/endurance.mjs): VDIAG_FAULT_TABLE names the file, a row a line. */
import { appendFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Diagnosis } from '../../src/diagnose/finding.ts';

export interface FaultRow {
  /** The test, and the heading it stands under. */
  readonly fault: string;
  readonly outcome: string;
  /** `rule, confidence` of what is named first; empty for nothing. */
  readonly named: string;
  readonly title: string;
  readonly changes: readonly string[];
}

/** To be called in the test that has the diagnosis. */
export function noteFault({ outcome, findings, changes = [] }: Diagnosis): void {
  const path = process.env.VDIAG_FAULT_TABLE;
  if (!path) return;
  const [root] = findings;
  const row: FaultRow = {
    fault: (expect.getState().currentTestName ?? '').replaceAll(' > ', ': '),
    outcome,
    named: root ? `${root.rule}, ${root.confidence}` : '',
    title: root?.title ?? '',
    changes: changes.map(({ text }) => text),
  };
  appendFileSync(path, `${JSON.stringify(row)}\n`);
}
