/** Standard output, to the end: a pipe that is slow gets everything, one that is closed is no error. */

import type { Command } from 'commander';

/** False after `--no-color`, wherever on the command line it stands. */
export function wantsColor(command: Command): boolean {
  return command.optsWithGlobals<{ color?: boolean }>().color !== false;
}

/** Resolves when the text has been handed over. A reader that went away (`| head`) ends the command quietly. */
export function write(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? resolve() : reject(error));
    process.stdout.once('error', failed);
    process.stdout.write(text, () => {
      process.stdout.off('error', failed);
      resolve();
    });
  });
}
