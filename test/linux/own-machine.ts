/**
 * A test file that is alone on its machine: this thread moves into a network and a mount namespace of its own, with an empty
 * /run, so that names under /run/netns can be made and nothing of the real machine is touched. Each test file is a process
 * (vitest's pool of forks), so no other test sees it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readlinkSync } from 'node:fs';
import { libc } from '../../src/linux/libc.ts';

export { mayMakeNamespaces } from '../capture/private-network.ts';

const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;
const CLONE_NEWNET = 0x40000000;
const MS_REC_PRIVATE = 0x4000 | 0x40000;

export interface OwnMachine {
  /** Runs a shell script in it and returns its output. */
  run(script: string): string;
  /** Starts a program in it, ended by `close`. */
  start(program: string, words: readonly string[]): ChildProcess;
  /** A process in a network namespace that has no name: it lives as long as the process does, a minute at most. */
  unnamedNetns(): Promise<number>;
  /** Ends what was started and goes back. */
  close(): void;
}

export function ownMachine(script = ''): OwnMachine {
  const { library } = libc();
  const unshare = library.func('int unshare(int flags)');
  const mount = library.func('int mount(str source, str target, str type, unsigned long flags, str data)');
  const setns = library.func('int setns(int fd, int type)');
  const home = { net: openSync('/proc/thread-self/ns/net', 'r'), mnt: openSync('/proc/thread-self/ns/mnt', 'r') };
  const must = (result: number, what: string) => {
    if (result !== 0) throw new Error(`${what} failed`);
  };
  must(unshare(CLONE_NEWNS | CLONE_NEWNET), 'unshare');
  must(mount('none', '/', null, MS_REC_PRIVATE, null), 'making mounts private');
  must(mount('tmpfs', '/run', 'tmpfs', 0, null), 'an empty /run');
  mkdirSync('/run/netns');
  const children: ChildProcess[] = [];
  const machine: OwnMachine = {
    run: (text) => execFileSync('sh', ['-ec', text], { encoding: 'utf8', timeout: 30_000 }),
    start(program, words) {
      const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      return child;
    },
    async unnamedNetns() {
      const own = readlinkSync('/proc/thread-self/ns/net');
      const child = spawn('unshare', ['-n', 'sleep', '60'], { stdio: 'ignore' });
      children.push(child);
      if (child.pid === undefined) throw new Error('unshare could not be started');
      for (let attempt = 0; readlinkSync(`/proc/${child.pid}/ns/net`) === own; attempt++) {
        if (attempt > 200) throw new Error('unshare did not make a network namespace');
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return child.pid;
    },
    close() {
      for (const child of children.reverse()) child.kill('SIGKILL');
      // A thread that Node has started meanwhile shares this one's root and directory: setns(2) refuses with EINVAL.
      must(unshare(CLONE_FS), 'a directory of its own');
      must(setns(home.mnt, CLONE_NEWNS), 'going back to the mounts');
      must(setns(home.net, CLONE_NEWNET), 'going back to the network');
      closeSync(home.mnt);
      closeSync(home.net);
    },
  };
  machine.run(`ip link set lo up\n${script}`);
  return machine;
}
