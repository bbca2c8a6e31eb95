/** The end of vdiag: at once when all is said, whatever Node has not finished, and never before all is said. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { vdiagProgram } from '../../src/lab/run.ts';

const [node = '', main = ''] = vdiagProgram();
/** Far more than it takes, and far less than what it must not wait for. */
const BOUND_MS = 15_000;

/** Runs vdiag with something done before it starts. */
function started(first: string, nodeWords: readonly string[], ...words: readonly string[]) {
  const preload = `data:text/javascript,${encodeURIComponent(first)}`;
  return spawnSync(node, [...nodeWords, '--import', preload, main, ...words], {
    encoding: 'utf8',
    timeout: BOUND_MS,
    killSignal: 'SIGKILL',
  });
}

/** Long enough that V8 hands it to a compiler thread. */
const HOT = 'let s = 0; const f = (a) => Math.sqrt(a) + 1; for (let i = 0; i < 3e6; i++) s += f(i);';

describe('vdiag ends', () => {
  it('though a compiler thread of V8 does not', { timeout: 2 * BOUND_MS }, () => {
    const { status, signal, stdout } = started(HOT, ['--concurrent-recompilation-delay=60000'], 'rules');
    expect({ status, signal }).toEqual({ status: 0, signal: null });
    expect(stdout).toContain('bridge-port-owns-ip');
  });

  it('though something is still waited for', { timeout: 2 * BOUND_MS }, () => {
    const { status, signal } = started('setInterval(() => {}, 1000)', [], 'explain', 'nothing-like-it');
    expect({ status, signal }).toEqual({ status: 2, signal: null });
  });

  it('after whoever wants to know has been told', () => {
    const { status, stderr } = started("process.on('exit', (code) => console.error('told', code))", [], 'rules');
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'told 0\n' });
  });

  it('when a slow reader has everything', () => {
    const whole = spawnSync(node, [main, 'lab', 'list', '--json'], { encoding: 'latin1', maxBuffer: 1 << 24 }).stdout;
    // More than a pipe holds.
    expect(whole.length).toBeGreaterThan(1 << 16);
    const script = '"$0" "$1" lab list --json | { sleep 0.7; wc -c; }';
    const { stdout } = spawnSync('bash', ['-c', script, node, main], { encoding: 'utf8' });
    expect(Number(stdout)).toBe(whole.length);
  });

  it('and leaves a pipe that others write to as it was', () => {
    const flags = 'grep ^flags /proc/self/fdinfo/1';
    const script = `{ ${flags}; "$0" "$1" explain link-down; ${flags}; } | grep ^flags | uniq -c`;
    const { stdout } = spawnSync('bash', ['-c', script, node, main], { encoding: 'utf8' });
    expect(stdout).toMatch(/^ *2 flags:\t0*1\n$/);
  });
});
