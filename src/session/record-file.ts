/** A file that is never left with half a block at its end: what could not be written whole is taken back. */
import { closeSync, fstatSync, ftruncateSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { VdiagError } from '../linux/error.ts';

export interface OutputFile {
  readonly path: string;
  /** False for a device or a named pipe: it has no name that something could stand beside. */
  readonly isRegular: boolean;
  readonly bytes: number;
  /** @throws VdiagError unwritable; the file then ends where it ended before */
  append(block: Uint8Array): void;
  /** Idempotent. */
  close(): void;
}

/**
 * Creates a file, or empties the one that is there, as tcpdump -w does.
 * @throws VdiagError unwritable
 */
export function openOutputFile(path: string): OutputFile {
  const fd = attempt(path, () => openSync(path, 'w'));
  const isRegular = fstatSync(fd).isFile();
  let bytes = 0;
  let open = true;
  return {
    path,
    isRegular,
    get bytes() {
      return bytes;
    },
    append(block) {
      attempt(path, () => {
        try {
          // At a position of its own: where the end was taken back, the descriptor's is behind it.
          for (let at = 0; at < block.length; )
            at += writeSync(fd, block, at, block.length - at, isRegular ? bytes + at : null);
        } catch (cause) {
          if (isRegular) ftruncateSync(fd, bytes);
          throw cause;
        }
      });
      bytes += block.length;
    },
    close() {
      if (!open) return;
      open = false;
      attempt(path, () => closeSync(fd));
    },
  };
}

/**
 * Writes a whole file at once: whoever looks sees the old one or the new one, also when this program is killed meanwhile.
 * @throws VdiagError unwritable; the old one is still there then
 */
export function replaceFile(path: string, text: string): void {
  const beside = join(dirname(path), `.${basename(path)}.${process.pid}`);
  attempt(path, () => {
    try {
      writeFileSync(beside, text);
      renameSync(beside, path);
    } catch (cause) {
      rmSync(beside, { force: true });
      throw cause;
    }
  });
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/** "cannot write night.pcapng: no space left on device" */
function unwritable(path: string, cause: unknown): VdiagError {
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  const reason = cause instanceof Error ? cause.message : String(cause);
  // "ENOSPC: no space left on device, write"
  const words = /^[A-Z0-9]+: (.*?), \w+(?: '.*)?$/.exec(reason)?.[1] ?? reason;
  const hint =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'make room, or keep less: --ring SIZE, -s BYTES'
      : 'choose another file with -w';
  return new VdiagError('unwritable', `cannot write ${path}: ${words}`, hint, { cause });
}
