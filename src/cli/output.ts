/** Standard output, to the end: a pipe that is slow gets everything, one that is closed is no error. */

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
