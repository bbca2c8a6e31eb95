/** What captures tell, in the forms that go to others. */
import { describe, expect, it } from 'vitest';
import { formattedAnalysis } from '../../src/report/analysis-format.ts';
import { crowd, nothingAtAll, quietDay, recordedMachine, twoHosts } from './analysis-scenes.ts';

const TERMINAL = { width: 100, color: false, unicode: true };
const SCENES = { quietDay, twoHosts, crowd, recordedMachine, nothingAtAll };

describe.each(Object.entries(SCENES))('%s', (_, make) => {
  it.each(['html', 'markdown', 'mermaid'] as const)('as %s says the root cause, and spells no blank', (format) => {
    const analysis = make();
    const text = formattedAnalysis(analysis, format, TERMINAL);
    expect(text).toMatch(/\n$/);
    expect(text).not.toMatch(/\\xa0|\u00a0|undefined|\[object/);
    const [first] = analysis.findings;
    if (first && first.severity !== 'note' && format !== 'mermaid') expect(text).toContain(first.rule);
  });

  it('is a diagram that names every place before it is used', () => {
    const [kind, ...lines] = formattedAnalysis(make(), 'mermaid', TERMINAL).trimEnd().split('\n');
    expect(kind).toBe('sequenceDiagram');
    const known = new Set<string>();
    for (const line of lines) {
      const participant = /^ {2}participant (\S+)/.exec(line)?.[1];
      if (participant !== undefined) known.add(participant);
      else
        for (const used of line.match(/^ {2}(?:Note over )?(\w+)(?:-+>>(\w+))?/)?.slice(1) ?? [])
          if (used) expect(known).toContain(used);
    }
    expect(known.size).toBeGreaterThan(0);
  });
});
