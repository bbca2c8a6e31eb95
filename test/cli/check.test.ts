/** `vdiag check` as a user meets it: it answers from the state alone, and sends nothing. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { CommandResult } from '../../src/lab/collect.ts';
import { findIsolation } from '../../src/lab/isolation.ts';
import { findLab } from '../../src/lab/lab.ts';
import { vdiagProgram } from '../../src/lab/run.ts';
import { openLab } from '../../src/lab/session.ts';
import { schemaOf } from '../schema.ts';

const [node = '', main = ''] = vdiagProgram();
const isolation = findIsolation();
const validate = schemaOf('report');

function vdiag(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(node, [main, ...args], { encoding: 'utf8', timeout: 15_000 });
}

describe('what cannot be checked is refused', () => {
  it.each([
    ['a name', ['lo', 'example.org'], 'not an IP address: example.org'],
    ['an unknown interface', ['nope7', '192.0.2.1'], 'no such interface: nope7'],
    ['an unknown namespace', ['lo', '192.0.2.1', '--netns', 'nowhere-at-all'], 'nowhere-at-all'],
    ['a size that no packet holds', ['lo', '192.0.2.1', '-s', '70000'], '0 to 65507'],
  ])('%s', (_, args, words) => {
    const { status, stdout, stderr } = vdiag('check', ...args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(words);
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
  });
});

describe.skipIf(typeof isolation === 'string')('in a lab', () => {
  const checked = async (name: string): Promise<CommandResult & { sent: string }> => {
    const lab = findLab(name);
    const session = await openLab(lab);
    try {
      const netns = lab.netns === undefined ? [] : ['--netns', lab.netns];
      const { interface: device, address } = lab.trace;
      const result = await session.exec([node, main, 'check', device, address, ...netns, ...lab.args, '--json']);
      const after = await session.exec(['ip', 'neigh', 'show', 'nud', 'incomplete', 'nud', 'failed']);
      return { ...result, sent: after.stdout };
    } finally {
      await session.close();
    }
  };

  it.each([
    ['healthy-three-containers', 0, 'healthy', undefined],
    ['link-mtu-smaller', 1, 'fault', 'link-mtu-smaller'],
    ['arp-ignored-always', 1, 'fault', 'arp-ignored'],
    ['healthy-masquerade', 0, 'healthy', undefined],
  ])('%s: exit %i, %s', { timeout: 30_000 }, async (name, status, outcome, rule) => {
    const result = await checked(name);
    expect(result.stderr).toBe('');
    expect(result.status).toBe(status);
    // Nobody was asked for a hardware address.
    expect(result.sent).toBe('');
    const document = JSON.parse(result.stdout);
    expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
    expect(document).toMatchObject({ schema: 'vdiag.report/1', command: 'check', outcome, probes: { sent: 0 } });
    expect(document.findings[0]?.rule).toBe(rule);
  });
});
