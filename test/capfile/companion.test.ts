/** The companion of a capture: written, found again, and hostile. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  companionOf,
  companionPath,
  loadTopologyCompanion,
  partNumber,
  partPath,
  saveCompanion,
  type TopologyCompanion,
} from '../../src/capfile/companion.ts';
import { VdiagError } from '../../src/linux/error.ts';
import { saveTopology } from '../../src/topology/file.ts';
import { recorded } from '../diagnose/recordings.ts';

const { recording } = recorded('link-down');
const { before, after, coverage } = recording;
const companion: TopologyCompanion = {
  schema: 'vdiag.companion/1',
  complete: true,
  before,
  ...(after ? { after } : {}),
  coverage,
};

describe('what is in it', () => {
  it('is read back the same', () => {
    const { schema: _, ...state } = companion;
    expect(loadTopologyCompanion(saveCompanion(companion))).toEqual(state);
  });

  it('of a capture that was killed: no state afterwards', () => {
    const { after: _, ...killed } = { ...companion, complete: false };
    expect(loadTopologyCompanion(saveCompanion(killed))).toEqual({ complete: false, before, coverage });
  });

  it('is also what a run of ping-trace and a topology by itself have', () => {
    const text = readFileSync(new URL('../../fixtures/captures/link-down.recording.json', import.meta.url), 'utf8');
    expect(loadTopologyCompanion(text)).toEqual({ complete: true, before, after, coverage });
    expect(loadTopologyCompanion(saveTopology(before))).toEqual({ complete: true, before });
  });

  it.each([
    ['schema', 'vdiag.companion/2', 'schema is not "vdiag.companion/1" or "vdiag.recording/1" or "vdiag.topology/1"'],
    ['complete', 1, 'complete is not true or false'],
    ['before', undefined, 'before should be an object'],
    ['after', [], 'after should be an object'],
    ['coverage', undefined, 'coverage is missing'],
  ])('%s: %j is named', (field, value, message) => {
    const damaged = { ...JSON.parse(saveCompanion(companion)), [field]: value };
    expect(() => loadTopologyCompanion(JSON.stringify(damaged))).toThrow(message);
  });

  it('any JSON at all is read or refused with the field', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom('before', 'after', 'coverage', 'complete'), (json, field) => {
        const text = JSON.stringify({ ...JSON.parse(saveCompanion(companion)), [field]: JSON.parse(json) });
        try {
          loadTopologyCompanion(text);
        } catch (error) {
          if (!(error instanceof VdiagError) || error.code !== 'unreadable') throw error;
          expect(error.message).toContain(field);
        }
      }),
    );
  });
});

describe('where it is', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vdiag-companion-'));
    for (const name of ['all', 'night', 'run', 'x.pcap', 'dump'])
      writeFileSync(join(folder, `${name}.topology.json`), '');
    writeFileSync(join(folder, 'run.recording.json'), '');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    ['all.pcapng', 'all.topology.json'],
    ['all.pcapng.gz', 'all.topology.json'],
    ['night-00003.pcapng', 'night.topology.json'],
    ['night-123456.pcapng.gz', 'night.topology.json'],
    ['run.pcapng', 'run.recording.json'],
    ['x.pcap', 'x.pcap.topology.json'],
    ['dump.pcap', 'dump.topology.json'],
    ['night-0003.pcapng', undefined],
    ['other.pcapng', undefined],
  ])('beside %s: %s', (capture, found) => {
    expect(companionOf(join(folder, capture))).toBe(found && join(folder, found));
  });

  it('has the name it is looked for under', () => {
    expect(companionPath('a/night.pcapng')).toBe('a/night.topology.json');
    expect(companionPath('night')).toBe('night.topology.json');
    expect(partPath('a/night.pcapng', 7)).toBe('a/night-00007.pcapng');
  });

  it('knows the parts of a ring, and nothing else', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), (part) => {
        expect(partNumber('night.pcapng', partPath('night.pcapng', part))).toBe(part);
      }),
    );
    for (const other of [
      'night.pcapng',
      'night-1.pcapng',
      'nights-00001.pcapng',
      'night-00001.pcap',
      'night-000001.pcapng',
    ])
      expect(partNumber('night.pcapng', other)).toBeUndefined();
  });
});
