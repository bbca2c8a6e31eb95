/**
 * Recording on the real kernel, in a network of the test's own:
 *
 *     10.7.0.1 veth0 ─────── eth0 10.7.0.2 (namespace blue)        br9 (on no way)
 */

import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { companionOf, loadTopologyCompanion } from '../../src/capfile/companion.ts';
import { type RecordOptions, type RecordSummary, record } from '../../src/session/record.ts';
import { untilUp } from '../capture/private-network.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';

const BUILD = `
ip netns add blue
ip link add veth0 type veth peer name eth0 netns blue
ip addr add 10.7.0.1/24 dev veth0
ip -n blue addr add 10.7.0.2/24 dev eth0
ip link set veth0 up; ip -n blue link set eth0 up; ip -n blue link set lo up
ip link add br9 type bridge; ip link set br9 up
${untilUp('veth0')}`;
const PING = ['-q', '-f', '-W', '2'];

/** Frames by tcpdump, tshark and capinfos; a word on standard error that is no banner is a fault. */
function read(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } });
  const said = stderr.split('\n').filter((line) => !/^$|^Running as user|^reading from file .*EN10MB/.test(line));
  expect({ program, status, said }).toEqual({ program, status: 0, said: [] });
  return stdout;
}

function counted(file: string): number {
  return Number(/^(\d+) packets?$/m.exec(read('tcpdump', '-r', file, '--count'))?.[1]);
}

const missing = ['tcpdump', 'tshark', 'capinfos'].filter((program) => spawnSync(program, ['--version']).error);
const why = !mayMakeNamespaces ? 'not root' : missing.length > 0 ? `${missing.join(', ')} not installed` : '';

