/** Signals that end a command early: what it has by then is still told and written. */
import { readFileSync } from 'node:fs';

export interface Interrupt {
  readonly signal: AbortSignal;
  /** The next signal ends the process, as it does every other. */
  off(): void;
}

/** Bit of SIGHUP, signal 1, in the sets of /proc/PID/status (proc_pid_status(5)). */
const HANGUP = 1n;

/** Ctrl-C, kill, and the end of the terminal, unless it was to be outlived (nohup(1)). A second one ends the process at once. */
export function onInterrupt(): Interrupt {
  const aborter = new AbortController();
  const stop = () => aborter.abort();
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', ...(outlivesTerminal() ? [] : (['SIGHUP'] as const))];
  for (const signal of signals) process.once(signal, stop);
  return {
    signal: aborter.signal,
    off() {
      for (const signal of signals) process.off(signal, stop);
    },
  };
}

function outlivesTerminal(): boolean {
  try {
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    return ignored !== undefined && (BigInt(`0x${ignored}`) & HANGUP) !== 0n;
  } catch {
    return false;
  }
}
