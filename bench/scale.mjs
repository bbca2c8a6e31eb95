/**
 * npm run bench:scale -- [--mib 1,10,100,300,1000] [--profiles icmp,icmp-hard,mixed] [--seed 7] [--dir DIR]
 *
 * Captures of three places in which it is known which packets were lost and where, from small to large: `vdiag analyze` must find
 * exactly those and no others, in memory that does not grow with the capture (200 MiB) and time that grows with it no faster than it
 * does. Exit status 1 where one of these does not hold. Needs gcc and the generator beside the project; each capture is deleted after it.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { demandBuild, fail, measured, table, vdiag } from './measure.mjs';
import { compared, generator, whyNoGenerator } from './truth.mjs';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '1,10,100,300,1000' },
    profiles: { type: 'string', default: 'icmp,icmp-hard,mixed' },
    seed: { type: 'string', default: '7' },
    dir: { type: 'string' },
  },
});
const MOST_MIB = 200;
/** Processor time per MiB of the largest over that of the one before it: more than this is no line. */
const MOST_BEND = 1.25;

demandBuild();
const why = whyNoGenerator();
if (why !== undefined) fail(why);
if (values.dir !== undefined) mkdirSync(values.dir, { recursive: true });
const folder = mkdtempSync(join(values.dir ?? tmpdir(), 'vdiag-scale-'));
let good = true;
try {
  const generate = generator(folder);
  for (const profile of values.profiles.split(',')) {
    const rows = [['MiB', 'frames', 'lost', 'missed', 'invented', 'wall s', 'CPU s', 'ns a frame', 'peak MiB', '']];
    const points = values.mib.split(',').map((mib) => point(generate, profile, Number(mib), rows));
    const bends = points.slice(1).map((later, index) => bend(points, index, later));
    process.stdout.write(`\n${profile}, seed ${values.seed}\n${table(rows)}\n`);
    if (bends.length > 0)
      process.stdout.write(
        `further CPU per further frame, over that of the step before: ${bends.map((b) => b.toFixed(2)).join(', ')}\n`,
      );
    // The first steps are the start of the program and the compiler at work.
    const last = points.at(-1)?.frames > 1_000_000 ? bends.at(-1) : undefined;
    if (last !== undefined && last > MOST_BEND) good = false;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(good ? '\nexact, bounded and linear\n' : '\nnot exact, not bounded or not linear: see above\n');
process.exitCode = good ? 0 : 1;

function point(generate, profile, mib, rows) {
  const file = join(folder, `${profile}-${mib}.pcapng`);
  const [traffic, ...how] = profile.split('-');
  generate(file, mib, [
    '--profile',
    traffic,
    '--format',
    'pcapng3',
    '--seed',
    values.seed,
    ...how.map((word) => `--${word}`),
  ]);
  const {
    wall,
    cpu,
    mib: memory,
    out,
  } = measured([process.execPath, vdiag, 'analyze', '--json', file], { keep: true });
  const { lost, missed, invented, counts } = compared(out, file);
  const { frames } = JSON.parse(out).summary;
  rmSync(file);
  const exact = missed.length + invented.length + counts.length === 0;
  if (!exact || memory > MOST_MIB) good = false;
  for (const line of [
    ...missed.map((line) => `missed ${line}`),
    ...invented.map((line) => `invented ${line}`),
    ...counts,
  ].slice(0, 20))
    process.stdout.write(`${profile} ${mib} MiB: ${line}\n`);
  const figures = [wall.toFixed(2), cpu.toFixed(2), Math.round((cpu / frames) * 1e9), Math.round(memory)];
  rows.push([
    mib,
    frames,
    lost,
    missed.length,
    invented.length,
    ...figures,
    exact && memory <= MOST_MIB ? 'ok' : 'NOT',
  ]);
  return { frames, cpu };
}

/** Slope of the last step over the slope of everything before it; 1 on a straight line. */
function bend(points, index, later) {
  const before = points[index];
  const first = points[Math.max(0, index - 1)];
  const slope = (later.cpu - before.cpu) / (later.frames - before.frames);
  const earlier = index === 0 ? before.cpu / before.frames : (before.cpu - first.cpu) / (before.frames - first.frames);
  return slope / earlier;
}
