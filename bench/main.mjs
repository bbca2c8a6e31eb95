/**
 * npm run bench -- [--quick] [--runs N] [--only start,verdict,live,offline,map] [--mib N] [--namespaces N]
 *
 * vdiag beside other programs on the same machine in the same run, in turns: one table of medians, of ratios (vdiag's figure over the
 * other's) with the least and the greatest, and of the bars that are set. What is not installed is shown as "not here". Packets are sent
 * in network namespaces of the bench's own alone. Exit status 1 where a bar is not held.
 */
import { cpus, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { demandBuild, table } from './measure.mjs';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    only: { type: 'string', default: 'start,verdict,live,offline,map' },
    mib: { type: 'string' },
    namespaces: { type: 'string' },
  },
});
const options = {
  runs: Number(values.runs ?? (values.quick ? 3 : 7)),
  mib: Number(values.mib ?? (values.quick ? 20 : 300)),
  namespaces: Number(values.namespaces ?? (values.quick ? 40 : 250)),
  seconds: values.quick ? 2 : 5,
};
demandBuild();

const SECTIONS = {
  start: async () => (await import('./verdict.mjs')).startRows(options),
  verdict: async () => (await import('./verdict.mjs')).verdictRows(options),
  live: async () => (await import('./live.mjs')).liveRows(options),
  offline: async () => (await import('./offline.mjs')).offlineRows(options),
  map: async () => (await import('./map.mjs')).mapRows(options),
};

const rows = [];
for (const name of values.only.split(',')) {
  const section = SECTIONS[name];
  if (section === undefined) {
    process.stderr.write(`bench: no such section: ${name}\n  there are ${Object.keys(SECTIONS).join(', ')}\n`);
    process.exit(2);
  }
  process.stderr.write(`measuring: ${name}\n`);
  rows.push(...(await section()));
}
const { model } = cpus()[0] ?? { model: 'unknown' };
const machine = `${cpus().length} × ${model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.versions.node}`;
process.stdout.write(`${machine}; ${options.runs} rounds\n\n`);
process.stdout.write(
  `${table([['measured', 'beside', 'vdiag', 'the other', 'time ratio (least–most)', 'CPU ratio', 'bar'], ...rows])}\n`,
);
process.exitCode = rows.some((row) => String(row[6] ?? '').startsWith('FAILS')) ? 1 : 0;
