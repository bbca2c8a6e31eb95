/** What an analysis says in one line. */
import type { CaptureAnalysis, CaptureFinding } from '../diagnose/analysis.ts';
import { counted, grouped } from './analysis-writer.ts';

/** The finding the analysis is about; notes are never it. */
export function analysisRoot({ findings: [first] }: Pick<CaptureAnalysis, 'findings'>): CaptureFinding | undefined {
  return first?.severity === 'note' ? undefined : first;
}

/** The root cause's title, or how the requests fared. Not made inert. */
export function analysisHeadline(analysis: CaptureAnalysis, root = analysisRoot(analysis)): string {
  if (root !== undefined) return root.title;
  const { requests, answered, frames, pairCount, places: all } = analysis.summary;
  const places = counted(all.filter((place) => place.frames > 0).length, 'place');
  if (frames === 0) return 'no frame to analyze';
  if (requests === 0)
    return `nobody asked anything that vdiag follows (ARP, echo, neighbour discovery): ${counted(frames, 'frame')} at ${places}`;
  return `${grouped(answered)} of ${counted(requests, 'request')} answered, ${counted(pairCount, 'pair')}, over ${places}`;
}
