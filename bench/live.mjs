/**
 * Live capture under load: processor time and loss on three interfaces, beside tcpdump -w, tshark -w and the npm package cap.
 *
 *     a:eth0 10.99.0.2 --- va br0 p1 --- p2 br1 vb --- b:eth0 10.99.0.3
 *
 * A sender in `a` (bench/sender.c; needs gcc) sends datagrams at a fixed rate; each passes va, p1 and vb in the namespace where all
 * programs listen, one after the other. What each wrote is counted by one and the same reader, against what was sent. Everything is in
 * namespaces of the bench's own, for a bounded time; files are in a memory file system of its own.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { fail, installed, median, modulesOf, ratio, root, vdiag } from './measure.mjs';

const INTERFACES = ['va', 'p1', 'vb'];
/** A second, on each of the three: 250 000 and 500 000 in all. What was reached is in the table. */
const RATES = [83_334, 166_667];
const TOPOLOGY = `
mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up
for c in a b; do ip netns add $c; ip -n $c link set lo up; done
for b in br0 br1; do ip link add $b type bridge mcast_snooping 0; ip link set $b up; done
ip link add va type veth peer name eth0 netns a; ip link add vb type veth peer name eth0 netns b
ip link add p1 type veth peer name p2
ip link set va master br0 up; ip link set p1 master br0 up; ip link set p2 master br1 up; ip link set vb master br1 up
for n in a:2 b:3; do ip -n \${n%:*} addr add 10.99.0.\${n#*:}/24 dev eth0; ip -n \${n%:*} link set eth0 up; done
for b in ip ip6 arp; do sysctl -qw net.bridge.bridge-nf-call-\${b}tables=0 2>/dev/null || true; done
# Nobody answers, so that what is sent is all there is.
ip netns exec b sysctl -qw net.ipv4.icmp_msgs_per_sec=0
ip netns exec a ping -q -c 1 -W 2 10.99.0.3 >/dev/null
`;

export async function liveRows({ runs, seconds }) {
  const missing = ['unshare', 'ip', 'ping', 'tcpdump', 'gcc'].filter((program) => !installed(program));
  if (missing.length > 0) return [['capture', 'tcpdump -w', `${missing.join(', ')} not here`]];
  if (process.getuid?.() !== 0) return [['capture', 'tcpdump -w', 'needs root']];
  const modules = await modulesOf('capture/capture', 'capture/filter', 'linux/netns');
  const rounds = inNamespaces({ runs: Math.min(runs, 5), seconds, modules });
  return rounds.flatMap(({ rate, turns }) => rowsAt(rate, turns));
}

function rowsAt(rate, turns) {
  const reached = median(turns.map(({ sent }) => sent));
  // On a machine that has other things to do the figures say nothing about this load.
  const unloaded = reached < rate / 2 ? `load not reached: ${Math.round(reached / 1000)} k/s` : undefined;
  const load = `3 × ${Math.round(Math.min(rate, reached) / 1000)} k/s`;
  const peers = ['tcpdump -w', 'tshark -w', 'cap (counts)'];
  const cpu = (one) => `${one.toFixed(2)} s`;
  // Of a million frames that passed: the sender is not equally fast every time. The clock has steps of 10 ms.
  const cost = ({ cpu: seconds, expected }) => (Math.max(seconds, 0.01) / expected) * 1e6;
  const row = (ours, peer, bar) => {
    const both = turns.filter((turn) => turn[ours] && turn[peer]);
    const what = `CPU a million, ${ours}, ${load}`;
    if (both.length === 0) return [what, peer, '', 'not here'];
    const [own, other] = [median(both.map((turn) => cost(turn[ours]))), median(both.map((turn) => cost(turn[peer])))];
    const spread = ratio(
      both,
      (turn) => cost(turn[ours]),
      (turn) => cost(turn[peer]),
    );
    const held = bar ? (unloaded ?? `${own < other ? 'holds' : 'FAILS'}: less than 1`) : '';
    return [what, peer, cpu(own), cpu(other), '', spread, held];
  };
  const lost = (name) => {
    const all = turns.flatMap((turn) => turn[name] ?? []);
    return all.length === 0
      ? undefined
      : Math.max(...all.map((one) => (100 * (one.expected - one.counted)) / one.expected));
  };
  const lossRow = (ours, peer) => {
    const [own, other] = [lost(ours) ?? 0, lost(peer)];
    const held = unloaded ?? `${own === 0 ? 'holds' : 'FAILS'}: none`;
    return [
      `lost at most, ${ours}, ${load}`,
      peer,
      `${own.toFixed(2)} %`,
      other === undefined ? 'not here' : `${other.toFixed(2)} %`,
      '',
      '',
      held,
    ];
  };
  return [
    row('ring, probes kept', 'tcpdump -w', true),
    row('ring, all kept', 'tcpdump -w', true),
    ...peers.map((peer) => row('record -w', peer, false)),
    ...peers.map((peer) => lossRow('record -w', peer)),
  ];
}

