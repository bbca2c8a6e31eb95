/** Where output cannot go: full disks, closed pipes, folders, pipes nobody reads; and signals. One error of two lines, and no litter. */
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vdiagProgram } from '../../src/lab/run.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';

const [node = '', main = ''] = vdiagProgram();
const TRACE = ['ping-trace', 'p0', '10.77.1.2', '-c', '1', '--no-drops'];
const RECORD = ['record', '--on', 'p0', '--duration', '0.3', '-w'];

describe.skipIf(!mayMakeNamespaces)('output', { timeout: 60_000 }, () => {
  let machine: OwnMachine;
  //   p0 10.77.1.1 ─── post:q0 10.77.1.2
  beforeAll(() => {
    machine = ownMachine(`
      ip netns add post
      ip link add p0 type veth peer name q0 netns post
      ip addr add 10.77.1.1/24 dev p0
      ip -n post addr add 10.77.1.2/24 dev q0
      ip link set p0 up
      ip -n post link set q0 up
      mkdir /run/folder /run/read-only /run/small
      mount -t tmpfs -o ro tmpfs /run/read-only
      mount -t tmpfs -o size=16k tmpfs /run/small
      head -c 14000 /dev/zero >/run/small/fill
      mkfifo /run/pipe
      until ping -q -c 1 -W 1 10.77.1.2 >/dev/null; do sleep 0.05; done`);
  });
  afterAll(() => machine?.close());

  const vdiag = (...words: readonly string[]) =>
    spawnSync(node, [main, ...words], { encoding: 'utf8', timeout: 50_000, killSignal: 'SIGKILL' });
  const shell = (script: string, ...words: readonly string[]) =>
    spawnSync('bash', ['-c', `set -o pipefail; ${script}`, node, main, ...words], {
      encoding: 'utf8',
      timeout: 50_000,
    });

  it.each([
    ['/run/read-only/x', 'cannot write /run/read-only/x: read-only file system'],
    ['/run/folder', 'cannot write /run/folder: illegal operation on a directory'],
    ['/run/nowhere/x', 'cannot write /run/nowhere/x: no such file or directory'],
    ['/run/pipe', 'nobody reads the pipe /run/pipe'],
    ['/dev/full', 'cannot write /dev/full: no space left on device'],
    ['/run/small/x', 'no space left on device'],
  ])('to %s that cannot be is said in two lines, and leaves nothing', (path, message) => {
    for (const words of [
      [...TRACE, '--report', path],
      [...TRACE, '--json-file', path],
      ['check', 'p0', '10.77.1.2', '--report', path],
      [...RECORD, path],
    ]) {
      const { status, stdout, stderr } = vdiag(...words);
      const what = words.join(' ');
      expect(status, what + stderr).toBe(2);
      expect(stderr, what).toMatch(/^vdiag: [^\n]+\n {2}[^\n]+\n$/);
      expect(stderr, what).toContain(message);
      // The report itself has come.
      if (words[0] !== 'record') expect(stdout, what).toContain('10.77.1.2');
      expect(readdirSync('/run/small'), what).toEqual(['fill']);
    }
  });

  it('of a run that half fits leaves a capture that can be read', () => {
    const { status, stderr } = vdiag(...TRACE, '-w', '/run/small/run.pcapng');
    expect(status).toBe(2);
    expect(stderr).toMatch(/^vdiag: cannot write \/run\/small\/run.* no space left on device\n {2}make room[^\n]*\n$/);
    for (const name of readdirSync('/run/small').filter((each) => each !== 'fill')) {
      expect(name).toBe('run.pcapng');
      expect(vdiag('frames', `/run/small/${name}`).status).toBe(0);
    }
    machine.run('rm -f /run/small/run*');
  });

  it('goes to a pipe that somebody reads', () => {
    const { stdout, stderr } = shell(
      'cat /run/pipe & "$0" "$@" >/dev/null; wait',
      ...TRACE,
      '--json-file',
      '/run/pipe',
    );
    expect(JSON.parse(stdout).outcome, stderr).toBe('healthy');
  });

  const COMMANDS = [
    TRACE,
    [...TRACE, '--json'],
    ['check', 'p0', '10.77.1.2'],
    ['map'],
    ['peer', 'p0'],
    ['rules'],
    ['explain', 'link-down'],
    ['completion', 'bash'],
    ['lab', 'list'],
    ['watch', '--json', '--duration', '0.5', '--no-drops'],
    [...RECORD, '-'],
    ['help'],
  ];

  it.each(COMMANDS.map((words) => [words.join(' '), words] as const))(
    'of %s: full, closed, and read in part',
    (_, words) => {
      const full = shell('"$0" "$@" >/dev/full', ...words);
      expect(full.stderr).toContain('no space left on device');
      expect(full.stderr.match(/no space left/g)).toHaveLength(1);
      expect(full.stderr).not.toMatch(/^\s+at /m);
      expect(full.status).toBe(2);
      const closed = shell('"$0" "$@" >&-', ...words);
      expect(closed.stderr).not.toMatch(/^\s+at /m);
      expect([0, 1, 2]).toContain(closed.status);
      const part = shell('"$0" "$@" | head -c 1 >/dev/null', ...words);
      expect({ status: part.status, stderr: part.stderr }).toEqual({ status: 0, stderr: '' });
    },
  );

  const state = () =>
    machine.run(
      'ip netns list; ip -o link | cut -d: -f2; nft list ruleset; cat /proc/net/packet | wc -l; ls /run/small',
    );

  it.each(['SIGHUP', 'SIGTERM', 'SIGINT', 'SIGINT twice'])('after %s is whole, or was never begun', async (what) => {
    const before = state();
    const [signal = 'SIGINT'] = what.split(' ') as NodeJS.Signals[];
    for (const words of [
      [...TRACE, '-c', '200', '--json'],
      ['record', '--on', 'p0', '-w', '/run/long.pcapng'],
    ]) {
      const child = spawn(node, [main, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk) => (stdout += chunk));
      child.stderr.on('data', (chunk) => (stderr += chunk));
      const ended = new Promise((resolve) => child.once('close', (code, by) => resolve(code ?? by)));
      // It listens: the kernel lists its socket.
      for (let tries = 0; readFileSync('/proc/thread-self/net/packet', 'latin1').split('\n').length < 3; tries++) {
        if (tries > 1000) throw new Error(`it never listened: ${stderr}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
      child.kill(signal);
      if (what.endsWith('twice')) child.kill(signal);
      const status = await ended;
      // Two at once may be one to the kernel.
      if (what.endsWith('twice')) expect([0, 1, 'SIGINT']).toContain(status);
      else expect(status, stderr).toBe(0);
      if (status === 0 && words[0] === 'ping-trace') expect(JSON.parse(stdout).probes.sent).toBeGreaterThan(0);
      if (status === 0 && words[0] === 'record') expect(stdout).toContain('recorded');
      expect(stderr).not.toMatch(/^\s+at /m);
      expect(state()).toBe(before);
    }
  });
});
