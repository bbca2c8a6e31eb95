/** Waits for a child process: its output, its end, and no longer than it may take. */
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';

export interface CommandResult {
  /** As a shell gives it: 128 + the signal's number for a process that was killed. */
  readonly status: number;
  /** Empty where the output was inherited. */
  readonly stdout: string;
  readonly stderr: string;
}

/** More output than this is thrown away: nothing that runs in a lab has so much to say. */
const MAX_OUTPUT_CHARACTERS = 64 * 1024 * 1024;

/**
 * The result of a child process.
 * @param timeoutMs after it the child's process group is killed (status 137); absent: wait for ever
 */
export async function collect(child: ChildProcess, timeoutMs?: number): Promise<CommandResult> {
  const stdout = gather(child.stdout);
  const stderr = gather(child.stderr);
  // Ctrl-C goes to the terminal's whole foreground group: a child that has the terminal ends as it sees fit, and the lab is
  // taken down after it. Of such a child there is one at a time; the others are in groups of their own.
  const stay = (): void => {};
  const hasTerminal = child.stdout === null;
  if (hasTerminal) process.on('SIGINT', stay);
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => kill(child), timeoutMs);
  try {
    const status = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
    return { status, stdout: stdout.join(''), stderr: stderr.join('') };
  } finally {
    clearTimeout(timer);
    if (hasTerminal) process.off('SIGINT', stay);
  }
}

function gather(stream: NodeJS.ReadableStream | null): string[] {
  const parts: string[] = [];
  let length = 0;
  stream?.setEncoding('utf8');
  stream?.on('data', (part: string) => {
    length += part.length;
    if (length <= MAX_OUTPUT_CHARACTERS) parts.push(part);
  });
  return parts;
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}