function inNamespaces(options) {
  const flags = ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child'];
  const inner = [process.execPath, fileURLToPath(import.meta.url), JSON.stringify(options)];
  const { status, stdout } = spawnSync(
    'unshare',
    [...flags, 'bash', '-euc', `${TOPOLOGY}\nexec "$@"`, 'bench', ...inner],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 1_800_000,
      // unshare lets SIGTERM pass by; with --kill-child everything inside goes with it.
      killSignal: 'SIGKILL',
    },
  );
  if (status !== 0) fail('the live captures could not be measured');
  return JSON.parse(stdout);
}

/** What is measured, in turns: its command, how many sockets it listens with, and how its frames are counted afterwards. */
function programs(modules) {
  const ring = (kept) => [process.execPath, join(root, 'bench/ring.mjs'), modules, kept];
  const cap = capFrom();
  const on = INTERFACES.flatMap((name) => ['--on', name]);
  return {
    'ring, probes kept': { commands: [ring('probes')], sockets: 1, count: () => undefined },
    'ring, all kept': { commands: [ring('all')], sockets: 1, count: () => undefined },
    'record -w': {
      commands: [[process.execPath, vdiag, 'record', '-w', '/run/vdiag.pcapng', ...on]],
      sockets: 1,
      count: () => countIn('/run/vdiag.pcapng'),
    },
    'tcpdump -w': {
      commands: INTERFACES.map((name) => ['tcpdump', '-n', '-i', name, '-w', `/run/${name}.pcap`]),
      sockets: 3,
      count: () => INTERFACES.reduce((sum, name) => sum + countIn(`/run/${name}.pcap`), 0),
    },
    ...(installed('tshark') && {
      'tshark -w': {
        commands: [['tshark', '-q', ...INTERFACES.flatMap((name) => ['-i', name]), '-w', '/run/tshark.pcapng']],
        sockets: 3,
        count: () => countIn('/run/tshark.pcapng'),
      },
    }),
    ...(cap !== undefined && {
      'cap (counts)': {
        commands: [[process.execPath, join(root, 'bench/cap.mjs'), cap, ...INTERFACES]],
        sockets: 3,
        count: ([out = '']) => JSON.parse(out).frames,
      },
    }),
  };
}

/** Where the package cap can be loaded from: VDIAG_BENCH_CAP names a folder with node_modules in it. */
function capFrom() {
  for (const folder of [process.env.VDIAG_BENCH_CAP, root]) {
    if (folder === undefined) continue;
    try {
      const from = join(folder, 'package.json');
      createRequire(from)('cap');
      return from;
    } catch {
      // Not installed, or not compiled.
    }
  }
  return undefined;
}

