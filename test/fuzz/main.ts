/**
 * npm run fuzz -- [--count N] [--seed S] [--target NAME] [--only INDEX] [--minutes M] [--corpus DIR] [--state FILE]
 *
 * Runs inputs FROM … N of a seed over every reader and decoder. Where it stands is in the state file, and the next call with the
 * same seed goes on from there. A thread runs the inputs; this one watches it: an input that ends in no time at all, or takes the
 * thread with it, is a finding like any other error, and the run goes on behind it. Exit status 1 where there are findings.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { type FuzzFinding, noted } from './finding.ts';
import { readSeeds } from './seeds.ts';
import { inputAt, TARGETS } from './targets.ts';
import type { Told, Work } from './work.ts';

/** build/test/fuzz/main.js */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    target: { type: 'string' },
    only: { type: 'string' },
    minutes: { type: 'string', default: '600' },
    corpus: { type: 'string', default: process.env.VDIAG_CORPUS ?? join(root, '../shared/corpus') },
    state: { type: 'string' },
  },
});

/** No input may take longer while the processor is ours so long; a machine may have other things to do. */
const HANG_MS = 60_000;
const HANG_CPU_MS = 15_000;
/** Nor longer than this at all: it waits for what never comes. */
const STUCK_MS = 900_000;

interface State {
  readonly seed: number;
  readonly digest: string;
  readonly target: string;
  done: number;
  seconds: number;
  readonly counts: Record<string, number>;
  readonly findings: FuzzFinding[];
}

const seed = Number(values.seed);
const count = Number(values.count);
const corpus = values.corpus;
const seeds = readSeeds(root, corpus);
const target = TARGETS.find(({ name }) => name === values.target);
if (values.target !== undefined && target === undefined)
  fail(`no such target: ${values.target}\n  there are ${TARGETS.map(({ name }) => name).join(', ')}`);
for (const gap of seeds.gaps) console.error(`fuzz: ${gap}`);
if (values.only === undefined) await fuzz();
else await one(Number(values.only));

/** One input, here and now, with its whole stack. */
async function one(index: number): Promise<void> {
  const drawn = inputAt(seeds, seed, index, target);
  const folder = join(root, 'build/inputs');
  mkdirSync(folder, { recursive: true });
  for (const [part, content] of drawn.input.entries()) {
    const path = join(folder, `${seed}-${index}.${part}`);
    writeFileSync(path, content);
    console.log(`${drawn.target.name}: ${path}`);
  }
  await drawn.target.run(drawn.input);
  console.log('nothing was thrown');
}

async function fuzz(): Promise<void> {
  const path = values.state ?? join(root, `build/fuzz-${seed}${target ? `-${target.name}` : ''}.json`);
  const state = resumed(path);
  const begun = performance.now();
  const before = state.seconds;
  const deadline = begun + Number(values.minutes) * 60_000;
  if (state.done > 0) console.log(`going on from input ${state.done} of seed ${seed}`);
  while (state.done < count && performance.now() < deadline) {
    await stretch(state, deadline, () => {
      state.seconds = before + Math.round((performance.now() - begun) / 1000);
      save(path, state);
    });
    save(path, state);
  }
  console.log(`${state.done} inputs of seed ${seed} (corpus ${state.digest}) in ${state.seconds} s`);
  for (const [name, inputs] of Object.entries(state.counts).sort(([, a], [, b]) => b - a))
    console.log(`  ${name.padEnd(12)} ${String(inputs).padStart(8)}`);
  console.log(state.findings.length === 0 ? 'no findings' : `${state.findings.length} findings:`);
  for (const { kind, target: name, index, what, count: times } of state.findings)
    console.log(`  ${kind} in ${name}, ${times} times, first --seed ${seed} --only ${index}: ${what}`);
  process.exitCode = state.findings.length === 0 ? 0 : 1;
}

function resumed(path: string): State {
  const fresh = {
    seed,
    digest: seeds.digest,
    target: target?.name ?? '',
    done: 0,
    seconds: 0,
    counts: {},
    findings: [],
  };
  if (!existsSync(path)) return fresh;
  const known: State = JSON.parse(readFileSync(path, 'utf8'));
  if (known.seed !== seed || known.target !== fresh.target)
    fail(`${path} is of another run\n  name another one with --state FILE`);
  if (known.digest !== seeds.digest)
    console.error(`fuzz: the files to start from have changed since input ${known.done}`);
  return known;
}

/** Whole or not at all: the run may be ended at any moment. */
function save(path: string, state: State): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, `${JSON.stringify(state, undefined, 1)}\n`);
  renameSync(`${path}.new`, path);
}

/** Until the end, the deadline, or an input that the thread does not survive. */
async function stretch(state: State, deadline: number, onSaved: () => void): Promise<void> {
  const progress = new SharedArrayBuffer(8);
  const words = new Int32Array(progress);
  words.fill(state.done);
  const work: Work = { root, corpus, seed, from: state.done, until: count, only: target?.name, progress };
  const limits = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };
  const worker = new Worker(new URL('work.js', import.meta.url), { workerData: work, resourceLimits: limits });
  let told = state.done;
  let gone = false;
  const lost = (kind: FuzzFinding['kind'], what: string): void => {
    const index = Atomics.load(words, 0);
    // Not made again here: it may be the making that has no end.
    noted(state.findings, { kind, target: target?.name ?? 'any', index, what, count: 1 });
    console.log(`${kind}, input ${index}: ${what}`);
    state.done = index + 1;
  };
  await new Promise<void>((resolve) => {
    let at = -1;
    let since = performance.now();
    let cpuSince = cpuMs();
    const watch = setInterval(() => {
      const now = Atomics.load(words, 0);
      if (now !== at) [at, since, cpuSince] = [now, performance.now(), cpuMs()];
      else if (!gone && isHang(performance.now() - since, cpuMs() - cpuSince)) {
        gone = true;
        lost('hang', `no end after ${Math.round((performance.now() - since) / 1000)} s`);
        void worker.terminate();
      }
      if (performance.now() > deadline) {
        state.done = Math.max(state.done, told);
        void worker.terminate();
      }
    }, 250);
    worker.on('message', (message: Told) => {
      if (message.kind === 'finding') {
        noted(state.findings, message.finding);
        const { kind, target: name, index, what } = message.finding;
        if (state.findings.at(-1) === message.finding) console.log(`${kind} in ${name}, input ${index}: ${what}`);
        return;
      }
      for (const [name, inputs] of Object.entries(message.counts))
        state.counts[name] = (state.counts[name] ?? 0) + inputs;
      told = message.until;
      state.done = told;
      onSaved();
    });
    worker.on('error', (error) => lost('crash', `${error.name}: ${error.message}`.slice(0, 200)));
    worker.on('exit', () => {
      clearInterval(watch);
      resolve();
    });
  });
}

/** Of this process, all threads. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function isHang(wallMs: number, usedMs: number): boolean {
  return (wallMs > HANG_MS && usedMs > HANG_CPU_MS) || wallMs > STUCK_MS;
}

function fail(message: string): never {
  console.error(`fuzz: ${message}`);
  process.exit(2);
}
