/** Reading and analyzing captures, beside the peers on the same files, in turns: made by the generator of the shared corpus (needs gcc). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installed, measured, median, ratio, root, vdiag } from './measure.mjs';
import { generator, whyNoGenerator } from './truth.mjs';

const reader = join(root, 'bench/pcap-parser.mjs');
const node = process.execPath;

/** Profile and format of a capture, vdiag's command on it, and what it is held against. */
const FILES = [
  {
    profile: 'icmp',
    format: 'pcapng3',
    ours: ['analyze', '--json'],
    peers: [['tshark', '-q', '-z', 'io,phs', '-r'], ['capinfos'], ['tcpdump', '--count', '-r'], ['cat']],
  },
  {
    profile: 'mixed',
    format: 'pcapng3',
    ours: ['analyze', '--json'],
    peers: [
      ['tshark', '-q', '-z', 'io,phs', '-r'],
      ['tcpdump', '-nr'],
      ['capinfos'],
      ['tcpdump', '--count', '-r'],
      ['cat'],
    ],
  },
  {
    profile: 'icmp',
    format: 'pcap-us',
    ours: ['frames'],
    peers: [
      [node, reader],
      ['tcpdump', '-nr'],
      ['tshark', '-nr'],
    ],
  },
];

export function offlineRows({ runs, mib }) {
  const why = whyNoGenerator();
  if (why !== undefined) return [['offline', 'tcpdump, tshark …', why]];
  const folder = mkdtempSync(join(tmpdir(), 'vdiag-bench-'));
  try {
    const generate = generator(folder);
    return FILES.flatMap((file) => {
      const path = join(folder, `capture.${file.format === 'pcapng3' ? 'pcapng' : 'pcap'}`);
      generate(path, mib, ['--profile', file.profile, '--format', file.format, '--seed', '7']);
      const rows = rowsOf(file, path, runs, mib);
      rmSync(path);
      return rows;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowsOf({ profile, format, ours, peers }, path, runs, mib) {
  const there = peers.filter(([program]) => installed(program));
  const all = [[node, vdiag, ...ours], ...there].map((command) => [...command, path]);
  const rounds = [];
  // The first round warms the page cache.
  for (let round = 0; round <= runs; round++) {
    const times = all.map((command) => measured(command));
    if (round > 0) rounds.push(times);
  }
  const what = `${ours[0]}, ${mib} MiB ${profile} ${format.replace(/[-3].*/, '')}`;
  const seconds = (index, key) => median(rounds.map((times) => times[index][key]));
  const memory = median(rounds.map((times) => times[0].mib));
  return peers.map((peer) => {
    const index = 1 + there.indexOf(peer);
    const name =
      peer[0] === node ? 'pcap-parser (counts)' : peer.filter((word) => !/^-[rq]$|^-z$/.test(word)).join(' ');
    if (index === 0) return [what, name, `${seconds(0, 'wall').toFixed(2)} s`, 'not here'];
    const spread = ratio(
      rounds,
      (times) => times[0].wall,
      (times) => Math.max(times[index].wall, 0.01),
    );
    const cpu = ratio(
      rounds,
      (times) => times[0].cpu,
      (times) => Math.max(times[index].cpu, 0.01),
    );
    const bar = peer === peers[0] ? `${memory <= 200 ? 'holds' : 'FAILS'}: 200 MiB (${Math.round(memory)})` : '';
    return [
      what,
      name,
      `${seconds(0, 'wall').toFixed(2)} s`,
      `${seconds(index, 'wall').toFixed(2)} s`,
      spread,
      cpu,
      bar,
    ];
  });
}
