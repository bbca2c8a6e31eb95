/** Captures analyzed redacted: what is told is the same, and of others. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { formattedAnalysis } from '../../src/report/analysis-format.ts';
import { FORMATS } from '../../src/report/format.ts';
import { analyze } from '../../src/session/analyze.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../fixtures/captures/${name}`, import.meta.url));
const TERMINAL = { width: 120, color: false, unicode: true };
const before = { ...process.env };
afterEach(() => {
  process.env = { ...before };
});

it.each(['neighbor-wrong-mac', 'nat-source-wrong', 'vxlan-mtu', 'bridge-snooping-drops-nd'])('%s', async (rule) => {
  const plain = await analyze({ captures: [{ path: path(`${rule}.pcapng`) }] });
  const shown = await analyze({ captures: [{ path: path(`${rule}.pcapng`) }], redact: true });
  expect(shown.run?.diagnosis.findings.map((finding) => finding.rule)).toEqual(
    plain.run?.diagnosis.findings.map((finding) => finding.rule),
  );
  expect(shown.analysis.captures).toEqual([{ ...plain.analysis.captures[0], name: 'capture 1' }]);
  const outputs = FORMATS.map((format) => formattedAnalysis(shown.analysis, format, TERMINAL, {}, shown.run)).join(
    '\n',
  );
  const addresses = plain.run?.diagnosis.before.namespaces.flatMap(({ links }) =>
    links.flatMap(({ mac, addresses: own }) => [mac, ...own.map(({ address }) => address)]),
  );
  const told = new Set((addresses ?? []).filter((address) => !/^(127\.|::1$|00:00:00|$)/.test(address)));
  expect(told.size).toBeGreaterThan(3);
  expect(
    [...told].filter((address) => new RegExp(`(?<![\\w.:])${address.replaceAll('.', '\\.')}(?![\\w.:])`).test(outputs)),
  ).toEqual([]);
  expect(outputs).not.toContain(rule === 'vxlan-mtu' ? 'vxlan-mtu.pcapng' : `${rule}.pcapng`);
});

it('of captures without a state the addresses asked for are those before', async () => {
  const capture = { path: path('neighbor-wrong-mac.pcapng'), name: 'customer' };
  const { analysis } = await analyze({
    captures: [capture],
    topology: path('neighbor-wrong-mac.recording.json'),
    between: ['10.91.0.2', '10.91.0.3'],
    redact: true,
  });
  expect(analysis.summary.pairCount).toBe(1);
  expect(formattedAnalysis(analysis, 'json', TERMINAL)).not.toMatch(/customer|10\.91\.0\./);
});

it('leaves no copy behind, also where a capture cannot be read', async () => {
  const own = mkdtempSync(`${tmpdir()}/vdiag-test-`);
  process.env.TMPDIR = own;
  try {
    await analyze({ captures: [{ path: path('link-down.pcapng') }], redact: true });
    await expect(
      analyze({ captures: [{ path: path('link-down.pcapng') }, { path: path('none') }], redact: true }),
    ).rejects.toThrow(/none/);
    expect(readdirSync(own)).toEqual([]);
  } finally {
    rmSync(own, { recursive: true });
  }
});
