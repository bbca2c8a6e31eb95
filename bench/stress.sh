#!/usr/bin/env bash
# Much of everything, bounded: the diagnosis stays right. Prints one line a case: verdict, time, memory.
#
#   c1:eth0 10.99.0.1 --- v1 \
#    ...                      br0 (here), PORTS of them          alone1 ... : namespaces beside them
#   cN:eth0 10.99.x.y --- vN /
#
# Usage: bench/stress.sh [NAMESPACES] [PORTS] [RULES]   (default 500 250 20000)
# As root or not: it runs in namespaces of its own. Needs a build (npm run build), ping and nft. Exit status 1 when a verdict is wrong.
set -u
namespaces=${1:-500} ports=${2:-250} rules=${3:-20000}
cd "$(dirname "$0")/.."
if [ -z "${VDIAG_BENCH_INSIDE:-}" ]; then
  user=(); [ "$(id -u)" = 0 ] || user=(--user --map-root-user)
  VDIAG_BENCH_INSIDE=1 exec timeout 1500 unshare "${user[@]}" --net --mount --pid --fork --mount-proc --kill-child "$0" "$@"
fi
mount -t tmpfs tmpfs /run
mkdir /run/netns
ip link set lo up
failed=0
rss='data:text/javascript,process.on("exit",()=>process.stderr.write(`MEM ${Math.round(process.resourceUsage().maxRSS/1024)} MiB\n`))'

# verdict EXPECTED NAME WORDS...: one trace, its outcome and root cause
verdict() {
  local expected=$1 name=$2 begun=$EPOCHREALTIME; shift 2
  timeout 120 node --import "$rss" dist/cli/main.js ping-trace "$@" --json >"/run/out.$name" 2>"/run/err.$name"
  local said; said=$(node -e '
    const { outcome, findings, coverage } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
    const root = findings.find(({ severity }) => severity !== "note");
    console.log([root ? root.rule : outcome, root ? root.confidence : "-", coverage.framesLost].join(" "))' "/run/out.$name" 2>/dev/null || echo 'no report')
  local ms=$(( (${EPOCHREALTIME/./} - ${begun/./}) / 1000 ))
  local right=right; [ "${said%% *}" = "$expected" ] || { right="WRONG, not $expected"; failed=1; }
  printf '%-34s %-34s %6s ms %9s  %s\n' "$name" "$said lost" "$ms" "$(grep -o '[0-9]* MiB' "/run/err.$name")" "$right"
  [ "$right" = right ] || head -c 400 "/run/err.$name"
}

address() { echo "10.99.$(( $1 / 250 )).$(( $1 % 250 + 1 ))"; }
echo "building $namespaces namespaces, $ports of them ports of one bridge"
ip link add br0 type bridge
ip link set br0 up
for n in $(seq "$namespaces"); do
  ip netns add "c$n"
  [ "$n" -le "$ports" ] || continue
  ip link add "v$n" type veth peer name eth0 netns "c$n"
  ip link set "v$n" master br0 up
  ip -n "c$n" -batch - <<B
addr add $(address "$n")/16 dev eth0
link set eth0 up
B
done
sleep 2
drop() { ip netns exec "$1" nft 'add table ip t; add chain ip t in { type filter hook input priority 0; }; add rule ip t in icmp type echo-request drop'; }

verdict healthy many-healthy eth0 "$(address 2)" --netns c1
drop c3
verdict filter-input-drop many-a-rule eth0 "$(address 3)" --netns c1
ip link set v4 nomaster
verdict bridge-port-detached many-detached eth0 "$(address 4)" --netns c1
verdict address-missing many-absent eth0 10.99.77.77 --netns c1

echo "12 traces at once, every other one with a fault"
for n in $(seq 20 2 42); do [ $(( n % 4 )) = 0 ] && drop "c$n"; done
for n in $(seq 20 2 42); do
  if [ $(( n % 4 )) = 0 ]; then expected=filter-input-drop; else expected=healthy; fi
  ( verdict "$expected" "parallel-$n" eth0 "$(address "$n")" --netns "c$(( n + 1 ))"; exit "$failed" ) &
done
for job in $(jobs -p); do wait "$job" || failed=1; done

echo "$rules rules"
{
  echo 'table ip many { chain in { type filter hook input priority 0;'
  for n in $(seq "$rules"); do echo "ip saddr 172.$(( 16 + n / 65536 )).$(( n / 256 % 256 )).$(( n % 256 )) drop"; done
  echo 'icmp type echo-request drop; }; }'
} | ip netns exec c5 nft -f -
verdict filter-input-drop many-rules eth0 "$(address 5)" --netns c1

echo 'a flood of ICMP and ARP beside it'
ip netns exec c1 ping -q -c 1 -W 1 "$(address 6)" >/dev/null
pids=()
for n in 50 52 54; do
  ip netns exec "c$n" timeout 240 ping -q -f "$(address $(( n + 1 )))" >/dev/null 2>&1 & pids+=($!)
done
# ARP requests for nobody, by hand: the kernel itself asks once a second.
cat >/run/arp.mjs <<'J'
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
const library = createRequire(`${process.argv[2]}/package.json`)('koffi').load(null);
const openSocket = library.func('int socket(int domain, int type, int protocol)');
const sendTo = library.func('long sendto(int fd, void *data, ulong length, int flags, void *address, uint length2)');
const index = Number(readFileSync('/proc/net/dev_mcast', 'utf8').split('\n').map((line) => line.trim().split(/\s+/)).find(([, name]) => name === 'eth0')[0]);
const fd = openSocket(17, 3, 0);
const to = new DataView(new ArrayBuffer(20));
to.setUint16(0, 17, true); to.setUint16(2, 0x0806); to.setInt32(4, index, true);
const frame = Uint8Array.from([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 9, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 99, 99, 9, 0, 0, 0, 0, 0, 0, 10, 99, 98, 1]);
const until = Date.now() + 240_000;
while (Date.now() < until) for (let sent = 0; sent < 100; sent++) sendTo(fd, frame, frame.length, 0, new Uint8Array(to.buffer), 20);
J
ip netns exec c60 timeout 240 node /run/arp.mjs "$PWD" & pids+=($!)
sleep 2
one=$(ip netns exec c50 cat /proc/net/dev | awk '/eth0/ { print $3 + $11 }'); arp=$(ip netns exec c60 cat /proc/net/dev | awk '/eth0/ { print $11 }'); sleep 2
two=$(ip netns exec c50 cat /proc/net/dev | awk '/eth0/ { print $3 + $11 }'); again=$(ip netns exec c60 cat /proc/net/dev | awk '/eth0/ { print $11 }')
echo "one flood of three: $(( (two - one) / 2 )) packets/s; ARP: $(( (again - arp) / 2 )) requests/s, each on $ports ports"
verdict healthy flood-healthy eth0 "$(address 6)" --netns c1
verdict filter-input-drop flood-a-rule eth0 "$(address 3)" --netns c1
kill "${pids[@]}" 2>/dev/null
exit "$failed"
