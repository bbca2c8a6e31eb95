/** vdiag record as a user meets it: pipes, signals, what it says. The network: 10.8.0.1 veth0 ─ eth0 10.8.0.2 (namespace blue) */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTopologyCompanion } from '../../src/capfile/companion.ts';
import { vdiagProgram } from '../../src/lab/run.ts';
import { untilUp } from '../capture/private-network.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';

const [node = '', main = ''] = vdiagProgram();

function refusal(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(node, [main, 'record', ...args], { encoding: 'utf8', timeout: 15_000 });
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(/^vdiag: [^\n]+\n {2}[^\n]+\n$/);
  return stderr.split('\n')[0]?.replace('vdiag: ', '') ?? '';
}

describe('what is refused', () => {
  it.each([
    [['-w', 'x', 'eth0'], 'the way from eth0, but to which address?'],
    [[], "required option '-w, --write <file.pcapng>' not specified"],
    [['-w', '-', '--ring', '100M'], 'a ring is made of files: -w - is none'],
    [
      ['-w', 'x', '--ring', '1M'],
      "option '--ring <size>' argument '1M' is invalid. a size from 4M on is wanted, as 100M.",
    ],
    [
      ['-w', 'x', '--ring', '-5G'],
      "option '--ring <size>' argument '-5G' is invalid. a size from 4M on is wanted, as 100M.",
    ],
    [
      ['-w', 'x', '--duration', '0'],
      "option '--duration <seconds>' argument '0' is invalid. seconds above 0 are wanted.",
    ],
    [['-w', 'x', '--on', 'nope7'], 'no such interface: nope7'],
  ])('%j', (args, message) => expect(refusal(...args)).toBe(message));
});

const why = mayMakeNamespaces ? '' : 'not root';

describe.skipIf(why !== '')(`recording${why === '' ? '' : ` (skipped: ${why})`}`, () => {
  let machine: OwnMachine;
  let folder = '';
  beforeAll(() => {
    machine = ownMachine(`
ip netns add blue
ip link add veth0 type veth peer name eth0 netns blue
ip addr add 10.8.0.1/24 dev veth0
ip -n blue addr add 10.8.0.2/24 dev eth0
ip link set veth0 up; ip -n blue link set eth0 up
${untilUp('veth0')}`);
    folder = mkdtempSync(join(tmpdir(), 'vdiag-record-cli-'));
  });
  afterAll(() => {
    machine.close();
    rmSync(folder, { recursive: true });
  });

  const ping = (count: number) => machine.run(`ping -q -f -W 2 -c ${count} 10.8.0.2 >/dev/null`);
  const at = (name: string): string => join(folder, name);

  interface Ended {
    readonly status: number | NodeJS.Signals | null;
    readonly stdout: string;
    readonly stderr: string;
  }

  function ending(child: ChildProcess): Promise<Ended> {
    let [stdout, stderr] = ['', ''];
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    return new Promise((resolve) =>
      child.once('close', (code, signal) => resolve({ status: code ?? signal, stdout, stderr })),
    );
  }

  /** Records to a file, pings once it listens, and ends it by a signal. */
  async function recorded(name: string, signal: NodeJS.Signals, ...args: readonly string[]): Promise<Ended> {
    const child = spawn(node, [main, 'record', '-w', at(`${name}.pcapng`), ...args]);
    const ended = ending(child);
    for (let tries = 0; tries < 300 && !existsSync(at(`${name}.topology.json`)); tries++) await sleep(20);
    ping(500);
    // The rings hand over within some milliseconds; a killed program writes nothing more.
    await sleep(300);
    child.kill(signal);
    return ended;
  }

  function counted(name: string): string {
    const { status, stdout } = spawnSync('tcpdump', ['-r', at(name), '--count'], { encoding: 'utf8' });
    expect(status).toBe(0);
    return stdout;
  }

  it.each(['SIGINT', 'SIGTERM'] as const)('is ended by %s, cleanly', async (signal) => {
    const { status, stdout, stderr } = await recorded(signal, signal, '--on', 'veth0');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const said = /^recorded (\d) (\d{3}) frames on 1 interface, 0 lost, (\S+) \d+\.\d KiB\n$/.exec(stdout);
    expect(said?.[3], stdout).toBe(at(`${signal}.pcapng`));
    expect(counted(`${signal}.pcapng`)).toBe(`${said?.[1]}${said?.[2]} packets\n`);
    expect(loadTopologyCompanion(readFileSync(at(`${signal}.topology.json`), 'utf8')).complete).toBe(true);
  });

  it('leaves a capture and the state before when it is killed', async () => {
    const { status } = await recorded('killed', 'SIGKILL', '--on', 'veth0', '--on', 'eth0@blue');
    expect(status).toBe('SIGKILL');
    expect(Number(counted('killed.pcapng').split(' ')[0])).toBeGreaterThanOrEqual(2000);
    const state = loadTopologyCompanion(readFileSync(at('killed.topology.json'), 'utf8'));
    expect(state).toMatchObject({ complete: false, before: { namespaces: [{}, { names: ['blue'] }] } });
    expect(state.after).toBeUndefined();
  });

  it('goes to a pipe that is read while it runs', async () => {
    const script = '"$0" "$1" record -w - --on veth0 -c 20 | tcpdump -lnr - icmp';
    const child = spawn('bash', ['-c', script, node, main]);
    const ended = ending(child);
    // The reader says what it reads when the first block has come.
    await new Promise<void>((resolve) => child.stderr.once('data', () => resolve()));
    ping(30);
    const { status, stdout, stderr } = await ended;
    expect(status).toBe(0);
    expect(stdout.split('\n')[0]).toMatch(/IP 10\.8\.0\.1 > 10\.8\.0\.2: ICMP echo request, id \d+, seq 1, length 64$/);
    expect(stderr).toContain('recorded 20 frames on 1 interface, 0 lost, standard output');
  });

  it('says nothing when the reader goes away', { timeout: 60_000 }, async () => {
    const script = 'set -o pipefail; "$0" "$1" record -w - --on veth0 --duration 120 | head -c 400 >/dev/null';
    const ended = ending(spawn('bash', ['-c', script, node, main]));
    for (let tries = 0; tries < 40; tries++) {
      ping(20);
      await sleep(50);
    }
    expect(await ended).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});
