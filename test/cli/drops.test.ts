/** vdiag drops: a table at the end on a pipe, and nothing left behind however it ends. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { openInstance } from '../../src/capture/drops/instance.ts';
import { vdiagProgram } from '../../src/lab/run.ts';
import { openTracefs } from '../../src/linux/tracefs.ts';
import { schemaOf } from '../schema.ts';

const [node = '', main = ''] = vdiagProgram();

const mayTrace = (() => {
  try {
    openInstance({}).close();
    return true;
  } catch {
    return false;
  }
})();

/** Instances of processes with this number. */
function instancesOf(pid: number | undefined): string[] {
  const tracefs = openTracefs();
  try {
    return readdirSync(`${tracefs.path}/instances`).filter((name) => name.split('-')[2] === String(pid));
  } finally {
    tracefs.close();
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 200) throw new Error('it never came');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

describe('vdiag drops', () => {
  it('refuses a time it cannot keep', () => {
    const { status, stderr } = spawnSync(node, [main, 'drops', '--for', 'ever'], { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toMatch(/^vdiag: .*seconds/);
  });

  it('says in two lines that it may not, where it may not', () => {
    const { status, stdout, stderr } = spawnSync('unshare', ['-Ur', node, main, 'drops', '--for', '1'], {
      encoding: 'utf8',
    });
    // No user namespaces here, or tracefs is readable to everyone: nothing to refuse.
    if (/^unshare: /.test(stderr) || status === 0) return;
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
    expect(stderr).toContain('root');
  });
});

describe.skipIf(!mayTrace)('vdiag drops, with permission', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  const start = async (
    ...args: string[]
  ): Promise<{ child: ChildProcess; output: () => string; ended: Promise<unknown> }> => {
    const child = spawn(node, [main, 'drops', ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
    children.push(child);
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    await until(() => instancesOf(child.pid).length > 0);
    return { child, output: () => text, ended };
  };

  it('prints one table when the time is over', async () => {
    const { output, ended, child } = await start('--for', '0.3');
    expect(await ended).toBe(0);
    expect(output()).toMatch(/^\d+ packets dropped in 0\.\d s\n/);
    expect(output()).not.toContain('\x1b');
    expect(instancesOf(child.pid)).toEqual([]);
  });

  it('prints one document of its schema with --json', async () => {
    const { output, ended } = await start('--for', '0.3', '--json');
    expect(await ended).toBe(0);
    const validate = schemaOf('drops');
    expect(validate(JSON.parse(output())), JSON.stringify(validate.errors)).toBe(true);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves nothing behind after %s', async (signal) => {
    const { child, ended } = await start();
    child.kill(signal);
    await ended;
    expect(instancesOf(child.pid)).toEqual([]);
  });

  it('ends with its table at the first Ctrl-C', async () => {
    const { child, ended, output } = await start();
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(output()).toMatch(/^\d+ packets dropped in /);
  });

  it('killed leaves an instance that the next run takes away', async () => {
    const { child, ended } = await start();
    child.kill('SIGKILL');
    await ended;
    expect(instancesOf(child.pid)).toHaveLength(1);
    const next = await start('--for', '0.2');
    expect(await next.ended).toBe(0);
    expect(instancesOf(child.pid)).toEqual([]);
  });
});
