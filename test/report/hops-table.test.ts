/** The table of hops: of long runs and of partial losses, and no wider than the terminal. */
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose/engine.ts';
import { changeLines, hopLines } from '../../src/report/hops-table.ts';
import { reportJson } from '../../src/report/json.ts';
import { displayWidth } from '../../src/report/printable.ts';
import type { Report } from '../../src/report/report.ts';
import type { Terminal } from '../../src/report/terminal.ts';
import { summariseProbes } from '../../src/session/ping-verdict.ts';
import { inputOf, recorded } from '../diagnose/recordings.ts';

const terminal: Terminal = { width: 80, color: false, unicode: false };

function reportOf(rule: string, least = 0): Report {
  const record = recorded(rule);
  const input = inputOf(record);
  const { probes, query } = record.recording;
  return {
    version: '0.0.0',
    command: 'analyze',
    target: { interface: query.start.name, address: query.destination, netns: query.start.netns },
    probes: { ...summariseProbes(probes), sent: Math.max(probes.length, least), sizeBytes: 56 },
    diagnosis: diagnose(input),
  };
}

describe('the table of hops', () => {
  it('has one line for each place, with percentiles from ten probes on', () => {
    const lines = hopLines(reportOf('loss-partial'), terminal);
    expect(lines[0]).toBe('hops, and the time since the probe was sent:');
    expect(lines[1]?.trim().split(/\s{2,}/)).toEqual(['packet at', 'sighted', 'lost', 'p50', 'p95', 'p99', 'max ms']);
    expect(lines).toHaveLength(11);
    expect(lines[2]).toMatch(/^ {2}request out eth0@ash +30\/30 +0% +\d\.\d{3} /);
    expect(lines[4]).toMatch(/^ {2}request out k6@oak +25\/30 +16\.7% +\d\.\d{3} /);
    expect(lines.at(-1)).toMatch(/^ {2}reply at the socket +25\/30 +16\.7% /);
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(80);
  });

  it('is left out of a short run in which nothing was lost', () => {
    const report = reportOf('reply-duplicated');
    expect(hopLines(report, terminal)).toEqual([]);
    expect(reportJson(report)).not.toHaveProperty('hops');
    expect(hopLines(reportOf('reply-duplicated', 10), terminal)).not.toEqual([]);
  });

  it('is in the JSON, with numbers', () => {
    const { hops } = reportJson(reportOf('loss-partial'));
    expect(hops).toHaveLength(9);
    expect(hops).toEqual(
      expect.arrayContaining([
        {
          packet: 'echo-request',
          place: { netns: 'oak', interface: 'k6' },
          direction: 'out',
          sent: 30,
          sighted: 25,
          latencyMs: {
            p50: expect.any(Number),
            p95: expect.any(Number),
            p99: expect.any(Number),
            max: expect.any(Number),
          },
        },
      ]),
    );
  });
});

describe('what changed during the trace', () => {
  it('is one inert line each', () => {
    const report = reportOf('reply-slow');
    const changes = [{ kind: 'link-gone' as const, netns: 'abbey', name: 'n3', text: 'n3\u001b[2J@abbey is gone' }];
    const lines = changeLines({ ...report, diagnosis: { ...report.diagnosis, changes } }, terminal);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^changed during the trace: n3.*@abbey is gone$/);
    expect(lines[0]).not.toContain('\u001b');
    expect(changeLines(report, terminal)).toEqual([]);
  });
});
