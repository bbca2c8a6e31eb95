/** What the benches share: running a program and what it cost, medians, and rows of a table. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const vdiag = join(process.env.VDIAG_DIST ?? join(root, 'dist'), 'cli/main.js');

/** Modules of src/ alone, as vdiag has them but each importable by its own name: the folder they are in. */
export async function modulesOf(...entries) {
  const to = join(root, 'node_modules/.cache/vdiag-bench');
  const { bundle } = await import('../scripts/bundle.mjs');
  await bundle(root, { entries, to });
  return to;
}

/** No program measured here takes longer. */
const LONGEST_MS = 120_000;

/** Where Debian has them, for users whose PATH leaves them out. */
const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];

export function installed(program) {
  return program.includes('/') ? existsSync(program) : folders.some((folder) => existsSync(join(folder, program)));
}

/** Ends the bench with one line and what to do. */
export function fail(message) {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
}

export function demandBuild() {
  if (!existsSync(vdiag)) fail('vdiag is not built\n  npm run build');
  if (!installed('/usr/bin/time')) fail('/usr/bin/time is not there\n  apt-get install time');
}

/**
 * Runs a program to its end: wall and processor time in seconds, the largest memory it had in MiB, what it printed.
 * @param {readonly string[]} command
 * @param {{ keep?: boolean, statuses?: readonly number[] }} options keep: what it prints; statuses: that are no failure
 */
export function measured(command, { keep = false, statuses = [0, 1] } = {}) {
  const { status, stderr, stdout } = spawnSync('/usr/bin/time', ['-f', '%e %U %S %M', ...command], {
    stdio: ['ignore', keep ? 'pipe' : 'ignore', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 2 ** 29,
    timeout: LONGEST_MS,
    killSignal: 'SIGKILL',
  });
  if (!statuses.includes(status ?? -1)) fail(`${command.join(' ')}: exit ${status}\n${stderr}`);
  const [wall = 0, user = 0, system = 0, memory = 0] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { wall, cpu: user + system, mib: memory / 1024, out: stdout ?? '' };
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** "1.52 (1.40–1.71)": the median of the ratios of each round, and the least and the most of them. */
export function ratio(rounds, of, to, digits = 2) {
  const ratios = rounds.map((round) => of(round) / to(round));
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  return `${median(ratios).toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}

/** Columns as wide as their widest cell, the first to the left, the others to the `side`. */
export function table(rows, side = 'right') {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column] ?? '').length)));
  return rows
    .map((row) =>
      widths
        .map((width, column) => {
          const cell = String(row[column] ?? '');
          return column === 0 || side === 'left' ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
