/** Completion: what may stand next, and that the scripts give it to the shells. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { candidates } from '../../src/cli/candidates.ts';
import { vdiagProgram } from '../../src/lab/run.ts';

describe('candidates', () => {
  it.each([
    [['pi'], ['ping-trace']],
    [['explain', 'bridge-dow'], ['bridge-down']],
    [['help', 'expl'], ['explain']],
    [['ping-trace', 'l'], ['lo']],
    [
      ['ping-trace', 'lo', '-M', ''],
      ['do', 'want', 'dont', 'probe'],
    ],
    [['ping-trace', 'lo', '1.2.3.4', ''], []],
    [['ping-trace', '-c', '3', 'l'], ['lo']],
    [['ping-trace', '--no-dr'], ['--no-drops']],
    [['completion', 'f'], ['fish']],
    [['lab', 'r'], ['run']],
    [['lab', 'run', 'origin-3'], ['origin-3-ip-on-bridge']],
    [['no-such-command', ''], []],
  ])('of %j', async (words, wanted) => {
    expect(await candidates(words)).toEqual(wanted);
  });

  it.each([[['analyze', '']], [['analyze', 'a.pcap', 'b']], [['ping-trace', 'lo', '1.2.3.4', '-w', 'x']]])(
    'of %j are files',
    async (words) => {
      expect(await candidates(words)).toBe('files');
    },
  );
});

describe('the scripts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vdiag-completion-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  beforeAll(() => {
    mkdirSync(join(folder, 'bin'));
    const quoted = vdiagProgram().map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
    writeFileSync(join(folder, 'bin/vdiag'), `#!/bin/sh\nexec ${quoted.join(' ')} "$@"\n`, { mode: 0o755 });
  });

  const run = (shell: string, args: readonly string[], script: string) =>
    spawnSync(shell, [...args, script], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
    });

  it('complete in bash: words, and files with their names quoted by bash', () => {
    writeFileSync(join(folder, 'capture.pcap'), '');
    const script = `source <(vdiag completion bash)
t() { COMP_WORDS=("$@"); COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 )); _vdiag; printf '[%s]' "\${COMPREPLY[@]}"; echo; }
t vdiag expl
t vdiag analyze cap
t vdiag explain bridge-dow`;
    expect(run('bash', ['-c'], script).stdout).toBe('[explain]\n[capture.pcap]\n[bridge-down]\n');
  });

  it('never let a name run as a command', () => {
    const evil = '$(touch evil)';
    writeFileSync(join(folder, 'bin/vdiag-evil'), `#!/bin/sh\nprintf '%s\\n' '${evil}'\n`, { mode: 0o755 });
    const script = `eval "$(vdiag completion bash)"
vdiag() { vdiag-evil; }
COMP_WORDS=(vdiag x); COMP_CWORD=1; _vdiag; eval "set -- \${COMPREPLY[0]}"; printf '%s' "$1"; test ! -e evil`;
    const result = run('bash', ['-c'], script);
    expect(result).toMatchObject({ status: 0, stdout: evil });
  });

  it.each(['bash', 'zsh', 'fish'])('are read by %s', (shell) => {
    const script = run('vdiag', ['completion'], shell).stdout;
    expect(script).toContain('vdiag completion candidates --');
    if (spawnSync(shell, ['-c', 'true']).status !== 0) return;
    writeFileSync(join(folder, 'script'), script);
    expect(run(shell, ['-n'], 'script').stderr).toBe('');
  });
});
