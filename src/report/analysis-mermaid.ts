/** What was sighted of an analysis's root cause, as a Mermaid sequence diagram. */
import type { CaptureAnalysis } from '../diagnose/analysis.ts';
import { placeKey } from '../trace/frame.ts';
import { analysisHeadline, analysisRoot } from './analysis-headline.ts';
import { createWriter } from './analysis-writer.ts';
import { inert, reportMermaid } from './mermaid.ts';
import type { Report } from './report.ts';

const PAPER = { width: 100, color: false, unicode: true };
/** Steps that are drawn. */
const MOST_STEPS = 60;

/** `sequenceDiagram` and its lines, ending in a newline. @param run of a recorded ping-trace: then its own ladder */
export function analysisMermaid(analysis: CaptureAnalysis, run?: Report): string {
  if (run) return reportMermaid(run);
  const { place: nameOf } = createWriter(analysis, PAPER, false);
  const trail = (analysisRoot(analysis)?.trail ?? []).slice(0, MOST_STEPS);
  const places = new Map(trail.map(({ place }) => [placeKey(place), place]));
  const numbers = new Map([...places.keys()].map((key, index) => [key, `p${index}`]));
  const lines = [...places].map(([key, place]) => `participant ${numbers.get(key)} as ${inert(nameOf(place))}`);
  let before: { readonly at: string; readonly text: string } | undefined;
  for (const { place, text } of trail) {
    const at = numbers.get(placeKey(place)) ?? '';
    const goesOn = before?.text === text;
    lines.push(`${goesOn ? before?.at : at}->>${at}: ${goesOn ? '…' : inert(text)}`);
    before = { at, text };
  }
  const title = `Note over ${places.size === 0 ? 'vdiag' : 'p0'}: ${inert(analysisHeadline(analysis))}`;
  const first = places.size === 0 ? ['participant vdiag'] : [];
  return ['sequenceDiagram', ...[...first, ...lines, title].map((line) => `  ${line}`), ''].join('\n');
}
