/** Every recorded capture, redacted: the same findings at the same places, and nothing of the original anywhere. */
import { describe, expect, it } from 'vitest';
import { pcapngChunks } from '../../src/capfile/pcapng-writer.ts';
import { saveRecording } from '../../src/capfile/recording.ts';
import type { Diagnosis } from '../../src/diagnose/finding.ts';
import { isTelling } from '../../src/redact/addresses.ts';
import { FORMATS, formatted } from '../../src/report/format.ts';
import type { Report } from '../../src/report/report.ts';
import { summariseProbes } from '../../src/session/ping-verdict.ts';
import { redactorFor, redactRun } from '../../src/session/redact.ts';
import { diagnoseRecorded } from '../../src/session/replay.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import { parseIpv4, parseIpv6, parseMac } from '../../src/wire/text.ts';
import { recorded, recordedRules } from '../diagnose/recordings.ts';

const SECRET = new Uint8Array(32).fill(7);
const TERMINAL = { width: 120, color: false, unicode: true };

function redacted(rule: string) {
  const { recording, frames } = recorded(rule);
  const { query } = recording;
  const report: Report = {
    version: '0',
    command: 'ping-trace',
    target: { interface: query.start.name, address: query.destination, netns: query.start.netns },
    probes: { ...summariseProbes(recording.probes), sizeBytes: query.sizeBytes ?? 56 },
    diagnosis: diagnoseRecorded(recording, frames),
  };
  const redactor = redactorFor(recording, SECRET);
  return { ...redactRun({ report, recording, frames }, [], redactor), report, recording, frames };
}

/** What decides that two diagnoses say the same. */
function essence(
  { outcome, findings, vanished }: Diagnosis,
  place: (place: { netns: string; name: string }) => object,
) {
  return {
    outcome,
    findings: findings.map(({ rule, confidence, where, blocks, evidence }) => ({
      rule,
      confidence,
      blocks,
      where: place(where),
      evidence: evidence.map(({ kind, timeNs }) => ({ kind, timeNs })),
    })),
    missing: vanished?.missing && place(vanished.missing),
    last: vanished?.last && place(vanished.last),
  };
}

describe.each(recordedRules())('%s', (rule) => {
  const { redacted: run, redactor, report, recording, frames, losses } = redacted(rule);

  it('has the same findings at the same places', () => {
    const there = essence(run.report.diagnosis, ({ netns, name }) => ({ netns, name }));
    expect(there).toEqual(essence(report.diagnosis, redactor.place));
    expect(losses).toEqual([]);
  });

  it('keeps right checksums right and wrong ones wrong', () => {
    const validity = ({ bytes, originalLength, linkType }: (typeof frames)[number]) => {
      const { ip, icmp } = decodeFrame(bytes, originalLength, linkType);
      const valid = (header: object | undefined) => header && 'checksumValid' in header && header.checksumValid;
      return [ip, icmp].map(valid);
    };
    expect(run.frames.map(validity)).toEqual(frames.map(validity));
  });

  it('holds no address and no name of the original, in any form', () => {
    const outputs = [
      ...FORMATS.map((format) => formatted(run.report, format, TERMINAL, { verbose: true })),
      saveRecording(run.recording),
      Buffer.concat([
        ...pcapngChunks(
          run.frames,
          {
            home: run.recording.before.home,
            comment: '',
            application: '',
            operatingSystem: '',
            places: run.recording.coverage.places,
          },
          () => undefined,
          run.recording.coverage,
        ),
      ]).toString('latin1'),
    ];
    const { texts, bytes } = telling(recording);
    const whole = outputs.join('\n');
    const written = new Set(whole.match(/[\w.:-]+/g));
    const words = new Set([...written].flatMap((word) => [word, word.replace(/[.:,]+$/, '')]));
    expect(texts.filter((text) => words.has(text))).toEqual([]);
    const captured = Buffer.concat(run.frames.map((frame) => frame.bytes)).toString('latin1');
    expect(bytes.filter((each) => captured.includes(Buffer.from(each).toString('latin1')))).toEqual([]);
  });
});

/** Every address of the recording that says something, as text and as bytes. */
function telling(recording: object): { texts: string[]; bytes: Uint8Array[] } {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value === 'string') for (const word of value.split(/[/%\s]/)) if (isTelling(word)) found.add(word);
    if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) visit(each);
  };
  visit(recording);
  const texts = [...found];
  return { texts, bytes: texts.flatMap((text) => parseMac(text) ?? parseIpv4(text) ?? parseIpv6(text) ?? []) };
}
