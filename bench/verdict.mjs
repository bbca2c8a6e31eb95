/**
 * Start and verdict: vdiag beside ping and three tcpdumps, in turns, in the lab's own namespaces (network, mount and process).
 * The script is told the places beforehand and names none but them; vdiag finds them, and names the cause and its cure.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, installed, measured, median, ratio, root, vdiag } from './measure.mjs';

const SCENES = [
  { what: 'healthy', lab: 'healthy-host-to-container', places: ['br-beef', 'w7', 'eth0@web'], status: 0 },
  { what: 'silent fault', lab: 'bridge-port-owns-ip', places: ['veth0', 'veth1', 'br0'], status: 1 },
  { what: 'filter drop', lab: 'filter-forward-drop', places: ['ens1@office', 'in0@gw', 'out0@gw'], status: 1 },
];
const script = fileURLToPath(new URL('by-hand.sh', import.meta.url));

/** `vdiag --version` and the first probe, then the verdicts. */
export function startRows({ runs }) {
  const rounds = turns(runs * 2, () => ({
    ours: timed([process.execPath, vdiag, '--version']),
    theirs: timed([process.execPath, '-e', '0']),
  }));
  return [row('start: --version', 'node -e 0', rounds, 'wall', 'ms', 1.5)];
}

export function verdictRows({ runs }) {
  const missing = ['ping', 'tcpdump', 'unshare', 'ip'].filter((program) => !installed(program));
  if (missing.length > 0) return [[`time to verdict`, 'ping + 3 tcpdump', `${missing.join(', ')} not here`]];
  if (process.getuid?.() !== 0) return [['time to verdict', 'ping + 3 tcpdump', 'needs root']];
  return SCENES.flatMap((scene) => {
    const rounds = inLab(scene, runs);
    const by = (ours, theirs) => rounds.map((round) => ({ ours: round[ours], theirs: round[theirs] }));
    return [
      row(`first probe, ${scene.what}`, 'ping + 3 tcpdump', by('adaptive', 'once'), 'first', 'ms'),
      row(`verdict, ${scene.what}`, '… ping -c 1', by('adaptive', 'once'), 'wall', 'ms'),
      row(`verdict, ${scene.what}`, '… ping -c 3', by('adaptive', 'thrice'), 'wall', 'ms'),
      row(`verdict -c 1, ${scene.what}`, '… ping -c 1', by('single', 'once'), 'wall', 'ms'),
    ];
  });
}

function row(what, peer, rounds, key, unit, bar) {
  const [ours, theirs] = [median(rounds.map(({ ours }) => ours[key])), median(rounds.map(({ theirs }) => theirs[key]))];
  const spread = ratio(
    rounds,
    ({ ours }) => ours[key],
    ({ theirs }) => theirs[key],
  );
  const held = bar === undefined ? '' : `${ours / theirs <= bar ? 'holds' : 'FAILS'}: at most ${bar}`;
  const cpu = key === 'wall' && rounds[0]?.ours.cpu !== undefined ? cpuRatio(rounds) : '';
  return [what, peer, `${Math.round(ours)} ${unit}`, `${Math.round(theirs)} ${unit}`, spread, cpu, held];
}

function cpuRatio(rounds) {
  const cost = (one) => Math.max(one.cpu, 10);
  return ratio(
    rounds,
    ({ ours }) => cost(ours),
    ({ theirs }) => cost(theirs),
  );
}

function turns(runs, one) {
  // The first warms the page cache.
  one();
  return Array.from({ length: runs }, one);
}

function timed(command) {
  const begun = performance.now();
  const { cpu } = measured(command);
  return { wall: performance.now() - begun, cpu: cpu * 1000 };
}

/** This file once more, inside namespaces of its own, with the lab built. */
function inLab(scene, runs) {
  const file = join(root, 'fixtures/labs', `${scene.lab}.sh`);
  const prepare =
    'mount -t tmpfs tmpfs /run && mkdir -p /run/netns && bash "$1" >&2 && sleep 0.7 && shift && exec "$@"';
  const inner = [process.execPath, fileURLToPath(import.meta.url), JSON.stringify({ ...scene, file, runs })];
  const flags = ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child'];
  const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], timeout: 600_000, killSignal: 'SIGKILL' };
  const { status, stdout } = spawnSync('unshare', [...flags, 'bash', '-c', prepare, 'bench', file, ...inner], options);
  if (status !== 0) fail(`the lab ${scene.lab} could not be measured`);
  return JSON.parse(stdout);
}

function inside({ file, places, runs, status }) {
  const header = readFileSync(file, 'utf8');
  const said = (key) => new RegExp(`^# ${key}: (.*)$`, 'm').exec(header)?.[1];
  const [device = '', address = ''] = (said('trace') ?? '').split(' ');
  const netns = said('netns');
  const trace = (...more) => {
    const words = ['ping-trace', device, address, ...(netns ? ['--netns', netns] : []), ...more];
    const begunMs = performance.timeOrigin + performance.now();
    const run = measured([process.execPath, vdiag, ...words, '--json'], { keep: true, statuses: [status] });
    const wall = performance.timeOrigin + performance.now() - begunMs;
    const { exchanges } = JSON.parse(run.out);
    const times = [...JSON.stringify(exchanges).matchAll(/"timeNs":"(\d+)"/g)].map(([, ns]) =>
      Number(BigInt(ns) / 1000n),
    );
    return { wall, cpu: run.cpu * 1000, first: Math.min(...times) / 1000 - begunMs };
  };
  const byHand = (count) => {
    const begunMs = performance.timeOrigin + performance.now();
    const { out, cpu } = measured(['bash', script, `${count}`, netns ?? '-', device, address, ...places], {
      keep: true,
    });
    return {
      wall: performance.timeOrigin + performance.now() - begunMs,
      cpu: cpu * 1000,
      first: Number(out.split('\n')[0]) * 1000 - begunMs,
    };
  };
  // Entries of the neighbour table would make later runs easier than the first.
  const flush = () => {
    for (const namespace of [undefined, ...new Set(places.map((place) => place.split('@')[1]).filter(Boolean))])
      spawnSync('ip', [...(namespace ? ['-n', namespace] : []), 'neigh', 'flush', 'all']);
  };
  const fresh = (run) => {
    flush();
    return run();
  };
  return turns(runs, () => ({
    adaptive: fresh(() => trace()),
    once: fresh(() => byHand(1)),
    single: fresh(() => trace('-c', '1')),
    thrice: fresh(() => byHand(3)),
  }));
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.stdout.write(JSON.stringify(inside(JSON.parse(process.argv[2] ?? '{}'))));
