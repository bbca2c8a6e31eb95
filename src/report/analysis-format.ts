/** The forms an analysis of captures can be given. */
import type { CaptureAnalysis } from '../diagnose/analysis.ts';
import { version } from '../version.ts';
import { analysisJson } from './analysis-json.ts';
import { analysisMarkdown } from './analysis-markdown.ts';
import { analysisMermaid } from './analysis-mermaid.ts';
import { analysisText } from './analysis-text.ts';
import type { Format } from './format.ts';
import { analysisHtml } from './html/analysis-page.ts';
import { jsonText } from './json-text.ts';
import type { Report } from './report.ts';
import type { Terminal } from './terminal.ts';
import type { TextOptions } from './text.ts';

/** An analysis in one of the forms, ending in a newline. @param run of a recorded ping-trace, its own report */
export function formattedAnalysis(
  analysis: CaptureAnalysis,
  format: Format,
  terminal: Terminal,
  options: TextOptions = {},
  run?: Report,
): string {
  switch (format) {
    case 'text':
      return analysisText(analysis, terminal, options, run);
    case 'json':
      return jsonText(analysisJson(analysis, version(), run));
    case 'html':
      return analysisHtml(analysis, version(), run);
    case 'markdown':
      return analysisMarkdown(analysis, run);
    case 'mermaid':
      return analysisMermaid(analysis, run);
    default:
      return format satisfies never;
  }
}
