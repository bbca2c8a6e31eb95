/** Times and losses as a person reads them. */
import type { Report } from './report.ts';

/** Nanoseconds as milliseconds with three decimals, as ping and tcpdump count: "0.012", "1024.512". */
export function milliseconds(timeNs: bigint): string {
  const negative = timeNs < 0n;
  const micro = ((negative ? -timeNs : timeNs) + 500n) / 1000n;
  return `${negative ? '-' : ''}${micro / 1000n}.${String(micro % 1000n).padStart(3, '0')}`;
}

/** A time after the first sighting: "+0.012 ms", from one second on "+1.02 s". */
export function offset(timeNs: bigint): string {
  const text = milliseconds(timeNs);
  const seconds = Number(timeNs) / 1e9;
  if (Math.abs(seconds) < 1) return `${timeNs < 0n ? '' : '+'}${text} ms`;
  return `${timeNs < 0n ? '' : '+'}${seconds.toFixed(2)} s`;
}

/** Percent of the requests that were not answered; 0 where none was sent. */
export function lossPercent(probes: Report['probes']): number {
  if (probes.sent === 0) return 0;
  return Math.max(0, 100 - (100 * probes.received) / probes.sent);
}

/** "0.041/0.055/0.080 ms", as ping orders them: min, avg, max. */
export function roundTrip(rtt: NonNullable<Report['probes']['rttMs']>): string {
  return `${rtt.min.toFixed(3)}/${rtt.avg.toFixed(3)}/${rtt.max.toFixed(3)} ms`;
}

/** ping's closing lines (iputils ping_common.c, finish); none where nothing was sent. */
export function statistics(probes: Report['probes']): string[] {
  if (probes.sent === 0) return [];
  const duplicates = probes.duplicates > 0 ? `, +${probes.duplicates} duplicates` : '';
  const loss = Number(lossPercent(probes).toPrecision(6));
  const lines = [`${probes.sent} packets transmitted, ${probes.received} received${duplicates}, ${loss}% packet loss`];
  if (probes.rttMs !== undefined) lines.push(`rtt min/avg/max = ${roundTrip(probes.rttMs)}`);
  return lines;
}