function countIn(path) {
  if (!existsSync(path)) return 0;
  const { stdout } = spawnSync('tcpdump', ['-nr', path, '--count', 'udp port 9'], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  rmSync(path);
  rmSync(path.replace('.pcapng', '.topology.json'), { force: true });
  return Number(/^(\d+) packet/m.exec(stdout)?.[1] ?? 0);
}

/** Sockets of this namespace that packets are being captured with (packet(7), /proc/net/packet). */
function listening() {
  return readFileSync('/proc/net/packet', 'utf8')
    .split('\n')
    .filter((line) => line.trim().split(/\s+/)[5] === '1').length;
}

/** Packets that the three have passed towards `b`, by the kernel's own count. */
function passed() {
  const counts = ['va/statistics/rx_packets', 'p1/statistics/tx_packets', 'vb/statistics/tx_packets'];
  return counts.reduce((sum, path) => sum + Number(readFileSync(`/sys/class/net/${path}`, 'utf8')), 0);
}

async function loaded({ commands, sockets, count }, sender, rate, seconds) {
  const before = listening();
  const passedBefore = passed();
  const children = commands.map((command) => {
    const child = spawn('/usr/bin/time', ['-f', '%U %S', ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { out: '', err: '' };
    child.stdout.on('data', (data) => (said.out += data));
    child.stderr.on('data', (data) => (said.err += data));
    return { child, said, ended: new Promise((resolve) => child.once('exit', resolve)) };
  });
  for (let tries = 0; listening() < before + sockets; tries++) {
    if (tries > 3000) fail(`${commands[0].join(' ')} does not listen: ${children[0].said.err}`);
    await sleep(10);
  }
  await sleep(200);
  const flood = spawn('ip', ['netns', 'exec', 'a', sender, 'eth0', '10.99.0.3', `${rate}`, `${seconds}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  flood.stdout.on('data', (data) => (told += data));
  await new Promise((resolve) => flood.once('exit', resolve));
  // tcpdump and dumpcap let the kernel hold frames back for up to a second.
  await sleep(1500);
  // The program itself, not the one that takes its time.
  for (const { child } of children)
    for (const pid of readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' '))
      if (pid !== '') process.kill(Number(pid), 'SIGINT');
  const late = setTimeout(() => {
    for (const { child } of children) child.kill('SIGKILL');
  }, 60_000);
  await Promise.all(children.map(({ ended }) => ended));
  clearTimeout(late);
  const times = children.map(({ said }) => said.err.trim().split('\n').at(-1).split(' ').map(Number));
  const sent = Number(told.split(' ')[0]);
  const counted = count(children.map(({ said }) => said.out));
  const ring = counted === undefined ? JSON.parse(children[0].said.out) : undefined;
  // What was lost on the way to an interface was not for the capture to see.
  const expected = Math.min(3 * sent, passed() - passedBefore);
  return {
    // Of the ring what it costs while it listens, without the start of Node; of the others everything.
    cpu: ring?.cpu ?? times.flat().reduce((sum, one) => sum + one, 0),
    expected,
    counted: counted ?? expected - (ring?.lost ?? 0),
    rate: sent / Number(told.split(' ')[1]),
  };
}

async function inside({ runs, seconds, modules }) {
  const sender = '/run/sender';
  const { status, stderr } = spawnSync('gcc', ['-O2', '-o', sender, join(root, 'bench/sender.c')], {
    encoding: 'utf8',
  });
  if (status !== 0) fail(`gcc: ${stderr}`);
  const measured = [];
  for (const rate of RATES) {
    const turns = [];
    for (let run = 0; run < runs; run++) {
      const turn = {};
      const rates = [];
      for (const [name, program] of Object.entries(programs(modules))) {
        turn[name] = await loaded(program, sender, rate, seconds);
        rates.push(turn[name].rate);
      }
      turns.push({ ...turn, sent: Math.min(...rates) });
    }
    measured.push({ rate, turns });
  }
  process.stdout.write(JSON.stringify(measured));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await inside(JSON.parse(process.argv[2] ?? '{}'));
