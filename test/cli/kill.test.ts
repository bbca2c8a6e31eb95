/**
 * Signals at random moments: nothing of vdiag stays behind, what it wrote can be read, and the next run is right.
 * VDIAG_KILL_RUNS says how often (npm run stress: 200), VDIAG_KILL_SEED repeats a sequence.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vdiagProgram } from '../../src/lab/run.ts';
import { insideNetns, listNetns } from '../../src/linux/netns.ts';
import { openTracefs } from '../../src/linux/tracefs.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';

const [node = '', main = ''] = vdiagProgram();
const RUNS = Number(process.env.VDIAG_KILL_RUNS ?? 20);
const SEED = Number(process.env.VDIAG_KILL_SEED ?? Date.now() % 1_000_000);
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGKILL', 'SIGHUP', 'SIGPIPE'] as const;
/** Later than that every run has ended by itself. */
const LATEST_MS = 2500;

/** mulberry32: a sequence that a seed repeats. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function traceInstances(pids: ReadonlySet<number>): string[] {
  try {
    const tracefs = openTracefs();
    try {
      return readdirSync(`${tracefs.path}/instances`).filter((name) =>
        pids.has(Number(/^vdiag-\d+-(\d+)-/.exec(name)?.[1])),
      );
    } finally {
      tracefs.close();
    }
  } catch {
    return [];
  }
}

describe.skipIf(!mayMakeNamespaces)(
  `vdiag, ended ${RUNS} times (seed ${SEED})`,
  { timeout: 60_000 + RUNS * 10_000 },
  () => {
    let machine: OwnMachine;
    const file = join(tmpdir(), `vdiag-kill-${process.pid}.pcapng`);
    //   p0 10.77.1.1 ─── post:q0 10.77.1.2, with rules of its own to be traced
    beforeAll(() => {
      machine = ownMachine(`
      ip netns add post
      ip link add p0 type veth peer name q0 netns post
      ip addr add 10.77.1.1/24 dev p0
      ip -n post addr add 10.77.1.2/24 dev q0
      ip link set p0 up
      ip -n post link set q0 up
      ip netns exec post nft -f - <<'N'
table ip letters {
  chain in { type filter hook input priority 0; policy accept; ct count over 900 drop; }
}
N
      until ping -q -c 1 -W 1 10.77.1.2; do sleep 0.05; done`);
    });
    afterAll(() => {
      machine?.close();
      for (const name of [file, file.replace('.pcapng', '.recording.json'), file.replace('.pcapng', '.topology.json')])
        rmSync(name, { force: true });
    });

    const state = () =>
      machine.run(
        'nft -s list ruleset; ip netns exec post nft -s list ruleset; ip netns list; ls /proc/sys/net/ipv4/conf; ip -o link | cut -d: -f2; ip -n post -o link | cut -d: -f2',
      );
    const rings = () =>
      listNetns()
        .slice(0, 2)
        .map((netns) =>
          insideNetns(netns, () => readFileSync('/proc/thread-self/net/packet', 'latin1').split('\n').length),
        );

    it('leaves nothing behind', async () => {
      const next = random(SEED);
      const before = { state: state(), rings: rings() };
      const pids = new Set<number>();
      for (let run = 0; run < RUNS; run++) {
        const commands = [
          ['ping-trace', 'p0', '10.77.1.2', '--trace-rules', '-c', '8', '-i', '0.1', '-w', file],
          ['record', '-w', file, '--duration', '2'],
          ['ping-trace', 'p0', '10.77.1.2', '--json'],
        ];
        const words = commands[run % commands.length] ?? [];
        const signal = SIGNALS[Math.floor(next() * SIGNALS.length)] ?? 'SIGKILL';
        const afterMs = Math.floor(next() * LATEST_MS);
        const what = `run ${run} of seed ${SEED}: ${words[0]}, ${signal} after ${afterMs} ms`;
        rmSync(file, { force: true });
        const child = spawn(node, [main, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
        if (child.pid !== undefined) pids.add(child.pid);
        child.stdout.resume();
        let said = '';
        child.stderr.on('data', (chunk) => {
          said += chunk;
        });
        const ended = new Promise((resolve) => child.once('close', resolve));
        await new Promise((resolve) => setTimeout(resolve, afterMs));
        child.kill(signal);
        // A reader that goes away, as `| head` does.
        if (signal === 'SIGPIPE') child.stdout.destroy();
        await ended;
        expect(said, what).not.toMatch(/^\s+at .*:\d+/m);
        expect(state(), what).toBe(before.state);
        expect(rings(), what).toEqual(before.rings);
        if (signal !== 'SIGKILL') expect(traceInstances(new Set([child.pid ?? 0])), what).toEqual([]);
        if (existsSync(file) && readFileSync(file).length > 0) {
          const read = spawnSync(node, [main, 'frames', file, '--json'], { encoding: 'utf8', timeout: 30_000 });
          expect([0, 1], `${what}: ${read.stderr}`).toContain(read.status);
        }
      }
      const { status, stdout, stderr } = spawnSync(node, [main, 'ping-trace', 'p0', '10.77.1.2', '--trace-rules'], {
        encoding: 'utf8',
        timeout: 60_000,
      });
      expect(status, stdout + stderr).toBe(0);
      // What a SIGKILL left of the kernel's trace rings is swept by the next run.
      expect(traceInstances(pids)).toEqual([]);
      expect(state()).toBe(before.state);
      for (const pid of pids)
        expect(existsSync(`/proc/${pid}/exe`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(main)).toBe(
          false,
        );
    });
  },
);
