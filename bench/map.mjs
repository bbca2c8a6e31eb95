/**
 * The map of a host with many containers, beside what scripts do for the same answer.
 *
 * Builds, in a network, mount and process namespace of its own, so many namespaces with a process each, a veth pair to one
 * bridge, an address and a default route. Then `vdiag map --json`, and a shell script that finds the same with ip(8) and
 * nsenter(1): for each process the namespace, for each namespace its links and addresses, for each eth0 the host's end by
 * its number. Needs root.
 */
import { spawnSync } from 'node:child_process';
import { fail, installed, median, ratio, vdiag } from './measure.mjs';

/** Arguments: how many namespaces, how many runs, vdiag's main. */
const script = String.raw`
N=$1 RUNS=$2 VDIAG=$3
mount --make-rprivate / && mount -t tmpfs -o mode=755 bench /run && mkdir /run/netns || exit 1
ip link set lo up
ip link add br0 type bridge && ip addr add 10.99.0.1/16 dev br0 && ip link set br0 up
pids=
for i in $(seq "$N"); do unshare -n sleep 300 >/dev/null 2>&1 & pids="$pids $!"; done
for pid in $pids; do until [ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done; done
i=0; for pid in $pids; do i=$((i + 1)); echo "link add veth$i type veth peer name eth0 netns $pid"; done | ip -batch -
for i in $(seq "$N"); do echo "link set veth$i master br0 up"; done | ip -batch -
i=0
for pid in $pids; do
  i=$((i + 1))
  printf 'addr add 10.99.%d.%d/16 dev eth0\nlink set eth0 up\nroute add default via 10.99.0.1\n' $((i / 250 + 1)) $((i % 250 + 1)) |
    nsenter -t $pid -n ip -batch -
done

TIMEFORMAT='%R %U %S'
by_vdiag() { node "$VDIAG" map --json >/run/vdiag.json; }
# What the answers on the web boil down to, done right: never by the number alone, but by the number within the namespace.
by_shell() {
  ip -o link show type veth >/run/host
  for proc in /proc/[0-9]*; do
    ns=$(readlink $proc/ns/net) || continue
    case " $seen " in *" $ns "*) continue ;; esac
    seen="$seen $ns"
    index=$(nsenter -t ${'$'}{proc#/proc/} -n cat /sys/class/net/eth0/iflink 2>/dev/null) || index=
    [ -n "$index" ] || index=$(nsenter -t ${'$'}{proc#/proc/} -n ip -o link show eth0 2>/dev/null | sed -n 's/.*eth0@if\([0-9]*\):.*/\1/p')
    [ -n "$index" ] || continue
    addr=$(nsenter -t ${'$'}{proc#/proc/} -n ip -4 -o addr show dev eth0 | awk '{print $4}')
    port=$(sed -n "s/^$index: \([^@]*\)@.*/\1/p" /run/host)
    master=$(ip -o link show "$port" | sed -n 's/.* master \([^ ]*\) .*/\1/p')
    echo "$master $port $ns ${'$'}{proc#/proc/} $addr"
  done >/run/shell.txt
}
for run in $(seq "$RUNS"); do
  for kind in vdiag shell; do
    seen=
    echo "$kind $({ time by_$kind 2>/dev/null; } 2>&1)"
  done
done
echo "pairs $(grep -c '"master": "br0"' /run/vdiag.json) $(grep -c '^br0' /run/shell.txt)"
`;

export function mapRows({ runs, namespaces }) {
  const missing = ['unshare', 'nsenter', 'ip'].filter((program) => !installed(program));
  if (missing.length > 0) return [['map', 'ip, nsenter', `${missing.join(', ')} not here`]];
  if (process.getuid?.() !== 0) return [['map', 'ip, nsenter', 'needs root']];
  const flags = ['-nm', '--fork', '--kill-child', '--pid', '--mount-proc'];
  const words = ['bash', '-c', script, 'bench', `${namespaces}`, `${Math.min(runs, 5)}`, vdiag];
  const { stdout, stderr, status } = spawnSync('unshare', [...flags, ...words], {
    encoding: 'utf8',
    timeout: 900_000,
    killSignal: 'SIGKILL',
  });
  if (status !== 0) fail(`the map could not be measured: ${stderr}`);
  const times = { vdiag: [], shell: [] };
  let pairs = '';
  for (const line of stdout.split('\n')) {
    const [kind = '', ...figures] = line.split(' ');
    if (kind === 'pairs') pairs = figures.join(' and ');
    const [wall = 0, user = 0, system = 0] = figures.map(Number);
    times[kind]?.push({ wall, cpu: user + system });
  }
  const rounds = times.vdiag.map((ours, index) => ({ ours, theirs: times.shell[index] }));
  const [ours = 0, theirs = 0] = ['ours', 'theirs'].map((whose) => median(rounds.map((round) => round[whose].wall)));
  const [spread, cpu] = ['wall', 'cpu'].map((key) =>
    ratio(
      rounds,
      (round) => round.ours[key],
      (round) => round.theirs[key],
      3,
    ),
  );
  const beside = `ip, nsenter (pairs found: ${pairs})`;
  return [[`map, ${namespaces} namespaces`, beside, `${ours.toFixed(2)} s`, `${theirs.toFixed(2)} s`, spread, cpu]];
}
