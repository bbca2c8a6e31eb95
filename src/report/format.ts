/** The forms a report can be given. */
import { checkText } from './check-text.ts';
import { reportHtml } from './html/page.ts';
import { reportJson } from './json.ts';
import { jsonText } from './json-text.ts';
import { reportMarkdown } from './markdown.ts';
import { reportMermaid } from './mermaid.ts';
import type { Report } from './report.ts';
import type { Terminal } from './terminal.ts';
import { reportText, type TextOptions } from './text.ts';

export const FORMATS = ['text', 'json', 'html', 'markdown', 'mermaid'] as const;

export type Format = (typeof FORMATS)[number];

/** The report in one of its forms, ending in a newline. */
export function formatted(report: Report, format: Format, terminal: Terminal, options: TextOptions = {}): string {
  switch (format) {
    case 'text':
      return report.command === 'check' ? checkText(report, terminal, options) : reportText(report, terminal, options);
    case 'json':
      return jsonText(reportJson(report));
    case 'html':
      return reportHtml(report);
    case 'markdown':
      return reportMarkdown(report);
    case 'mermaid':
      return reportMermaid(report);
    default:
      return format satisfies never;
  }
}
