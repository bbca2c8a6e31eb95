/**
 * What every rule owes: an entry in the register, a complete text, a lab and a recorded capture (or the reason why not),
 * one recording on which it fires and the others on which it is silent.
 */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RULES } from '../../src/diagnose/registry.ts';
import { diagnosed, recordedRules } from './recordings.ts';

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

/** Rules without a lab: how they are shown instead. */
const WITHOUT_LAB: Readonly<Record<string, string>> = {
  'capture-lossy': 'a ring only loses frames under a flood that a small machine may not produce: see notes.test.ts',
  'neighbor-table-full':
    'the limit is one for the whole machine, which a lab may not fill: see neighbour-table.test.ts',
  'conntrack-full': 'only the initial namespace can write the limit: the recording is built, see conntrack.test.ts',
  'bridge-vlan-mismatch': 'not every kernel filters by VLAN: the capture and its topology are built',
};

/** Notes and what follows from another fault may be found beside the root cause of a recording. */
const alsoIn: Readonly<Record<string, readonly string[]>> = {
  // The UDP packets of VXLAN have a checksum that is left to the device.
  'checksum-offloaded': [
    'vxlan-blocked',
    'vxlan-mtu',
    'vxlan-remote-missing',
    'vxlan-remote-wrong',
    'vxlan-vni-mismatch',
  ],
};

const recordings = new Map(recordedRules().map((rule) => [rule, diagnosed(rule)]));

describe('the register', () => {
  it('has every rule file once, and nothing else', () => {
    const files = readdirSync(path('src/diagnose/rules')).map((name) => name.replace(/\.ts$/, ''));
    expect(RULES.map(({ id }) => id).sort()).toEqual(files.sort());
  });
});

describe.each(RULES.map((rule) => [rule.id, rule] as const))('%s', (id, rule) => {
  it('has a complete text', () => {
    expect(rule.title).toMatch(/^[a-z"A-Z].*[^.]$/);
    for (const [part, text] of Object.entries(rule.explain)) {
      expect(text.trim().length, part).toBeGreaterThan(20);
      for (const line of text.split('\n')) expect(line.length, `${part}: ${line}`).toBeLessThanOrEqual(121);
    }
  });

  it('has a lab and a recorded capture, or a reason', () => {
    if (WITHOUT_LAB[id]) return expect(existsSync(path(`fixtures/labs/${id}.sh`))).toBe(false);
    expect(existsSync(path(`fixtures/labs/${id}.sh`)), 'lab').toBe(true);
    expect(recordings.has(id), 'capture').toBe(true);
  });

  it.skipIf(WITHOUT_LAB[id] !== undefined && !recordings.has(id))('fires on its own recording, first', () => {
    const findings = recordings.get(id)?.findings ?? [];
    if (rule.severity === 'note') expect(findings.map((finding) => finding.rule)).toContain(id);
    else expect(findings[0]?.rule).toBe(id);
  });

  it('is silent on the recordings of the others', () => {
    const others = [...recordings].filter(([other]) => other !== id && !alsoIn[id]?.includes(other));
    expect(others.length).toBeGreaterThanOrEqual(2);
    for (const [other, { findings }] of others)
      expect(
        findings.filter(({ blocks }) => blocks !== 'next').map((finding) => finding.rule),
        other,
      ).not.toContain(id);
  });
});
