#!/usr/bin/env bash
# What reading the kernel's drop events costs under a flood: packets a second and processor time, with and without them.
#
#   a:eth0 10.98.0.2 --- va \
#                            br0 10.98.0.1 (here)
#   b:eth0 10.98.0.3 --- vb /
#
# Usage: bench/drops.sh [PINGS]   (default 250000; request and reply, each over four interfaces)
# As root: it runs in namespaces of its own, but the kernel's events are the whole machine's. Needs a build and ping.
set -eu
pings=${1:-250000}
cd "$(dirname "$0")/.."
main=${VDIAG_MAIN:-dist/cli/main.js}
if [ -z "${VDIAG_BENCH_INSIDE:-}" ]; then
  VDIAG_BENCH_INSIDE=1 exec unshare --net --mount --pid --fork --mount-proc --kill-child "$0" "$pings"
fi
mount -t tmpfs tmpfs /run
mkdir /run/netns
ip link set lo up
ip link add br0 type bridge
ip addr add 10.98.0.1/24 dev br0
ip link set br0 up
for c in a:2 b:3; do
  ip netns add "${c%:*}"
  ip link add "v${c%:*}" type veth peer name eth0 netns "${c%:*}"
  ip link set "v${c%:*}" master br0 up
  ip -n "${c%:*}" addr add "10.98.0.${c#*:}/24" dev eth0
  ip -n "${c%:*}" link set eth0 up
done
sleep 1

flood() { ip netns exec a ping -q -f -c "$pings" 10.98.0.3 | sed -n 's/.*, time \([0-9]*\)ms/\1/p'; }

# NAME COMMAND...: the flood with the command beside it; `true` for the flood alone
beside() {
  local name=$1; shift
  ( TIMEFORMAT="%U user %S sys"; time "$@" >/run/out 2>/run/err ) 2>/run/time &
  local job=$!
  sleep 0.6
  local ms; ms=$(flood)
  wait "$job" || true
  echo "$name: $(( pings * 8 / (ms + 1) )) k packets/s at interfaces, $(cat /run/time)"
}

report='const { outcome, coverage, probes } = JSON.parse(require("fs").readFileSync("/run/out", "utf8"));
  console.log(`  ${outcome}, ${probes.received} of ${probes.sent} probes, ${coverage.framesLost} frames lost; ${coverage.gaps.join("; ") || "no events lost"}`);'
for round in 1 2; do
  beside 'alone' true
  beside 'vdiag --no-drops' node "$main" ping-trace eth0 10.98.0.3 --netns a -c 10 -i 0.5 --json --no-drops
  node -e "$report"
  beside 'vdiag' node "$main" ping-trace eth0 10.98.0.3 --netns a -c 10 -i 0.5 --json
  node -e "$report"
done
