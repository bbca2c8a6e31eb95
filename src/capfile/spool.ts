/** Keeps what a stream brought in a temporary file without a name, so that it can be read again and nothing is left behind. */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Spool {
  #fd: number | undefined;

  /** @param directory where the file is made; where it cannot be, nothing is kept */
  constructor(directory = tmpdir()) {
    let made: string | undefined;
    try {
      made = mkdtempSync(join(directory, 'vdiag-'));
      this.#fd = openSync(join(made, 'spool'), 'wx+', 0o600);
    } catch {
      this.#fd = undefined;
    } finally {
      // The open file lives on without its name.
      if (made !== undefined) rmSync(made, { recursive: true, force: true });
    }
  }

  /** Appends; a full disk ends the keeping, not the reading. */
  add(bytes: Uint8Array): void {
    if (this.#fd === undefined) return;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    } catch {
      this.close();
    }
  }

  /** The file once more, for a reader of its own; undefined where nothing could be kept. */
  reopen(): number | undefined {
    return this.#fd === undefined ? undefined : openSync(`/proc/self/fd/${this.#fd}`, 'r');
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
