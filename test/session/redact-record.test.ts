/** A recording that was redacted while it was made: veth0 (1.2.3.101), a port of br0, asks veth1 (1.2.3.102). */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findIsolation } from '../../src/lab/isolation.ts';
import { findLab } from '../../src/lab/lab.ts';
import { vdiagProgram } from '../../src/lab/run.ts';
import { openLab } from '../../src/lab/session.ts';
import { analyze } from '../../src/session/analyze.ts';

const [node = '', main = ''] = vdiagProgram();

it.skipIf(typeof findIsolation() === 'string')('tells the same of others', { timeout: 90_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vdiag-test-'));
  const session = await openLab(findLab('bridge-port-owns-ip'));
  try {
    const path = join(directory, 'shown.pcapng');
    const asking = 'ping -I veth0 -c 200 -i 0.2 1.2.3.102 >/dev/null 2>&1 & asking=$!';
    const recording = `'${node}' '${main}' record -w '${path}' --redact --duration 5; kill $asking`;
    const { stdout } = await session.exec(['sh', '-c', `${asking}; ${recording}`]);
    expect(stdout).toMatch(/^recorded \d+ frames/);
    const written = [path, join(directory, 'shown.topology.json')].map((file) => readFileSync(file));
    const original = [Buffer.from([1, 2, 3, 101]), Buffer.from([1, 2, 3, 102]), '1.2.3.101', '1.2.3.102'];
    for (const file of written) for (const address of original) expect(file.includes(address)).toBe(false);
    const { analysis } = await analyze({ captures: [{ path }] });
    expect(analysis.basis).toBe('topology');
    expect(analysis.findings[0]?.rule).toBe('bridge-port-owns-ip');
  } finally {
    await session.close();
    rmSync(directory, { recursive: true, force: true });
  }
});
