/** vdiag drops */

import { Command, InvalidArgumentError } from 'commander';
import { dropsJson, dropsText } from '../report/drops-text.ts';
import { jsonText } from '../report/json-text.ts';
import { detectTerminal, type Terminal } from '../report/terminal.ts';
import { type WatchedDrops, watchDrops } from '../session/watch-drops.ts';
import { version } from '../version.ts';
import { wantsColor, write } from './output.ts';

interface Flags {
  readonly for?: number;
  readonly netns?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `Examples:
  vdiag drops                      what is dropped now, until Ctrl-C
  vdiag drops --for 10 | cat       ten seconds, one table
  vdiag drops --for 5 --json | jq -r '.drops[] | select(.ordinary | not) | .reason'
`;

const NOTES = `
The kernel reports the drops of the whole machine and names the interface, but not its namespace: --netns shows those at
interfaces that have a name of that namespace. What is dropped on every healthy machine is folded into one line.

Exit status: 0 watched, 2 vdiag could not do it.`;

export function dropsCommand(): Command {
  return new Command('drops')
    .summary('what the kernel drops on this machine, and what it means')
    .description(
      'Counts the packets that the kernel of this machine drops, by reason, function and interface, each with what it means. Needs root; no eBPF; Linux 5.17 or later.',
    )
    .option('--for <seconds>', 'end after this time (default: at Ctrl-C)', seconds)
    .option('--netns <name|pid|path>', 'at interfaces named as in this network namespace')
    .option('-a, --all', 'do not fold the ordinary ones')
    .option('--json', 'one JSON document on standard output, at the end')
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', NOTES)
    .action(run);
}

async function run(flags: Flags, command: Command): Promise<void> {
  const interrupted = new AbortController();
  const stop = () => interrupted.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  // Nobody reads any more.
  process.stdout.once('close', stop);
  try {
    const terminal = detectTerminal(process.stdout, process.env, { color: wantsColor(command) });
    const live = process.stdout.isTTY === true && flags.json !== true;
    const screen = createScreen(terminal, flags);
    const watched = await watchDrops({
      ...(flags.for === undefined ? {} : { durationMs: flags.for * 1000 }),
      ...(flags.netns === undefined ? {} : { netns: flags.netns }),
      signal: interrupted.signal,
      ...(live ? { onProgress: screen.show } : {}),
    });
    if (flags.json) return await write(jsonText(dropsJson(watched, version())));
    screen.clear();
    await write(dropsText(watched, terminal, { all: flags.all === true }));
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    process.stdout.off('close', stop);
  }
}

/** Lines above are written over: erased from the cursor's new place down (ECMA-48 CUU, ED). */
function createScreen(terminal: Terminal, flags: Flags): { show(drops: WatchedDrops): void; clear(): void } {
  let lines = 0;
  const clear = (): void => {
    if (lines > 0) process.stdout.write(`\x1b[${lines}A\x1b[J`);
    lines = 0;
  };
  return {
    clear,
    show(drops) {
      clear();
      const height = Math.max(8, process.stdout.rows ?? 24);
      const text = dropsText(drops, terminal, { all: flags.all === true, rows: Math.floor(height / 3) });
      const shown = text
        .trimEnd()
        .split('\n')
        .slice(0, height - 1);
      lines = shown.length;
      process.stdout.write(`${shown.join('\n')}\n`);
    },
  };
}

function seconds(text: string): number {
  const value = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || value <= 0 || value > 86400)
    throw new InvalidArgumentError('seconds up to 86400 are wanted.');
  return value;
}
