import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { labCan } from '../../src/lab/isolation.ts';
import { type Lab, parseLab } from '../../src/lab/lab.ts';
import { pingCommand, pingOutcome, runInLab } from '../../src/lab/run.ts';
import { openLab } from '../../src/lab/session.ts';

const why = labCan();
const HEAD = '# expect: healthy\n# trace: lo 127.0.0.1\n# ping: ok\n# settle: 0\nset -eu\n';

function lab(script: string): Lab {
  return parseLab('made-up', HEAD + script);
}

/** Processes on this machine whose command line has the mark. */
function processesWith(mark: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(mark);
    } catch {
      return false;
    }
  });
}

async function gone(mark: string): Promise<boolean> {
  for (let tries = 0; tries < 50; tries++) {
    if (processesWith(mark).length === 0) return true;
    await sleep(100);
  }
  return false;
}

describe.skipIf(why !== undefined)(`a lab's session${why === undefined ? '' : ` (skipped: ${why})`}`, () => {
  it('has namespaces of its own, an empty /run/netns and lo as the kernel gives it', async () => {
    const results = await runInLab(lab(''), [
      ['readlink', '/proc/self/ns/net'],
      ['ip', '-br', 'link'],
      ['ls', '/run/netns'],
      ['id', '-u'],
      ['pwd'],
    ]);
    expect(results.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0]);
    const [net, links, names, user, directory] = results.map(({ stdout }) => stdout.trim());
    expect(net).not.toBe(readlinkSync('/proc/self/ns/net'));
    expect(links).toMatch(/^lo\s+DOWN\s[^\n]*$/);
    expect(names).toBe('');
    expect(user).toBe('0');
    expect(directory).toBe(process.cwd());
  });

  it('runs many commands at once, and listens to no signal for any of them', async () => {
    const session = await openLab(lab(''));
    try {
      const listeners = process.listenerCount('SIGINT');
      const running = Array.from({ length: 12 }, () => session.exec(['sleep', '0.1']));
      expect(process.listenerCount('SIGINT')).toBe(listeners);
      expect((await Promise.all(running)).map(({ status }) => status)).toEqual(Array(12).fill(0));
    } finally {
      await session.close();
    }
  });

  it('keeps what one command did for the next, and takes odd arguments as they are', async () => {
    const odd = 'a b"c\'d$e`f\\g\nh';
    const results = await runInLab(lab('ip netns add box\n'), [
      ['ip', 'link', 'set', 'lo', 'up'],
      ['ip', '-br', 'link'],
      ['printf', '%s', odd],
      ['ip', 'netns'],
      ['bash', '-c', 'echo lost >&2; exit 3'],
      ['bash', '-c', 'kill -TERM $$'],
    ]);
    expect(results[1]?.stdout).toMatch(/^lo\s+UNKNOWN/);
    expect(results[2]?.stdout).toBe(odd);
    expect(results[3]?.stdout).toBe('box\n');
    expect(results[4]).toEqual({ status: 3, stdout: '', stderr: 'lost\n' });
    expect(results[5]?.status).toBe(143);
  });

  it('kills a command that takes too long', async () => {
    const before = Date.now();
    const [result] = await runInLab(lab(''), [['sleep', '60.125']], { timeoutMs: 300 });
    expect(result?.status).toBe(137);
    expect(Date.now() - before).toBeLessThan(10_000);
    expect(await gone('60.125')).toBe(true);
  });

  it('takes everything with it when it is closed, the processes of the lab too', async () => {
    const session = await openLab(lab('unshare --net sleep 611.5 &\n'));
    expect(processesWith('611.5').length).toBeGreaterThan(0);
    await session.close();
    await session.close();
    expect(await gone('611.5')).toBe(true);
  });

  it('takes everything with it when vdiag is killed', async () => {
    // The built vdiag's own session, in a process that gets no chance to clean up.
    const built = new URL('../../dist/lab/', import.meta.url);
    expect(existsSync(built), `${built.pathname} is not there: npm run build`).toBe(true);
    const script = `import { parseLab } from '${built}lab.js';
      import { openLab } from '${built}session.js';
      const session = await openLab(parseLab('held', ${JSON.stringify(`${HEAD}unshare --net sleep 612.5 &\n`)}));
      await session.exec(['sleep', '612.5'], { timeoutMs: 60_000 });`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
    const sleeping = (): number => processesWith('sleep\x00612.5').length;
    for (let tries = 0; tries < 100 && sleeping() < 2; tries++) await sleep(100);
    expect(sleeping()).toBeGreaterThan(1);
    holder.kill('SIGKILL');
    expect(await gone('sleep\x00612.5')).toBe(true);
  });

  it('says which command of the lab failed, and leaves nothing', async () => {
    const broken = lab('unshare --net sleep 613.5 &\nip link set nosuch up\n');
    await expect(openLab(broken)).rejects.toThrow(/^lab made-up could not be built: .*nosuch/);
    expect(await gone('613.5')).toBe(true);
  });

  it('pings as the system does', async () => {
    const up = lab('ip link set lo up\n');
    const [ok] = await runInLab(up, [pingCommand(up)]);
    const [fail] = await runInLab(lab(''), [pingCommand(up)]);
    expect(ok && pingOutcome(ok)).toBe('ok');
    expect(fail && pingOutcome(fail)).toBe('fail');
  });
});

describe('labCan', () => {
  it('does not depend on a PATH that has no system directories', () => {
    const path = process.env.PATH;
    process.env.PATH = '/nonexistent';
    try {
      expect(labCan()).toBe(why);
    } finally {
      process.env.PATH = path;
    }
  });
});
