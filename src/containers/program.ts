/** A runtime's own client, asked for JSON: no shell, an end to its time and its output. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { document } from '../topology/json.ts';

const maxOutputBytes = 32 * 1024 * 1024;
/** Debian keeps such programs out of an ordinary user's PATH. */
const systemPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin', '/snap/bin'];

function searchPath(): string[] {
  return [...new Set([...(process.env.PATH ?? '').split(':').filter((part) => part.startsWith('/')), ...systemPath])];
}

/** Is the program installed? */
export function installed(program: string): boolean {
  return searchPath().some((directory) => {
    try {
      accessSync(`${directory}/${program}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * The JSON that the program prints.
 * @param words arguments, passed as they are
 * @throws Error with one line: not installed, too slow, failed, no JSON
 */
export function askJson(program: string, words: readonly string[], timeoutMs: number): Promise<unknown> {
  const settings = {
    cwd: '/',
    env: { ...process.env, PATH: searchPath().join(':'), LC_ALL: 'C' },
    encoding: 'utf8' as const,
    maxBuffer: maxOutputBytes,
    timeout: timeoutMs,
    killSignal: 'SIGKILL' as const,
  };
  return new Promise((resolve, reject) => {
    const child = execFile(program, words, settings, (error, stdout, stderr) => {
      if (error?.killed) return reject(new Error(`does not answer within ${timeoutMs} ms`));
      if (error) return reject(new Error((stderr.trim().split('\n')[0] || error.message).slice(0, 200)));
      const json = document(stdout);
      if (json === undefined) reject(new Error('prints no JSON'));
      else resolve(json);
    });
    child.stdin?.end();
  });
}
