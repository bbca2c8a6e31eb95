/** A network and mount namespace of the test's own, held by a sleeping process. Nothing outside it is ever touched. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { NetnsHandle } from '../../src/linux/netns.ts';

/** Root, of the machine or of a user namespace: without it no namespace can be made. */
export const mayMakeNamespaces = process.getuid?.() === 0;

export interface PrivateNetwork {
  readonly netns: NetnsHandle;
  readonly pid: number;
  /** Runs a shell script inside and returns its output. */
  run(script: string): string;
  /** Starts a program inside; ended by `close` if it has not by then. */
  start(command: string, ...args: string[]): ChildProcess;
  close(): void;
}

/** Ends by itself after two minutes should the test be killed. */
export async function privateNetwork(script = ''): Promise<PrivateNetwork> {
  const holder = spawn('unshare', ['-nm', 'sleep', '120'], { stdio: 'ignore' });
  const pid = holder.pid;
  if (pid === undefined) throw new Error('unshare could not be started');
  const started = [holder];
  const path = `/proc/${pid}/ns/net`;
  const own = readlinkSync('/proc/thread-self/ns/net');
  for (let attempt = 0; readlinkSync(path) === own; attempt++) {
    if (attempt > 200) throw new Error('unshare did not make a network namespace');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const id = readlinkSync(path);
  const enter = ['-t', String(pid), '-n', '-m'];
  const network: PrivateNetwork = {
    netns: { id, inode: Number(/\d+/.exec(id)?.[0]), names: [], path, pids: [pid] },
    pid,
    run: (text) => execFileSync('nsenter', [...enter, 'sh', '-ec', text], { encoding: 'utf8', timeout: 30_000 }),
    start(command, ...args) {
      const child = spawn('nsenter', [...enter, command, ...args], { stdio: 'ignore' });
      started.push(child);
      return child;
    },
    close() {
      for (const child of started.reverse()) child.kill('SIGKILL');
    },
  };
  network.run('ip link set lo up');
  if (script) network.run(script);
  return network;
}

/** What may be left open: sockets and namespaces of this process, and its mappings of packet rings. */
export function openResources(): string[] {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  const mappings = readFileSync('/proc/self/maps', 'utf8').match(/socket:\S+/g) ?? [];
  return [...links.filter((link) => /^(socket|net):/.test(link)), ...mappings].sort();
}

/**
 * Shell: waits until the interfaces carry. Bringing up the second end of a veth pair is answered before the kernel has
 * given the first one its queue: what is sent until then is dropped.
 */
export function untilUp(...names: string[]): string {
  return `for dev in ${names.join(' ')}; do until ip link show $dev | grep -q 'state UP'; do sleep 0.01; done; done`;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
