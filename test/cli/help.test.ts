/** Help as a user meets it: examples first, and a word mistyped is answered by the one that was meant. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { unknownCommand } from '../../src/cli/unknown-command.ts';
import { vdiagProgram } from '../../src/lab/run.ts';

const [node = '', main = ''] = vdiagProgram();

function vdiag(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(node, [main, ...args], { encoding: 'utf8', timeout: 30_000 });
}

it('of every command begins with examples of it', { timeout: 120_000 }, async () => {
  for (const [name, make] of Object.entries(COMMANDS)) {
    const command = await make();
    const shown = command
      .createHelp()
      .visibleCommands(command)
      .filter((sub) => sub.name() !== 'help');
    for (const each of [command, ...shown]) {
      let text = '';
      each.configureOutput({ writeOut: (part) => (text += part) });
      each.outputHelp();
      expect(text, name).toMatch(/^Examples?:\n {2}\S/);
      const own = each === command ? name : `${name} ${each.name()}`;
      expect(text.split('\n\n')[0], own).toContain(`vdiag ${own}`);
    }
  }
});

describe('vdiag help', () => {
  it('is the help, and of a command its own', () => {
    expect(vdiag('help')).toMatchObject({ status: 0, stdout: vdiag('--help').stdout });
    expect(vdiag('help', 'map')).toMatchObject({ status: 0, stdout: vdiag('map', '--help').stdout });
  });

  it('of a command that is none says so', () => {
    expect(vdiag('help', 'explian')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: "vdiag: unknown command 'explian'\n  did you mean explain?\n",
    });
  });
});

describe('a mistyped word', () => {
  it.each([
    ['pingtrace', 'ping-trace'],
    ['trace', 'ping-trace'],
    ['analyse', 'analyze'],
    ['recrod', 'record'],
    ['capture', 'record'],
    ['topology', 'map'],
  ])('%s is answered by %s', (word, meant) => {
    expect(unknownCommand(word).hint).toBe(`did you mean ${meant}?`);
  });

  it('that is like none is answered by all there are', () => {
    expect(unknownCommand('zzzzzzzz').hint).toBe(`there is ${Object.keys(COMMANDS).join(', ')}`);
  });

  it('is one line and the next step', () => {
    expect(vdiag('trace', 'eth0')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: "vdiag: unknown command 'trace'\n  did you mean ping-trace?\n",
    });
    expect(vdiag('map', '--verbos').stderr).toBe("vdiag: unknown option '--verbos'\n  did you mean --verbose?\n");
    expect(vdiag('explain', 'link-donw').stderr).toBe('vdiag: no such rule: link-donw\n  did you mean link-down?\n');
  });
});
