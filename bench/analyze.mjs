/**
 * Reading and analyzing captures, beside the peers on the same files in one run.
 *
 *     node bench/analyze.mjs [--runs N] [--icmp MIB] [--mixed MIB] [--dir DIR]
 *
 * Makes the captures with the generator of the shared corpus (needs gcc), then runs every program in turns, N times each (default 5),
 * and prints the median of the wall times, the CPU time, the peak memory, and the ratio of each program's time to vdiag's, pair by pair.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    icmp: { type: 'string', default: '300' },
    mixed: { type: 'string', default: '1024' },
    dir: { type: 'string' },
  },
});
const root = fileURLToPath(new URL('..', import.meta.url));
const vdiag = join(root, 'dist/cli/main.js');
const generator = join(root, '../shared/corpus/gen/gen_big.c');
const reader = fileURLToPath(new URL('pcap-parser.mjs', import.meta.url));

if (!existsSync(vdiag)) fail('build first: npm run build');
if (!existsSync(generator)) fail(`the generator is not there: ${generator}`);

const directory = values.dir ?? mkdtempSync(join(tmpdir(), 'vdiag-bench-'));
try {
  const made = join(directory, 'gen_big');
  run(['gcc', '-O2', '-o', made, generator]);
  const icmp = capture('icmp', 'pcapng3', values.icmp);
  const mixed = capture('mixed', 'pcapng3', values.mixed);
  const plain = capture('icmp', 'pcap-us', values.icmp);
  compare(icmp, [
    ['vdiag analyze', ['node', vdiag, 'analyze', '--json', icmp]],
    ['capinfos', ['capinfos', icmp]],
    ['tshark io,phs', ['tshark', '-r', icmp, '-q', '-z', 'io,phs']],
    ['tcpdump --count', ['tcpdump', '-r', icmp, '--count']],
    ['cat', ['cat', icmp]],
  ]);
  compare(mixed, [
    ['vdiag analyze', ['node', vdiag, 'analyze', '--json', mixed]],
    ['tcpdump -nr', ['tcpdump', '-nr', mixed]],
    ['tshark io,phs', ['tshark', '-r', mixed, '-q', '-z', 'io,phs']],
    ['tcpdump --count', ['tcpdump', '-r', mixed, '--count']],
    ['capinfos', ['capinfos', mixed]],
    ['cat', ['cat', mixed]],
  ]);
  compare(plain, [
    ['vdiag frames', ['node', vdiag, 'frames', plain]],
    ['vdiag analyze', ['node', vdiag, 'analyze', '--json', plain]],
    ['pcap-parser', ['node', reader, plain]],
    ['tcpdump -nr', ['tcpdump', '-nr', plain]],
    ['cat', ['cat', plain]],
  ]);

  function capture(profile, format, mib) {
    const file = join(directory, `${profile}-${mib}.${format === 'pcapng3' ? 'pcapng' : 'pcap'}`);
    const bytes = String(Number(mib) * 2 ** 20);
    if (!existsSync(file))
      run([made, '--profile', profile, '--format', format, '--bytes', bytes, '--seed', '7', '--out', file]);
    return file;
  }
} finally {
  if (values.dir === undefined) rmSync(directory, { recursive: true, force: true });
}

/** One row per program: medians, and the ratio to the first of them. */
function compare(file, programs) {
  const installed = programs.filter(([, [program]]) => spawnSync('which', [program]).status === 0);
  const rounds = [];
  // The first round warms the page cache.
  for (let round = 0; round <= Number(values.runs); round++) {
    const times = installed.map(([, command]) => timed(command));
    if (round > 0) rounds.push(times);
  }
  console.log(
    `\n${file.split('/').at(-1)}: ${(statSync(file).size / 2 ** 20).toFixed(0)} MiB, ${values.runs} runs in turns`,
  );
  console.log('                      wall s   cpu s   peak MiB   times vdiag (least–most)');
  for (const [index, [name]] of installed.entries()) {
    const own = rounds.map((times) => times[index]);
    const ratios = rounds.map((times) => times[index].wall / times[0].wall);
    const spread = `${ratios.reduce((a, b) => Math.min(a, b)).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
    console.log(
      name.padEnd(18),
      median(own.map(({ wall }) => wall))
        .toFixed(2)
        .padStart(9),
      median(own.map(({ cpu }) => cpu))
        .toFixed(2)
        .padStart(7),
      (median(own.map(({ memory }) => memory)) / 1024).toFixed(0).padStart(10),
      median(ratios).toFixed(2).padStart(9),
      index === 0 ? '' : ` (${spread})`,
    );
  }
}

/** Seconds and KiB of one run, by the system's own accounting; what it prints is thrown away. */
function timed(command) {
  const { status, stderr } = spawnSync('/usr/bin/time', ['-f', '%e %U %S %M', ...command], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  // 1: vdiag has found what is wrong in the capture.
  if (status !== 0 && status !== 1) fail(`${command.join(' ')}: exit ${status}\n${stderr}`);
  const [wall = 0, user = 0, system = 0, memory = 0] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { wall, cpu: user + system, memory };
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

function run([program, ...args]) {
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) fail(`${program}: ${error?.message ?? `exit ${status}`}`);
}

function fail(message) {
  console.error(`bench: ${message}`);
  process.exit(2);
}
