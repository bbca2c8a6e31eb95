/** How many of the probes came by each place, and after what time: the table of a long run, or of a partial loss. */
import type { Hop, Percentiles } from '../diagnose/hops.ts';
import { placeName } from '../topology/naming.ts';
import { printable } from './printable.ts';
import type { Report } from './report.ts';
import { tableLines } from './table.ts';
import type { Terminal } from './terminal.ts';

/** From so many probes on percentiles say something. */
const ENOUGH = 10;
/** So many places fit on a screen; the others are in the JSON. */
const MOST_HOPS = 40;

/** True where the figures are worth showing: many probes, or some that were lost. */
export function hasFigures({ diagnosis, probes }: Report): boolean {
  const partial = probes.received > 0 && probes.received < probes.sent;
  return (diagnosis.hops?.length ?? 0) > 0 && (probes.sent >= ENOUGH || partial);
}

/** One line for each place of the way; none where there is little to tell. */
export function hopLines(report: Report, terminal: Terminal): string[] {
  if (!hasFigures(report)) return [];
  const all = report.diagnosis.hops ?? [];
  const timed = report.probes.sent >= ENOUGH;
  const rows = all
    .slice(0, MOST_HOPS)
    .map((hop) => [
      `${hop.packet === 'echo-reply' ? 'reply' : 'request'} ${hopName(report, terminal, hop)}`,
      `${hop.sighted}/${hop.sent}`,
      `${lostPercent(hop)}%`,
      ...(timed ? figures(hop.latencyMs) : []),
    ]);
  const head = ['packet at', 'sighted', 'lost', ...(timed ? ['p50', 'p95', 'p99', 'max ms'] : [])];
  const lines = tableLines(terminal, timed ? 'hops, and the time since the probe was sent' : 'hops', head, rows);
  return all.length > MOST_HOPS ? [...lines, `  ${all.length - MOST_HOPS} more: see --json`] : lines;
}

function hopName({ diagnosis }: Report, terminal: Terminal, { place, direction }: Hop): string {
  if (direction === 'socket') return 'at the socket';
  return printable(`${direction === 'in' ? 'in' : 'out'} ${placeName(diagnosis.before, place)}`, terminal.unicode);
}

/** Percent of the probes that did not come by, as ping counts. */
function lostPercent({ sent, sighted }: Hop): string {
  return sent === 0 ? '0' : String(Number(((100 * (sent - sighted)) / sent).toPrecision(3)));
}

function figures(latencyMs: Percentiles | undefined): string[] {
  if (!latencyMs) return ['', '', '', ''];
  const { p50, p95, p99, max } = latencyMs;
  return [p50, p95, p99, max].map((value) => value.toFixed(3));
}

/** What changed while the probes were under way. */
export function changeLines({ diagnosis }: Report, terminal: Terminal): string[] {
  return (diagnosis.changes ?? []).map(({ text }) => printable(`changed during the trace: ${text}`, terminal.unicode));
}
