#!/usr/bin/env bash
# A flood of 1 M frames through a traced bridge: frames lost and processor time of vdiag, beside tcpdump -w on the same load.
#
#   a:eth0 10.99.0.2 --- va \
#                            br0 10.99.0.1 (here)
#   b:eth0 10.99.0.3 --- vb /
#
# Usage: bench/flood.sh [PINGS]   (default 250000: request and reply, each on four interfaces and the bridge's two ports)
# As root or not: it runs in namespaces of its own. Needs a build (npm run build), ping and tcpdump.
set -eu
pings=${1:-250000}
cd "$(dirname "$0")/.."
if [ -z "${VDIAG_BENCH_INSIDE:-}" ]; then
  user=(); [ "$(id -u)" = 0 ] || user=(--user --map-root-user)
  VDIAG_BENCH_INSIDE=1 exec unshare "${user[@]}" --net --mount --pid --fork --mount-proc --kill-child "$0" "$pings"
fi
mount -t tmpfs tmpfs /run
mkdir /run/netns
ip link set lo up
ip link add br0 type bridge
ip addr add 10.99.0.1/24 dev br0
ip link set br0 up
for c in a:2 b:3; do
  ip netns add "${c%:*}"
  ip link add "v${c%:*}" type veth peer name eth0 netns "${c%:*}"
  ip link set "v${c%:*}" master br0 up
  ip -n "${c%:*}" addr add "10.99.0.${c#*:}/24" dev eth0
  ip -n "${c%:*}" link set eth0 up
done
sleep 1

# NAME COMMAND...: the flood with the command beside it; the command's own processor time
beside() {
  local name=$1; shift
  ( TIMEFORMAT="%U user, %S sys seconds"; time "$@" >/run/out 2>/run/err ) 2>/run/time &
  local job=$!
  sleep 0.5
  ip netns exec a ping -q -f -c "$pings" 10.99.0.3 | grep -o '[0-9]* received.*loss'
  wait "$job" || true
  printf '%-44s %s\n' "$name" "$(cat /run/time)"
}

echo "$pings pings, $(( pings * 4 )) frames on va and vb"
# Slow probes, so that the trace covers the whole flood.
beside 'vdiag ping-trace eth0 -> b (all namespaces)' \
  node dist/cli/main.js ping-trace eth0 10.99.0.3 --netns a -c 10 -i 0.5 --json
node -e '
  const { outcome, coverage, probes } = JSON.parse(require("fs").readFileSync("/run/out", "utf8"));
  console.log(`  ${outcome}, ${probes.received} of ${probes.sent} probes, ${coverage.framesCaptured} frames kept, ${coverage.framesLost} lost`);'
beside 'tcpdump -i any -w (all interfaces here)' timeout -s INT 6 tcpdump -q -n -i any -w /run/any.pcap
sed 's/^/  /' /run/err | grep -E 'captured|dropped' || true
beside 'tcpdump -i va -w (one interface)' timeout -s INT 6 tcpdump -q -n -i va -w /run/va.pcap
sed 's/^/  /' /run/err | grep -E 'captured|dropped' || true
