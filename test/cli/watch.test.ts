/**
 * vdiag watch on the real kernel, in a network of the test's own:
 *
 *     eth0@one 10.6.0.2 ── p1 ┐
 *                             br0 10.6.0.1
 *     eth0@two 10.6.0.3 ── p2 ┘
 */
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { vdiagProgram } from '../../src/lab/run.ts';
import { untilUp } from '../capture/private-network.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';
import { schemaOf } from '../schema.ts';

const [node = '', main = ''] = vdiagProgram();

const LEG = (name: string, port: string, address: string) => `
ip netns add ${name}
ip link add ${port} type veth peer name eth0 netns ${name}
ip link set ${port} master br0 up
ip -n ${name} addr add ${address}/24 dev eth0
ip -n ${name} link set eth0 up`;
const BUILD = `
ip link add br0 type bridge; ip addr add 10.6.0.1/24 dev br0; ip link set br0 up
${LEG('one', 'p1', '10.6.0.2')}
${LEG('two', 'p2', '10.6.0.3')}
${untilUp('br0')}`;

describe('what is refused', () => {
  it.each([
    [['--duration', '0'], /seconds above 0/],
    [['--prometheus', 'web'], /not an address to listen on: web/],
    [['nope7'], /no such interface: nope7/],
  ])('%j', (args, message) => {
    const { status, stdout, stderr } = spawnSync(node, [main, 'watch', ...args], { encoding: 'utf8', timeout: 30_000 });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
  });
});

interface Line {
  readonly event: string;
  readonly [field: string]: unknown;
}

const missing = spawnSync('script', ['--version']).error ? 'script' : '';

