/** The ladder as a Mermaid sequence diagram, for pages that draw such (mermaid.js.org, "Sequence Diagrams"). */
import { placeName } from '../topology/naming.ts';
import { ladderColumns } from './ladder-columns.ts';
import { exampleJourneys, ladderRows } from './ladder-rows.ts';
import { printable } from './printable.ts';
import { NO_BREAK } from './prose.ts';
import type { Report } from './report.ts';

/** `sequenceDiagram` and its lines, ending in a newline. */
export function reportMermaid(report: Report): string {
  const { diagnosis } = report;
  const journeys = exampleJourneys(diagnosis);
  const columns = ladderColumns(diagnosis, journeys, false);
  const name = (index: number): string => `p${index}`;
  const lines = columns.map(
    ({ place }, index) => `participant ${name(index)} as ${inert(placeName(diagnosis.before, place))}`,
  );
  const places = columns.map(({ place }) => place);
  for (const row of ladderRows(diagnosis, journeys, places)) {
    if (row.kind === 'vanish') {
      const [from, at] = [row.from ?? row.at, row.at ?? row.from];
      if (from !== undefined && at !== undefined) lines.push(`${name(from)}--x${name(at)}: ${inert(row.text.long)}`);
    } else if (row.kind === 'journey') {
      const [first = row.start, ...rest] = row.marks;
      const arrow = row.text.long.includes('reply') || row.text.long.includes('is-at') ? '-->>' : '->>';
      const ways =
        rest.length === 0
          ? [[first, first] as const]
          : rest.map((to, index) => [row.marks[index] ?? first, to] as const);
      ways.forEach(([from, to], index) => {
        lines.push(`${name(from)}${arrow}${name(to)}: ${index === 0 ? inert(row.text.long) : '…'}`);
      });
      if (row.repeats.length > 0) lines.push(`Note over ${name(first)}: ${row.repeats.length} more, the same`);
    }
  }
  return ['sequenceDiagram', ...lines.map((line) => `  ${line}`), ''].join('\n');
}

/** Text that ends no statement and opens no markup: everything unusual as an entity code (#35; is #). */
export function inert(text: string): string {
  return printable(text.replaceAll(NO_BREAK, ' '), true).replace(
    /[^\p{L}\p{N} .,:@/_>()?'+=…✗-]/gu,
    (character) => `#${character.codePointAt(0)};`,
  );
}
