/** A file that is never left with half a block at its end: what could not be written whole is taken back. */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
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
 * Creates a file, or empties the one that is there, as tcpdump -w does. One that was created and got nothing is taken away again.
 * @throws VdiagError unwritable
 */
export function openOutputFile(path: string): OutputFile {
  const before = kindOf(path);
  const fd = attempt(path, () => (before === 'pipe' ? openPipe(path) : openSync(path, 'w')));
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
      if (before === 'nothing' && isRegular && bytes === 0) rmSync(path, { force: true });
    },
  };
}

/**
 * Writes a whole text, to a file, a device or a pipe; what there is no room for leaves no half of it.
 * @throws VdiagError unwritable
 */
export function writeWhole(path: string, text: string): void {
  const file = openOutputFile(path);
  try {
    file.append(Buffer.from(text));
  } finally {
    file.close();
  }
}

function kindOf(path: string): 'nothing' | 'pipe' | 'other' {
  try {
    return statSync(path).isFIFO() ? 'pipe' : 'other';
  } catch {
    return 'nothing';
  }
}

/** Opening a pipe that nobody reads would wait, and no signal would end it. */
function openPipe(path: string): number {
  const found = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    return openSync(path, 'w');
  } finally {
    closeSync(found);
  }
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
  if (code === 'ENXIO')
    return new VdiagError('unwritable', `nobody reads the pipe ${path}`, 'start its reader first', { cause });
  const hint =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'make room, or choose a file elsewhere; record keeps less with --ring SIZE or -s BYTES'
      : 'choose another file';
  return new VdiagError('unwritable', `cannot write ${path}: ${words}`, hint, { cause });
}