describe.skipIf(why !== '')(`recording${why === '' ? '' : ` (skipped: ${why})`}`, () => {
  let machine: OwnMachine;
  let folder = '';
  beforeAll(() => {
    machine = ownMachine();
  });
  afterAll(() => machine.close());
  beforeEach(() => {
    machine.run(BUILD);
    folder = mkdtempSync(join(tmpdir(), 'vdiag-record-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
    machine.run('ip netns del blue 2>/dev/null || true; ip link del veth0 2>/dev/null || true; ip link del br9');
  });

  const at = (name: string): string => join(folder, name);
  const ended = (child: ChildProcess): Promise<void> =>
    new Promise((resolve) => {
      child.stdout?.resume();
      child.once('close', () => resolve());
    });
  const ping = (...args: readonly string[]) => ended(machine.start('ping', [...PING, ...args, '10.7.0.2']));

  /** Records while something happens; ended then, if it has not ended by itself. */
  async function during(options: RecordOptions, action: () => Promise<unknown>): Promise<RecordSummary> {
    const over = new AbortController();
    const done = record({ ...options, signal: over.signal });
    const companion = typeof options.to === 'string' ? options.to.replace('.pcapng', '.topology.json') : '';
    // Listening has begun when the first companion is there.
    for (let tries = 0; tries < 200 && companion !== '' && !existsSync(companion); tries++) await sleep(20);
    await action();
    over.abort();
    return done;
  }

  it('takes every frame of all connected namespaces, and others read the file without a warning', async () => {
    const file = at('all.pcapng');
    const { frames, lost, files, coverage, failure } = await during({ to: file }, () => ping('-c', '2000'));
    expect({ lost, files, failure, gaps: coverage.gaps }).toEqual({
      lost: 0,
      files: [file],
      failure: undefined,
      gaps: [],
    });
    expect(counted(file)).toBe(frames);
    const capinfos = read('capinfos', file);
    expect(capinfos).toMatch(new RegExp(`^Number of packets: +${frames}$`, 'm'));
    expect(capinfos).toMatch(/^Strict time order: +True$/m);
    expect(capinfos).toMatch(/^Capture application: +vdiag /m);
    expect(capinfos.match(/Number of stat entries = 1/g)).toHaveLength(coverage.places.length);
    const rows = read('tshark', '-r', file, '-Y', 'icmp', '-T', 'fields', '-e', 'frame.interface_name');
    // Two thousand requests and as many replies.
    const perInterface = new Map<string, number>();
    for (const name of rows.trim().split('\n')) perInterface.set(name, (perInterface.get(name) ?? 0) + 1);
    expect([...perInterface].toSorted()).toEqual([
      ['eth0@blue', 4000],
      ['veth0', 4000],
    ]);
    const names = coverage.places.map(({ name }) => name).toSorted();
    expect(names).toEqual(['br9', 'eth0', 'lo', 'lo', 'veth0']);
    const state = loadTopologyCompanion(readFileSync(companionOf(file) ?? '', 'utf8'));
    expect(state).toMatchObject({ complete: true, coverage: { framesCaptured: frames, gaps: [] } });
    expect(state.coverage).toEqual(coverage);
    // Before the first packet there was no neighbour; afterwards there is.
    const neighbours = [state.before, state.after].map(
      (topology) => topology?.namespaces[0]?.neighbours.filter(({ address }) => address === '10.7.0.2').length,
    );
    expect(neighbours).toEqual([0, 1]);
  });

  it('takes the places of the way to an address, and no others', async () => {
    const file = at('way.pcapng');
    const way = { interface: 'veth0', address: '10.7.0.2' };
    const { coverage } = await during({ to: file, way }, async () => {
      machine.run('ping -q -c 1 -W 1 -I lo 127.0.0.1 >/dev/null');
      await ping('-c', '5');
    });
    expect(coverage.places.map(({ name }) => name)).toEqual(['veth0', 'eth0']);
    const rows = read('tshark', '-r', file, '-T', 'fields', '-e', 'frame.interface_name').trim().split('\n');
    expect([...new Set(rows)].toSorted()).toEqual(['eth0@blue', 'veth0']);
  });

  it('takes the interfaces named alone, in any namespace', async () => {
    const file = at('on.pcapng');
    const { frames } = await during({ to: file, on: ['eth0@blue'] }, () => ping('-c', '50'));
    expect(counted(file)).toBe(frames);
    expect(read('tshark', '-r', file, '-Y', 'icmp').trim().split('\n')).toHaveLength(100);
    expect(read('tshark', '-r', file, '-Y', 'frame.interface_name != "eth0@blue"')).toBe('');
  });

  it('ends at the count, exactly, and its coverage with the last frame', async () => {
    const file = at('count.pcapng');
    const { frames, coverage } = await during({ to: file, on: ['veth0'], count: 7 }, () => ping('-c', '100'));
    expect([frames, counted(file)]).toEqual([7, 7]);
    const times = read('tcpdump', '-r', file, '-tt', '--time-stamp-precision=nano', '-n').trim().split('\n');
    expect(times.at(-1)?.split(' ')[0]?.replace('.', '')).toBe(String(coverage.untilNs));
  });

  it('ends after the time', async () => {
    const started = performance.now();
    const { frames } = await record({ to: at('time.pcapng'), on: ['br9'], durationMs: 300 });
    expect(performance.now() - started).toBeGreaterThan(300);
    expect(counted(at('time.pcapng'))).toBe(frames);
  });

  it('cuts frames at the snap length', async () => {
    const file = at('cut.pcapng');
    await during({ to: file, on: ['veth0'], snapLength: 60 }, () => ping('-c', '3', '-s', '1000'));
    const lengths = read('tshark', '-r', file, '-Y', 'icmp', '-T', 'fields', '-e', 'frame.cap_len', '-e', 'frame.len');
    expect(new Set(lengths.trim().split('\n'))).toEqual(new Set(['60\t1042']));
  });

  it('keeps the newest in a ring of complete files', { timeout: 60_000 }, async () => {
    const ringBytes = 4 << 20;
    writeFileSync(at('night-00042.pcapng'), 'of an earlier recording');
    const summary = await during({ to: at('night.pcapng'), on: ['veth0'], ringBytes }, () =>
      ping('-c', '5000', '-s', '1400'),
    );
    const { frames, files, bytes, coverage } = summary;
    const there = readdirSync(folder).filter((name) => name.endsWith('.pcapng'));
    expect(files.map((file) => file.slice(folder.length + 1))).toEqual(there.toSorted());
    expect(there).not.toContain('night-00042.pcapng');
    expect(frames).toBeGreaterThanOrEqual(10_000);
    // Frames of 1442 bytes and 32 more for the block: some hundred bytes of header and statistics in each part.
    expect(bytes).toBe(files.reduce((sum, file) => sum + statSync(file).size, 0));
    expect(bytes).toBeLessThanOrEqual(ringBytes + 8 * 1024);
    expect(bytes).toBeGreaterThan(ringBytes / 2);
    expect(files.reduce((sum, file) => sum + counted(file), 0)).toBe(coverage.framesCaptured);
    expect(coverage.framesCaptured).toBeLessThan(frames);
    for (const file of files) expect(read('capinfos', file).match(/Number of stat entries = 1/g)).toHaveLength(1);
    // The newest without a hole: the sequence numbers run through to the last.
    const sequences = files
      .flatMap((file) =>
        read('tshark', '-r', file, '-Y', 'icmp.type == 8', '-T', 'fields', '-e', 'icmp.seq').split('\n'),
      )
      .filter((line) => line !== '')
      .map(Number);
    expect(sequences.at(-1)).toBe(5000);
    expect(sequences).toEqual(Array.from({ length: sequences.length }, (_, index) => 5001 - sequences.length + index));
    // What was thrown away was not listened to.
    const first = read('tcpdump', '-r', files[0] ?? '', '-tt', '--time-stamp-precision=nano', '-n', '-c', '1');
    expect(coverage.fromNs).toBeLessThan(BigInt(first.split(' ')[0]?.replace('.', '') ?? ''));
    expect(BigInt(first.split(' ')[0]?.replace('.', '') ?? '') - coverage.fromNs).toBeLessThan(1_000_000_000n);
    expect(companionOf(files[0] ?? '')).toBe(at('night.topology.json'));
  });

  it('writes what there is room for when the disk is full, and says so', async () => {
    machine.run('mkdir -p /run/small; mount -t tmpfs -o size=1m tmpfs /run/small');
    try {
      const summary = await during({ to: '/run/small/full.pcapng' }, () => ping('-c', '2000', '-s', '1000'));
      expect(summary.failure).toMatchObject({
        code: 'unwritable',
        message: 'cannot write /run/small/full.pcapng: no space left on device',
      });
      expect(summary.frames).toBeGreaterThan(500);
      expect(counted('/run/small/full.pcapng')).toBe(summary.frames);
      expect(readdirSync('/run/small').toSorted()).toEqual(['full.pcapng', 'full.topology.json']);
      const state = loadTopologyCompanion(readFileSync('/run/small/full.topology.json', 'utf8'));
      // The companion from the start is still whole.
      expect(state.complete).toBe(false);
      expect(state.before.namespaces.map(({ names }) => names)).toContainEqual(['blue']);
    } finally {
      machine.run('umount /run/small');
    }
  });

  it('goes on when an interface disappears, and records it again when it comes back', async () => {
    const file = at('back.pcapng');
    const { coverage } = await during({ to: file, on: ['veth0', 'br9'] }, async () => {
      machine.run('ip link del veth0');
      await sleep(1500);
      machine.run('ip link add veth0 type bridge; ip link set veth0 up');
      await sleep(1500);
      machine.run('ip addr add 10.7.0.1/24 dev veth0; ping -q -c 1 -W 1 10.7.0.9 >/dev/null || true');
    });
    expect(coverage.gaps).toHaveLength(2);
    expect(coverage.gaps[0]).toMatch(/^veth0 disappeared at \d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(coverage.gaps[1]).toMatch(/^veth0 came back at /);
    const arp = read(
      'tshark',
      '-r',
      file,
      '-Y',
      'arp.dst.proto_ipv4 == 10.7.0.9',
      '-T',
      'fields',
      '-e',
      'frame.interface_name',
    );
    expect(arp.trim().split('\n')[0]).toBe('veth0');
  });

  it('does not keep a namespace alive that was removed', async () => {
    const file = at('gone.pcapng');
    const { coverage } = await during({ to: file }, async () => {
      await ping('-c', '10');
      machine.run('ip netns del blue');
      await sleep(1800);
      // Its end of the pair went with it, while the recording goes on.
      expect(machine.run('ip -br link')).not.toContain('veth0');
    });
    expect(coverage.gaps.filter((gap) => gap.includes('removed'))).toEqual([
      expect.stringMatching(/^namespace blue was removed at /),
    ]);
    expect(read('tshark', '-r', file, '-Y', 'icmp').trim().split('\n')).toHaveLength(40);
  });

  it('ends when the reader of the stream goes away', async () => {
    const stream = new PassThrough();
    let bytes = 0;
    stream.on('data', (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes > 10_000) stream.destroy();
    });
    stream.on('error', () => {});
    // The file's header is the first thing that comes, once all places are listened to.
    const flood = once(stream, 'data').then(() => ping('-c', '1000'));
    const { readerLeft, companion, files } = await record({ to: stream, on: ['veth0'], durationMs: 15_000 });
    expect({ readerLeft, companion, files }).toEqual({ readerLeft: true, companion: undefined, files: [] });
    await flood;
  });

  it('takes the companion of an earlier run under the same name away', async () => {
    writeFileSync(at('again.recording.json'), '{}');
    await record({ to: at('again.pcapng'), on: ['br9'], durationMs: 50 });
    expect(readdirSync(folder).toSorted()).toEqual(['again.pcapng', 'again.topology.json']);
  });

  it.each([
    ['an interface that is not there', { on: ['veth9'] }, 'no such interface: veth9'],
    ['one in a namespace that is not there', { on: ['veth0@nowhere'] }, 'no network namespace nowhere'],
    ['a way from nowhere', { way: { interface: 'eth7', address: '10.7.0.2' } }, 'no such interface: eth7'],
    ['a way to a name', { way: { interface: 'veth0', address: 'example.org' } }, 'not an IP address: example.org'],
  ])('refuses %s, and leaves the file as it was', async (_, wanted, message) => {
    writeFileSync(at('old.pcapng'), 'precious');
    await expect(record({ to: at('old.pcapng'), durationMs: 50, ...wanted })).rejects.toThrow(message);
    expect(readFileSync(at('old.pcapng'), 'utf8')).toBe('precious');
  });

  it('refuses a file that cannot be written', async () => {
    await expect(record({ to: at('no/such.pcapng'), durationMs: 50 })).rejects.toMatchObject({
      code: 'unwritable',
      message: `cannot write ${at('no/such.pcapng')}: no such file or directory`,
    });
  });
});
