/** The command line as a user meets it: help, errors in two lines, exit status, pipes. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RULES } from '../../src/diagnose/registry.ts';
import { SIGHTED_PAGES } from '../../src/diagnose/sighted/pages.ts';
import { vdiagProgram } from '../../src/lab/run.ts';

const [node = '', main = ''] = vdiagProgram();
const PAGES = [...RULES, ...SIGHTED_PAGES];

function vdiag(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(node, [main, ...args], { encoding: 'utf8', timeout: 15_000 });
}

/** Nothing on standard output, two lines on standard error, status 2. */
function refusal({ status, stdout, stderr }: SpawnSyncReturns<string>): string[] {
  expect(status, stderr).toBe(2);
  expect(stdout).toBe('');
  const lines = stderr.trimEnd().split('\n');
  expect(lines, stderr).toHaveLength(2);
  expect(lines[0]).toMatch(/^vdiag: [^\n]+$/);
  expect(lines[1]).toMatch(/^( {2}|\()\S/);
  return lines;
}

describe('help', () => {
  it.each([[['--help']], [['ping-trace', '--help']], [['help', 'ping-trace']], [['explain', '--help']]])(
    '%s shows examples first',
    (args) => {
      const { status, stdout } = vdiag(...args);
      expect(status).toBe(0);
      expect(stdout).toMatch(/^Examples?:\n {2}vdiag /);
      expect(stdout).toContain('Usage: vdiag');
    },
  );

  it('prints the version of the package', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(vdiag('--version')).toMatchObject({ status: 0, stdout: `${version}\n` });
  });
});

describe('rules and explain', () => {
  it('lists every rule on one line', () => {
    const lines = vdiag('rules').stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(PAGES.map(({ id }) => id));
    // What only captures tell of is marked.
    expect(lines.filter((line) => line.endsWith(' (captures)'))).toHaveLength(SIGHTED_PAGES.length);
  });

  it.each(PAGES.map(({ id }) => id))('explains %s within the width', (id) => {
    const { status, stdout } = spawnSync(node, [main, 'explain', id], { encoding: 'utf8', env: { COLUMNS: '72' } });
    expect(status).toBe(0);
    expect(stdout).toContain('how to cure it');
    // Commands keep their line; prose does not run over.
    for (const line of stdout.split('\n').slice(1))
      if (!line.startsWith('    ')) expect(line.length).toBeLessThanOrEqual(72);
  });

  it('suggests the nearest rule', () => {
    expect(refusal(vdiag('explain', 'bridge-port-own-ip'))[1]).toContain('bridge-port-owns-ip');
  });
});

describe('what vdiag cannot do', () => {
  it.each([
    ['a name', ['ping-trace', 'lo', 'example.org'], 'not an IP address: example.org'],
    ['a prefix', ['ping-trace', 'lo', '10.0.0.0/8'], 'not an IP address'],
    ['control characters', ['ping-trace', 'lo', '\u001b[31m1.2.3.4'], 'not an IP address'],
    ['a broadcast address', ['ping-trace', 'lo', '255.255.255.255'], 'not the address of one host'],
    ['a multicast address', ['ping-trace', 'lo', '224.0.0.1'], 'not the address of one host'],
    ['an IPv4 address in IPv6 form', ['ping-trace', 'lo', '::ffff:10.9.0.3'], 'IPv4 address in IPv6 form'],
    ['an IPv6 multicast address', ['ping-trace', 'lo', 'ff02::1'], 'not the address of one host'],
    ['an unknown namespace', ['ping-trace', 'lo', '127.0.0.1', '--netns', 'nowhere-at-all'], 'nowhere-at-all'],
    ['an unknown command', ['ping-trac'], "unknown command 'ping-trac'"],
    ['an unknown option', ['ping-trace', 'lo', '127.0.0.1', '--nets', 'x'], "unknown option '--nets'"],
    [
      'a further place that is not there',
      ['ping-trace', 'lo', '127.0.0.1', '--probe', 'nope7'],
      'no such interface: nope7',
    ],
    ['a count of zero', ['ping-trace', 'lo', '127.0.0.1', '-c', '0'], '1 to 65535'],
    ['half a count', ['ping-trace', 'lo', '127.0.0.1', '-c', '1.5'], '1 to 65535'],
    ['a size that no packet holds', ['ping-trace', 'lo', '127.0.0.1', '-s', '70000'], '0 to 65507'],
    ['no time at all', ['ping-trace', 'lo', '127.0.0.1', '-i', '0'], 'seconds'],
  ])('%s', (_, args, message) => {
    const lines = refusal(vdiag(...args));
    expect(lines[0]).toContain(message);
    expect(lines.join('')).not.toContain('\u001b');
  });

  it('names the nearest interfaces', () => {
    const [line, hint] = refusal(vdiag('ping-trace', 'l0', '192.0.2.1'));
    expect(line).toBe('vdiag: no such interface: l0');
    expect(hint).toContain('lo');
  });
});

describe('pipes', () => {
  it('ends quietly when the reader goes away', () => {
    const { status, stderr } = spawnSync(
      'bash',
      ['-c', `set -o pipefail; "$0" "$1" rules | true; echo "$?"`, node, main],
      {
        encoding: 'utf8',
      },
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('puts no colour into a pipe', () => {
    expect(vdiag('rules').stdout).not.toContain('\u001b');
  });
});
