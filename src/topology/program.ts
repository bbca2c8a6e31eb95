/** Running iproute2, nftables and iptables inside a namespace, a few at once, and reading the JSON they print. */
import { type ChildProcess, execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { VdiagError } from '../linux/error.ts';
import { printedText } from '../linux/name-text.ts';
import { insideNetns, type NetnsHandle } from '../linux/netns.ts';
import { document, documents } from './json.ts';

/** Output beyond this is not believed: a routing table of a full BGP feed has about this size. */
const maxOutputBytes = 64 * 1024 * 1024;
/** What all programs that run at the same time may have printed, together. */
const maxHeldBytes = 128 * 1024 * 1024;
/** For a program that has printed too much before. */
const distrustedBytes = 1024 * 1024;
/** A program that has not ended by then, and neither prints nor computes, has hung. */
const defaultTimeoutMs = 5000;
/** So many times as long it may compute: listing 20 000 rules takes some seconds, and on a busy machine many. */
const PATIENCE = 8;
const defaultAtOnce = 8;

/** What a program printed, or why there is nothing: `missing` the program, `vanished` the namespace, `failed` anything else. */
export type Outcome =
  | { readonly kind: 'ok'; readonly stdout: string }
  | { readonly kind: 'missing' | 'vanished' | 'failed'; readonly reason: string; readonly cause?: unknown };

/**
 * Runs a program inside a namespace; never rejects, and never starts a shell.
 *
 * @param words arguments, passed as they are
 * @param input for its standard input
 */
export type RunProgram = (
  at: NetnsHandle,
  program: string,
  words: readonly string[],
  input?: string,
) => Promise<Outcome>;

export interface RunnerOptions {
  /** Kills what runs, and lets nothing more begin. */
  readonly signal?: AbortSignal | undefined;
  /** Programs running at the same time. */
  readonly atOnce?: number;
  /** For each program, as long as it neither prints nor uses the processor; all in all eight times as much. */
  readonly timeoutMs?: number;
}

export function programRunner(options: RunnerOptions = {}): RunProgram {
  const limit = options.atOnce ?? defaultAtOnce;
  const waiting: (() => void)[] = [];
  let running = 0;
  const held: Held = { bytes: 0, distrusted: new Set() };
  return async (at, program, words, input) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await start(options, held, at, program, words, input ?? '');
    } finally {
      // The place goes to the next one directly, so that nobody slips in between.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

/** What the programs of one runner have printed and nobody has read yet, and which of them printed too much. */
interface Held {
  bytes: number;
  readonly distrusted: Set<string>;
}

function start(
  options: RunnerOptions,
  held: Held,
  at: NetnsHandle,
  program: string,
  words: readonly string[],
  input: string,
): Promise<Outcome> {
  if (options.signal?.aborted) return Promise.resolve({ kind: 'failed', reason: 'interrupted' });
  return new Promise((resolve) => {
    const settings = {
      cwd: '/',
      // Debian keeps these programs out of an ordinary user's PATH.
      env: { PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C' },
      // A byte each: names in it need not be UTF-8.
      encoding: 'latin1' as const,
      maxBuffer: held.distrusted.has(program) ? distrustedBytes : maxOutputBytes,
      killSignal: 'SIGKILL' as const,
      ...(options.signal && { signal: options.signal }),
    };
    let printed = 0;
    let tooMuch = false;
    try {
      insideNetns(at, () => {
        const child = execFile(program, words, settings, (error, stdout, stderr) => {
          limit.end();
          held.bytes -= printed;
          if (tooMuch) resolve({ kind: 'failed', reason: 'printed too much', cause: error });
          else if (!error) resolve({ kind: 'ok', stdout: textOf(stdout) });
          else if (error.code === 'ENOENT') resolve({ kind: 'missing', reason: 'not installed' });
          // Also where it is nowhere, but a directory of PATH is closed to this user (execvp(3)).
          else if (error.code === 'EACCES') resolve({ kind: 'missing', reason: 'not installed or not executable' });
          else resolve({ kind: 'failed', reason: reasonOf(error, textOf(stderr)), cause: error });
        });
        const limit = limited(child, () => printed, options.timeoutMs ?? defaultTimeoutMs);
        child.stdout?.on('data', (chunk: string) => {
          printed += chunk.length;
          held.bytes += chunk.length;
          if (held.bytes > maxHeldBytes || printed > maxOutputBytes) held.distrusted.add(program);
          if (held.distrusted.has(program) && printed > distrustedBytes) tooMuch ||= child.kill('SIGKILL');
        });
        // A program that ends before it has read everything is no error of ours.
        child.stdin?.on('error', () => {});
        child.stdin?.end(input);
      });
    } catch (cause) {
      resolve({ kind: 'vanished', reason: cause instanceof Error ? cause.message : String(cause), cause });
    }
  });
}

/** Kills a program when its time is over and it does nothing, or when it takes too long altogether. */
function limited(child: ChildProcess, printed: () => number, timeoutMs: number): { end(): void } {
  let before = '';
  let looks = 0;
  const timer = setInterval(() => {
    const now = `${printed()} ${processorTime(child.pid)}`;
    looks++;
    if ((looks >= 2 && now === before) || looks >= 2 * PATIENCE) child.kill('SIGKILL');
    before = now;
  }, timeoutMs / 2);
  return { end: () => clearInterval(timer) };
}

/** Ticks it has used, in user mode and in the kernel (proc_pid_stat(5)); 0 where that is not to be had. */
function processorTime(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}

function textOf(printed: string): string {
  return printedText(Buffer.from(printed, 'latin1'));
}

function reasonOf(
  error: Error & { killed?: boolean; code?: unknown; signal?: string | null | undefined },
  stderr: string,
): string {
  if (error.code === 'ABORT_ERR') return 'interrupted';
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return 'printed too much';
  if (error.killed) return 'took too long';
  const line = stderr.split('\n').find((candidate) => candidate.trim() !== '');
  const end = error.signal ? `ended by ${error.signal}` : `exit status ${String(error.code)}`;
  return (line ?? end).trim().slice(0, 200);
}

/**
 * Throws where ip itself is the trouble: without an answer the tables would look empty.
 * @throws VdiagError `missing-program`
 */
export function refuseUnfitIp(failure: Exclude<Outcome, { kind: 'ok' }>): void {
  const install = 'apt-get install iproute2';
  if (failure.kind === 'missing')
    throw new VdiagError('missing-program', `the program ip (iproute2) is ${failure.reason}`, install);
  if (/no JSON|unknown|unrecognized|invalid option|usage|busybox/i.test(failure.reason))
    throw new VdiagError('missing-program', 'the program ip here prints no JSON (ip -j)', `${install} (4.18 or newer)`);
}

/** The answer to one question: JSON, or why there is none. */
export type Answer = { readonly json: unknown } | { readonly failure: Exclude<Outcome, { kind: 'ok' }> };

/**
 * Asks several questions of `ip` or `bridge` in one process (`-batch`). When one of them fails, the program stops there and
 * it is not certain which document answers which question: then each is asked by itself.
 *
 * @param words options before the question: `['-4', '-j', '-d']`
 * @param questions each as one would type it: `route show table all`
 */
export async function ask(
  run: RunProgram,
  at: NetnsHandle,
  program: string,
  words: readonly string[],
  questions: readonly string[],
): Promise<Answer[]> {
  if (questions.length > 1) {
    const outcome = await run(at, program, [...words, '-batch', '-'], `${questions.join('\n')}\n`);
    if (outcome.kind === 'missing' || outcome.kind === 'vanished') return questions.map(() => ({ failure: outcome }));
    const answers = outcome.kind === 'ok' ? documents(outcome.stdout) : undefined;
    if (answers?.length === questions.length) return answers.map((json) => ({ json }));
  }
  return Promise.all(
    questions.map(async (question) => readJson(await run(at, program, [...words, ...question.split(' ')]))),
  );
}

/** The one JSON document a program printed; nothing at all is an empty list. */
export function readJson(outcome: Outcome): Answer {
  if (outcome.kind !== 'ok') return { failure: outcome };
  if (outcome.stdout.trim() === '') return { json: [] };
  const json = document(outcome.stdout);
  return json === undefined ? { failure: { kind: 'failed', reason: 'printed no JSON' } } : { json };
}
