/**
 * A lab that stands: built in namespaces of its own, open for commands, gone when it is closed.
 * Its first process waits for the end of its standard input. When vdiag ends, however it ends, that pipe closes, the process
 * exits, and with it go the process namespace, every network namespace and the mounts.
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { VdiagError } from '../linux/error.ts';
import { type CommandResult, collect } from './collect.ts';
import { findIsolation, type Isolation, labEnvironment } from './isolation.ts';
import type { Lab } from './lab.ts';
import { lackingFor } from './needs.ts';

export interface ExecOptions {
  /** Use the caller's terminal. Default: no input, output collected. */
  readonly inherit?: boolean;
  /** Killed after this; default 2 minutes, none where the terminal is inherited. */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface LabSession {
  /** Runs a program in the lab's first namespace, in the current directory. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<CommandResult>;
  /** Takes everything down; resolves when it is gone. */
  close(): Promise<void>;
}

const BUILD_TIMEOUT_MS = 30_000;
const COMMAND_TIMEOUT_MS = 120_000;
const CLOSE_TIMEOUT_MS = 5_000;

/** Arguments: the lab's script, its name. A fresh /run, since an ordinary user cannot write to the real one. */
const FIRST_PROCESS = `
mount -t tmpfs -o mode=755 lab /run && mkdir /run/netns || exit 70
bash -c "$1" "$2" </dev/null >&2 || exit 71
echo ready
read -r _
kill -KILL 0
`;
/** Arguments: a directory, the program, its arguments. */
const ENTER = 'cd "$1" 2>/dev/null; shift; exec "$@"';

/**
 * Builds a lab and waits until it has settled.
 * @param isolation what `findIsolation` said: trying it out for each of many labs takes longer than building some of them
 * @throws VdiagError `lab`: no namespaces for this user, something the lab needs is lacking, or the script failed
 */
export async function openLab(lab: Lab, isolation: Isolation | string = findIsolation()): Promise<LabSession> {
  if (typeof isolation === 'string') throw new VdiagError('lab', `cannot build lab ${lab.name}`, isolation);
  const lacking = lackingFor(lab, isolation);
  if (lacking !== undefined)
    throw new VdiagError(
      'lab',
      `cannot build lab ${lab.name}: ${lacking}`,
      'run it as root, outside of any user namespace; other labs: vdiag lab list',
    );
  // A session of its own: Ctrl-C is for the command that runs in the lab, not for the lab.
  const first = spawn('unshare', [...isolation.unshare, 'bash', '-c', FIRST_PROCESS, 'lab', lab.script, lab.name], {
    detached: true,
    env: labEnvironment(),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  first.stdin.on('error', () => {}); // it may be gone already when it is told to go
  const close = (): Promise<void> => takeDown(first, isolation);
  try {
    await built(lab, first);
    await sleep(lab.settleMs);
  } catch (error) {
    await close();
    throw error;
  }
  return { close, exec: (argv, options = {}) => execute(first, isolation, argv, options) };
}

async function built(lab: Lab, first: ChildProcess): Promise<void> {
  const log: string[] = [];
  first.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (log.length < 1000) log.push(text);
  });
  const outcome = await new Promise<string>((resolve) => {
    const timer = setTimeout(() => resolve(`not built within ${BUILD_TIMEOUT_MS / 1000} s`), BUILD_TIMEOUT_MS);
    first.stdout?.once('data', () => {
      clearTimeout(timer);
      resolve('');
    });
    first.once('error', (error) => {
      clearTimeout(timer);
      resolve(error.message);
    });
    first.once('close', (status) => {
      clearTimeout(timer);
      resolve(log.join('').trim().split('\n').at(-1) || `ended with ${status}`);
    });
  });
  if (outcome !== '')
    throw new VdiagError(
      'lab',
      `lab ${lab.name} could not be built: ${outcome}`,
      'the kernel may lack a device type it uses',
    );
}

async function execute(
  first: ChildProcess,
  isolation: Isolation,
  argv: readonly string[],
  options: ExecOptions,
): Promise<CommandResult> {
  const namespaces = [
    ...(isolation.user ? ['--user', '--preserve-credentials'] : []),
    '--net',
    '--mount',
    // The one its children live in; its own process namespace is ours.
    ...(isolation.pid ? [`--pid=/proc/${first.pid}/ns/pid_for_children`] : []),
  ];
  const stdio: StdioOptions = options.inherit === true ? 'inherit' : ['ignore', 'pipe', 'pipe'];
  const child = spawn(
    'nsenter',
    ['-t', String(first.pid), ...namespaces, 'bash', '-c', ENTER, 'lab', process.cwd(), ...argv],
    {
      env: { ...labEnvironment(), ...options.env },
      stdio,
      // Killed as a whole when it takes too long; with a terminal it stays in the terminal's foreground.
      detached: options.inherit !== true,
    },
  );
  return collect(child, options.inherit === true ? options.timeoutMs : (options.timeoutMs ?? COMMAND_TIMEOUT_MS));
}

async function takeDown(first: ChildProcess, isolation: Isolation): Promise<void> {
  if (first.exitCode !== null || first.signalCode !== null || first.pid === undefined) return;
  const gone = new Promise<void>((resolve) => first.once('close', () => resolve()));
  first.stdin?.end();
  // Without a process namespace the lab's processes are known by their group alone.
  if (!isolation.pid) killGroup(first.pid);
  const late = setTimeout(() => killGroup(first.pid), CLOSE_TIMEOUT_MS);
  await gone;
  clearTimeout(late);
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // it has gone by itself
  }
}
