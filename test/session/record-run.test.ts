/** A run of ping-trace as a file: journeys, the verdict, and the rule on the frame where it went wrong. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCaptureBytes } from '../../src/capfile/capture-reader.ts';
import { loadRecording, placeOptionsOf } from '../../src/capfile/recording.ts';
import { diagnose } from '../../src/diagnose/engine.ts';
import { checkRunPath, writeRun } from '../../src/session/write-run.ts';
import { inputOf, recorded } from '../diagnose/recordings.ts';

const noTshark = spawnSync('tshark', ['--version']).error !== undefined;

describe('a run that was written', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vdiag-record-run-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The recorded run, diagnosed and written anew. */
  function rewritten(rule: string): { file: string; diagnosis: ReturnType<typeof diagnose> } {
    const run = recorded(rule);
    // The frames of the exchanges are those that are written: both come from one reading.
    const input = inputOf(run);
    const diagnosis = diagnose(input);
    const file = join(folder, `${rule}.pcapng`);
    const { query } = run.recording;
    const report = {
      version: '0',
      command: 'ping-trace' as const,
      target: { interface: query.start.name, address: query.destination, netns: query.start.netns },
      probes: { sent: 3, received: 0, duplicates: 0, sizeBytes: 56 },
      diagnosis,
    };
    writeRun(file, { report, recording: run.recording, frames: run.frames });
    return { file, diagnosis };
  }

  it.each(['bridge-port-owns-ip', 'source-is-local', 'forwarding-off'])('%s', (rule) => {
    const { file, diagnosis } = rewritten(rule);
    const recording = loadRecording(readFileSync(file.replace('.pcapng', '.recording.json'), 'utf8'));
    expect(recording).toEqual(recorded(rule).recording);
    const { frames, summary } = readCaptureBytes(readFileSync(file), placeOptionsOf(recording));
    expect(summary.problems).toEqual([]);
    const wrong = frames.filter(({ comments }) => comments.length > 0);
    const sighting = diagnosis.findings[0]?.evidence.find(({ kind }) => kind === 'sighting');
    expect(wrong.map(({ place, timeNs, comments }) => ({ place, timeNs, comments }))).toEqual([
      { place: sighting?.place, timeNs: sighting?.timeNs, comments: [expect.stringMatching(new RegExp(`^${rule}: `))] },
    ]);
    expect(wrong[0]?.packetId).toBe(BigInt(sighting?.journey ?? -1));
    // One packet has one id wherever it was sighted.
    for (const exchange of diagnosis.exchanges) {
      const journey = exchange.request;
      if (!journey) continue;
      const ids = journey.sightings.map(
        ({ frame }) =>
          frames.find(
            ({ place, timeNs, direction }) =>
              place.netns === frame.place.netns &&
              place.name === frame.place.name &&
              timeNs === frame.timeNs &&
              direction === frame.direction,
          )?.packetId,
      );
      expect(new Set(ids)).toEqual(new Set([BigInt(journey.id)]));
    }
  });

  it.skipIf(noTshark)('is filtered by the rule in Wireshark (skipped where tshark is not installed)', () => {
    const { file } = rewritten('bridge-port-owns-ip');
    const { stdout, status } = spawnSync(
      'tshark',
      ['-r', file, '-Y', 'frame.comment contains "bridge-port-owns-ip"', '-T', 'fields', '-e', 'frame.packet_id'],
      { encoding: 'utf8' },
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/^\d+\n$/);
  });

  it('takes the companion of an earlier recording under the same name away', () => {
    writeFileSync(join(folder, 'link-down.topology.json'), '{}');
    rewritten('link-down');
    expect(
      readdirSync(folder)
        .filter((name) => name.startsWith('link-down'))
        .toSorted(),
    ).toEqual(['link-down.pcapng', 'link-down.recording.json']);
  });

  it('does not go to standard output, which has the report', () => {
    expect(() => checkRunPath('-')).toThrow('a run needs a file');
    checkRunPath('run.pcapng');
  });
});
