/** On the real kernel: machine-wide events of packets that are sent in private networks alone. */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { openInstance } from '../../../src/capture/drops/instance.ts';
import { type KernelEvents, openKernelEvents } from '../../../src/capture/drops/kernel-events.ts';
import { openKernelSymbols } from '../../../src/capture/drops/kernel-symbols.ts';
import { realtimeNs } from '../../../src/linux/socket.ts';
import { openTracefs } from '../../../src/linux/tracefs.ts';
import { knownReasons } from '../../../src/trace/drop-reason.ts';
import type { KernelEvent } from '../../../src/trace/kernel-event.ts';
import { privateNetwork, sleep } from '../private-network.ts';

const mayTrace = (() => {
  try {
    openInstance({}).close();
    return true;
  } catch {
    return false;
  }
})();

function instances(): string[] {
  const tracefs = openTracefs();
  try {
    return readdirSync(`${tracefs.path}/instances`);
  } finally {
    tracefs.close();
  }
}

describe.skipIf(!mayTrace)('the events of the kernel', () => {
  const cleanup: (() => void)[] = [];
  afterEach(() => {
    for (const undo of cleanup.splice(0).reverse()) undo();
  });
  const open = (events: KernelEvent[]): KernelEvents => {
    const stream = openKernelEvents({ onEvent: (event) => events.push(event) });
    cleanup.push(() => stream.close());
    return stream;
  };

  //   lo 127.0.0.1, and a dummy that nobody answers on; a ping is dropped at the end by the ping sockets nobody opened
  it('tell the way of a packet and its end, in order of time, on the wall clock', async () => {
    const network = await privateNetwork();
    cleanup.push(() => network.close());
    const events: KernelEvent[] = [];
    const before = realtimeNs();
    const stream = open(events);
    network.run('ping -q -c 3 -i 0.02 -s 333 127.0.0.1 >/dev/null');
    await sleep(30);
    stream.drain();
    const after = realtimeNs();
    const hops = events.filter((event) => event.kind === 'hop' && event.device === 'lo');
    const mine = hops.filter((event) => event.kind === 'hop' && [361, 375].includes(event.lengthBytes));
    // Request and reply: queued, sent, received.
    expect(mine.map((event) => (event.kind === 'hop' ? event.way : ''))).toEqual(
      Array.from({ length: 6 }, () => ['queue', 'out', 'in']).flat(),
    );
    expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).sort((a, b) => a - b));
    for (const { at } of mine) {
      expect(stream.originNs + BigInt(Math.round(at))).toBeGreaterThan(before);
      expect(stream.originNs + BigInt(Math.round(at))).toBeLessThan(after);
    }
    const packets = new Set(mine.map((event) => (event.kind === 'hop' ? event.packet : 0)));
    const drops = events.filter((event) => event.kind === 'drop' && packets.has(event.packet));
    const symbols = openKernelSymbols();
    expect(
      drops.map((event) => (event.kind === 'drop' ? `${event.reason} ${symbols.nameOf(event.location)}` : '')),
    ).toContain('NO_SOCKET ping_rcv');
    expect(stream.counts().lost).toBe(0);
  });

  it('know this thread, whatever process namespace it lives in', () => {
    const stream = open([]);
    expect(stream.thread).toBeGreaterThan(0);
    const other = open([]);
    expect(other.thread).toBe(stream.thread);
  });

  it('have a sentence for every reason this kernel knows', () => {
    const instance = openInstance({});
    cleanup.push(() => instance.close());
    const reasons = [...(instance.formats.get('drop')?.symbols.values() ?? [])].filter((name) => name !== 'MAX');
    expect(reasons.length).toBeGreaterThan(5);
    const known = new Set(knownReasons());
    expect(reasons.filter((name) => !known.has(name))).toEqual([]);
  });

  it('come through an instance of their own, several at once, and nothing is left behind', () => {
    const before = new Set(instances());
    const one = open([]);
    const two = open([]);
    const made = instances().filter((name) => !before.has(name) && name.includes(`-${process.pid}-`));
    expect(made).toHaveLength(2);
    one.close();
    two.close();
    two.close();
    expect(instances().filter((name) => made.includes(name))).toEqual([]);
  });

  it('take away what a killed run left, and nothing that lives', async () => {
    const tracefs = openTracefs();
    cleanup.push(() => tracefs.close());
    const dead = spawn('true');
    await new Promise((resolve) => dead.once('close', resolve));
    const left = `vdiag-1-${dead.pid}-12345-0`;
    mkdirSync(`${tracefs.path}/instances/${left}`);
    const living = open([]);
    const name = instances().find((each) => each.includes(`-${process.pid}-`));
    open([]);
    expect(instances()).not.toContain(left);
    expect(instances()).toContain(name);
    living.close();
  });

  it('stay within the budget under a flood, and say that they paused', async () => {
    const network = await privateNetwork();
    cleanup.push(() => network.close());
    let read = 0;
    const gaps: [number, number][] = [];
    const stream = openKernelEvents({ onEvent: () => read++, onLost: (from, until) => gaps.push([from, until]) });
    cleanup.push(() => stream.close());
    // Ten events and more for each of them.
    network.run('ping -q -f -c 40000 127.0.0.1 >/dev/null');
    await sleep(50);
    stream.drain();
    const { pausedMs, lost } = stream.counts();
    expect(pausedMs + lost).toBeGreaterThan(0);
    expect(gaps.length).toBeGreaterThan(0);
    for (const [from, until] of gaps) expect(until).toBeGreaterThanOrEqual(from);
    expect(read).toBeLessThan(400_000);
  });
});