describe.skipIf(!mayMakeNamespaces)('vdiag watch', { timeout: 120_000 }, () => {
  let machine: OwnMachine;
  let folder = '';
  const children: ChildProcess[] = [];
  beforeAll(() => {
    machine = ownMachine(BUILD);
    folder = mkdtempSync(join(tmpdir(), 'vdiag-watch-'));
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    machine.run('ip netns del three 2>/dev/null || true');
  });
  afterAll(() => {
    machine.close();
    rmSync(folder, { recursive: true });
  });

  function start(program: string, args: readonly string[]): ChildProcessWithoutNullStreams {
    const child = spawn(program, args, { cwd: folder, env: { ...process.env, LANG: 'C.UTF-8', TERM: 'xterm' } });
    children.push(child);
    return child;
  }

  /** What a child has written so far, and a wait for something in it. */
  function heard(child: ChildProcessWithoutNullStreams) {
    let text = '';
    const take = (part: Buffer) => {
      text += part.toString();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    return {
      text: () => text,
      async until(pattern: RegExp): Promise<RegExpExecArray> {
        for (let tries = 0; tries < 2500; tries++) {
          const found = pattern.exec(text);
          if (found) return found;
          await sleep(20);
        }
        throw new Error(`${pattern} never came:\n${text.slice(-3000)}`);
      },
    };
  }

  const ended = (child: ChildProcess): Promise<number | NodeJS.Signals | null> =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode ?? child.signalCode);
      child.once('close', (status, signal) => resolve(status ?? signal));
    });
  const ping = (netns: string, ...args: readonly string[]) =>
    ended(machine.start('ip', ['netns', 'exec', netns, 'ping', '-q', '-i', '0.3', ...args]));

  it('tells what happens, what comes and goes, and what is wrong, as documents of its schema', async () => {
    const child = start(node, [main, 'watch', '--json', '--no-drops', '--prometheus', ':0']);
    const { text, until } = heard(child);
    await until(/"event":"note"/);
    expect(await ping('one', '-c', '2', '10.6.0.3')).toBe(0);
    await until(/"kind":"echo"[^\n]*"answered"/);
    machine.run(`${LEG('three', 'p3', '10.6.0.4')}\n${untilUp('br0')}`);
    await until(/"event":"appeared"[^\n]*"netns":"three"/);
    expect(await ping('three', '-c', '2', '10.6.0.2')).toBe(0);
    await until(/"kind":"echo","source":"10.6.0.4"[^\n]*"answered"/);
    machine.run('ip netns del three');
    await until(/"event":"vanished"[^\n]*"netns":"three"/);
    // What is asked from now on is judged by what is there now.
    const asking = machine.start('ip', ['netns', 'exec', 'two', 'ping', '-q', '-w', '25', '10.6.0.9']);
    await until(/"event":"finding"[^\n]*"address-missing"/);
    const [, port] = await until(/counters at http:\/\/127\.0\.0\.1:(\d+)\/metrics/);
    // The counters are those of a quarter of a second ago at most.
    let page = '';
    for (let tries = 0; tries < 100 && !page.includes('vdiag_findings_active{'); tries++) {
      page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      await sleep(20);
    }
    expect(page).toContain('vdiag_answered_total{kind="echo",source="10.6.0.2",target="10.6.0.3"} 2\n');
    expect(page).toContain('vdiag_findings_active{rule="address-missing"} 1\n');
    child.kill('SIGINT');
    expect(await ended(child)).toBe(1);
    const lines = text()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    const valid = schemaOf('watch');
    const documents = lines.map((line): Line => JSON.parse(line));
    for (const document of documents) {
      valid(document);
      expect(valid.errors ?? []).toEqual([]);
    }
    expect(documents.at(-1)).toMatchObject({ event: 'summary', framesLost: 0 });
    expect(documents.find(({ event, kind }) => event === 'exchange' && kind === 'echo')).toMatchObject({
      source: '10.6.0.2',
      target: '10.6.0.3',
      outcome: 'answered',
      request: [
        { netns: 'one', interface: 'eth0' },
        { interface: 'p1' },
        { interface: 'p2' },
        { netns: 'two', interface: 'eth0' },
      ],
    });
    asking.kill('SIGKILL');
    await ended(asking);
    // What was waited for is forgotten with it.
    machine.run('ip -n two neigh flush all');
  });

  it('listens where it was told to, and to nothing else', async () => {
    const child = start(node, [main, 'watch', 'p1', '--no-drops', '--duration', '6']);
    const { text, until } = heard(child);
    await until(/watching 1 interface in 1 namespace/);
    await ping('one', '-c', '2', '10.6.0.3');
    expect(await ended(child)).toBe(0);
    expect(text()).toMatch(/echo 10\.6\.0\.2 -> 10\.6\.0\.3 seq 1 answered \d+\.\d{3} ms {2}p1\n/);
    expect(text()).not.toContain('eth0');
  });

  it('leaves quietly when the reader goes away', async () => {
    const child = start('bash', ['-c', 'set -o pipefail; "$0" "$1" watch --no-drops | head -1; echo $?', node, main]);
    const { text, until } = heard(child);
    // Nobody sends anything: there is nothing to be told, and it ends all the same.
    await until(/watching.*\n0\n/s);
    await ended(child);
    expect(text()).toMatch(/^\S+ watching 8 interfaces in 3 namespaces\n0\n$/);
  });

  describe.skipIf(missing !== '')('on a terminal', () => {
    const ENTER = '\x1b[?1049h';
    const LEAVE = '\x1b[?1049l';
    /** In a pseudo-terminal of 100 columns and 30 rows; what is written to it are keys. */
    const onTerminal = () =>
      start('script', ['-qec', `stty cols 100 rows 30; exec '${node}' '${main}' watch --no-drops`, '/dev/null']);

    it('draws, answers keys, writes the last minute, and gives the terminal back', async () => {
      const child = onTerminal();
      const { text, until } = heard(child);
      await until(/vdiag watch {2}8 interfaces/);
      expect(text()).toContain(ENTER);
      await ping('one', '-c', '2', '10.6.0.3');
      await until(/echo 10\.6\.0\.2 → 10\.6\.0\.3 seq 1 answered/);
      child.stdin.write('?');
      await until(/any key: back/);
      child.stdin.write(' ');
      child.stdin.write('p');
      await until(/PAUSED/);
      child.stdin.write('w');
      await until(/wrote \d+ frames/);
      child.stdin.write('q');
      expect(await ended(child)).toBe(0);
      const [screen = '', after = ''] = text().split(LEAVE);
      expect(screen).toContain(ENTER);
      expect(after).toMatch(/watched 8 interfaces for/);
      expect(after).not.toContain('\x1b[?1049');
      const [file = ''] = readdirSync(folder).filter((name) => name.endsWith('.pcapng'));
      const analysis = spawnSync(node, [main, 'analyze', join(folder, file)], { encoding: 'utf8' });
      expect(analysis.stdout).toMatch(/echo 10\.6\.0\.2 -> 10\.6\.0\.3/);
      expect(analysis.status).toBe(0);
    });

    it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('gives the terminal back after %s', async (signal) => {
      const child = onTerminal();
      const { text, until } = heard(child);
      await until(/vdiag watch {2}8 interfaces/);
      const { stdout } = spawnSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' });
      const pid = Number(stdout.trim().split('\n')[0]);
      expect(pid).toBeGreaterThan(1);
      process.kill(pid, signal);
      await ended(child);
      expect(text()).toContain(LEAVE);
      expect(text()).toContain('\x1b[?25h');
    });
  });
});
