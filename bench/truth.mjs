/** Captures made by the generator that lies beside the project, and whether an analysis of one says exactly what was lost in it. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, installed, root } from './measure.mjs';

const corpus = process.env.VDIAG_CORPUS ?? join(root, '../shared/corpus');
const source = join(corpus, 'gen/gen_big.c');

/** Why there is none; undefined where it can be compiled. */
export function whyNoGenerator() {
  if (!existsSync(source)) return `the generator of captures is not there: ${source}`;
  return installed('gcc') ? undefined : 'gcc is not installed';
}

/** @returns {(file: string, mib: number, words: readonly string[]) => void} makes a capture of that size */
export function generator(folder) {
  const program = join(folder, 'gen_big');
  run('gcc', ['-O2', '-o', program, source]);
  return (file, mib, words) => run(program, ['--bytes', `${mib * 2 ** 20}`, '--out', file, ...words]);
}

function run(program, words) {
  const { status, error, stderr } = spawnSync(program, words, { encoding: 'utf8' });
  if (status !== 0) fail(`${program}: ${error?.message ?? stderr}`);
}

/**
 * Where a `vdiag analyze --json` and the truth differ: packets lost but not found, found but not lost, and counts.
 * @returns {{ lost: number, missed: string[], invented: string[], counts: string[] }}
 */
export function compared(json, file) {
  const { summary } = JSON.parse(json);
  const truth = JSON.parse(readFileSync(`${file}.truth.json`, 'utf8'));
  const places = truth.interfaces.map(({ name }) => name);
  const rows = readFileSync(`${file}.truth.lost.tsv`, 'utf8').split('\n').slice(1).filter(Boolean);
  const wanted = rows.map((row) => wantedLine(row.split('\t'), places));
  const found = summary.lostPackets.map(foundLine);
  const exchanges = Object.values(truth.exchanges);
  const sum = (key) => exchanges.reduce((total, exchange) => total + exchange[key], 0);
  const counts = [
    ['frames', summary.frames, truth.frames],
    ['packets', summary.packets, truth.base_packets],
    ['requests', summary.requests, sum('requests')],
    ['answered', summary.answered, sum('answered_at_asker')],
    ['given up early', summary.closedEarly, 0],
  ];
  return {
    lost: wanted.length,
    missed: without(wanted, found),
    invented: without(found, wanted),
    counts: counts
      .filter(([, is, should]) => is !== should)
      .map(([what, is, should]) => `${what}: ${is}, not ${should}`),
  };
}

/** Time at the first place, where it was seen last and where next it should have been; who sent what, with an echo's numbers. */
function wantedLine([kind, direction, hop, , ns, source, , , identifier, sequence], places) {
  const way = direction === 'out' ? places : [...places].reverse();
  return `${kinds[kind] ?? 'other'} ${address(source)} ${identifier}/${sequence} ${way[hop - 2]}>${way[hop - 1]} ${ns}`;
}

function foundLine({ kind, source, identifier = '', sequence = '', last, next, timeNs }) {
  return `${kind} ${source} ${identifier}/${sequence} ${last.interface}>${next.interface} ${timeNs}`;
}

const kinds = {
  arp_request: 'arp-request',
  arp_reply: 'arp-reply',
  icmp_echo_request: 'echo-request',
  icmp_echo_reply: 'echo-reply',
  icmp6_echo_request: 'echo-request',
  icmp6_echo_reply: 'echo-reply',
  icmp_3_3: 'icmp-error',
  icmp_11_0: 'icmp-error',
  icmp6_ns: 'neighbour-solicitation',
  icmp6_na: 'neighbour-advertisement',
  icmp6_ra: 'icmp',
};

/** IPv6 addresses stand in the truth as 32 digits. */
function address(text) {
  if (!/^[0-9a-f]{32}$/.test(text)) return text;
  return new URL(`http://[${text.match(/.{4}/g).join(':')}]`).hostname.slice(1, -1);
}

/** Lines of the one list that the other has not, as often as they stand there. */
function without(lines, others) {
  const left = new Map();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}
