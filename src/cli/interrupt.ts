/** Signals that end a command early: what it has by then is still told and written. */

export interface Interrupt {
  readonly signal: AbortSignal;
  /** The next signal ends the process, as it does every other. */
  off(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ctrl-C, kill, and the end of the terminal (Node lets nobody ignore that: nohup(1) has no effect). A second one ends the process at once. */
export function onInterrupt(): Interrupt {
  const aborter = new AbortController();
  const stop = () => aborter.abort();
  for (const signal of SIGNALS) process.once(signal, stop);
  return {
    signal: aborter.signal,
    off() {
      for (const signal of SIGNALS) process.off(signal, stop);
    },
  };
}
