/** Standard output, to the end: a pipe that is slow gets everything, one that is closed is no error. */

import type { Command } from 'commander';
import { printable } from '../report/printable.ts';

/** False after `--no-color`, wherever on the command line it stands. */
export function wantsColor(command: Command): boolean {
  return command.optsWithGlobals<{ color?: boolean }>().color !== false;
}

/** Installs what a command needs before it writes: a reader that went away (`| head`) is no error. */
export function tolerateClosedPipe(stream: NodeJS.WriteStream): void {
  let said = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || stream === process.stderr || said) return;
    said = true;
    process.stderr.write(`vdiag: cannot write the output: ${reasonIn(error)}\n  make room, or write somewhere else\n`);
    process.exitCode = 2;
  });
}

/** What was chosen for the user, on standard error: standard output belongs to the report. */
export function note(line: string): void {
  process.stderr.write(`vdiag: ${printable(line, false)}\n`);
}

/** Resolves when the text has been handed over, or when nobody reads any more. */
export async function write(text: string): Promise<void> {
  await writePart(text);
}

/** As `write`, for output in many parts: false when nobody reads any more, so that no more need be made. */
export function writePart(text: string): Promise<boolean> {
  return new Promise((resolve) => {
    // What went wrong is said by the handler of `tolerateClosedPipe`.
    process.stdout.write(text, (error) => resolve(error === null || error === undefined));
  });
}

/** Resolves when everything that was written before has been handed over, or when nobody reads any more. */
export async function handedOver(): Promise<void> {
  for (const stream of [process.stdout, process.stderr])
    if (!stream.destroyed && stream.writableLength > 0) await new Promise((resolve) => stream.write('', resolve));
}

/** "no space left on device" of "ENOSPC: no space left on device, write". */
function reasonIn({ message }: Error): string {
  return /^[A-Z0-9]+: (.*), \w+$/.exec(message)?.[1] ?? message;
}
