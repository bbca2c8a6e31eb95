/** The thread that runs the inputs. It says which one it is at in shared memory, so that a hang can be told from outside. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { VdiagError } from '../../src/linux/error.ts';
import { type FuzzFinding, whatOf } from './finding.ts';
import { readSeeds } from './seeds.ts';
import { inputAt, TARGETS } from './targets.ts';

export interface Work {
  readonly root: string;
  readonly corpus: string;
  readonly seed: number;
  readonly from: number;
  readonly until: number;
  readonly only: string | undefined;
  /** Two words: the input it is at, and how many are done. */
  readonly progress: SharedArrayBuffer;
}

export type Told =
  | { readonly kind: 'counts'; readonly until: number; readonly counts: Readonly<Record<string, number>> }
  | { readonly kind: 'finding'; readonly finding: FuzzFinding };

/** An input of at most 64 KiB that takes this long, three times over, is slow; milliseconds of this process's own time. */
const SLOW_MS = 1500;
/** Of the whole process: heap, buffers and the code itself. */
const MOST_BYTES = 640 * 2 ** 20;
const BATCH = 64;

async function main(work: Work): Promise<void> {
  const seeds = readSeeds(work.root, work.corpus);
  const only = TARGETS.find(({ name }) => name === work.only);
  const progress = new Int32Array(work.progress);
  const tell = (told: Told) => parentPort?.postMessage(told);
  let counts: Record<string, number> = {};
  let sent = performance.now();
  for (let index = work.from; index < work.until; index++) {
    Atomics.store(progress, 0, index);
    const { target, input } = inputAt(seeds, work.seed, index, only);
    const finding = (kind: FuzzFinding['kind'], what: string, stack?: string): void =>
      tell({
        kind: 'finding',
        finding: { kind, target: target.name, index, what, count: 1, ...(stack ? { stack } : {}) },
      });
    const run = async (): Promise<number> => {
      const before = process.cpuUsage().user;
      try {
        await target.run(input);
      } catch (error) {
        if (!(error instanceof VdiagError)) {
          const { what, stack } = whatOf(error);
          finding('exception', what, stack);
        } else if (/[\n\r\u001b]/.test(error.message))
          finding('exception', `more than a line: ${JSON.stringify(error.message)}`);
      }
      return (process.cpuUsage().user - before) / 1000;
    };
    let took = await run();
    for (let again = 0; again < 2 && took > SLOW_MS; again++) took = Math.min(took, await run());
    if (took > SLOW_MS) finding('slow', `${Math.round(took)} ms`);
    counts[target.name] = (counts[target.name] ?? 0) + 1;
    Atomics.store(progress, 1, index + 1);
    if (index % BATCH === 0 && peakBytes() > MOST_BYTES) {
      finding('memory', `${Math.round(peakBytes() / 2 ** 20)} MiB, at one of the ${BATCH} inputs up to here`);
      forgetPeak();
    }
    if (performance.now() - sent > 1000 || index + 1 === work.until) {
      tell({ kind: 'counts', until: index + 1, counts });
      counts = {};
      sent = performance.now();
      // Lets messages out.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** VmHWM, proc_pid_status(5). */
function peakBytes(): number {
  return Number(/^VmHWM:\s*(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1024;
}

/** proc_pid_clear_refs(5) */
function forgetPeak(): void {
  writeFileSync('/proc/self/clear_refs', '5');
}

await main(workerData);
