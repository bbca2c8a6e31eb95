/**
 * npm run endurance -- [--fuzz N] [--kills N] [--quick] [--only faults,kills,stress,fuzz,bench]
 *
 * How hard vdiag is to break and how fast it is, in one run: a table of what happened during a trace and what the report said, the
 * runs that were killed, much of everything, wrong inputs, and the bench beside other programs. About an hour; with --quick a tenth.
 * Everything is in namespaces of its own, and bounded. Exit status 1 where something was wrong or a bar is not held.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { demandBuild, fail, root, table } from './measure.mjs';

const { values } = parseArgs({
  options: {
    fuzz: { type: 'string' },
    kills: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: 'faults,kills,stress,fuzz,bench' },
  },
});
const fuzzed = values.fuzz ?? (values.quick ? '20000' : '1000000');
const kills = values.kills ?? (values.quick ? '20' : '200');
const quick = values.quick ? ['--quick'] : [];
const vitest = join(root, 'node_modules/vitest/vitest.mjs');

const SECTIONS = {
  faults: ['What happened during a trace, and what was said of it', faults],
  kills: [
    `Ended by a signal at a random moment, ${kills} times`,
    () => tests(['test/cli/kill.test.ts'], { VDIAG_KILL_RUNS: kills }),
  ],
  stress: [
    'Much of everything',
    () => program('bash', [join(root, 'bench/stress.sh'), ...(values.quick ? ['60', '40', '2000'] : [])]),
  ],
  fuzz: ['Wrong input', () => program(process.execPath, [join(root, 'scripts/fuzz.mjs'), '--count', fuzzed])],
  bench: ['Beside other programs', () => program(process.execPath, [join(root, 'bench/main.mjs'), ...quick])],
};

demandBuild();
const wrong = [];
for (const name of values.only.split(',')) {
  const section = SECTIONS[name];
  if (section === undefined) fail(`no such section: ${name}\n  there are ${Object.keys(SECTIONS).join(', ')}`);
  const [title, runSection] = section;
  process.stdout.write(`\n## ${title}\n\n`);
  if (!runSection()) wrong.push(title);
}
process.stdout.write(wrong.length === 0 ? '\nnothing was wrong\n' : `\nwrong: ${wrong.join('; ')}\n`);
process.exitCode = wrong.length === 0 ? 0 : 1;

function program(command, args, env = {}) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  return status === 0;
}

function tests(files, env) {
  return program(process.execPath, [vitest, 'run', '--reporter=dot', ...files], env);
}

function faults() {
  const directory = mkdtempSync(join(tmpdir(), 'vdiag-endurance-'));
  const file = join(directory, 'faults.ndjson');
  try {
    const right = tests(['test/session/live-faults.test.ts', 'test/session/overflow.test.ts'], {
      VDIAG_FAULT_TABLE: file,
    });
    const rows = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const cells = rows.map(({ fault, outcome, named, title, changes }) => [
      fault,
      outcome,
      named,
      [title, ...changes].filter(Boolean).join('; '),
    ]);
    process.stdout.write(`${table([['during the trace', 'outcome', 'named', 'said'], ...cells], 'left')}\n`);
    return right;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
