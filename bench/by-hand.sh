#!/usr/bin/env bash
# What a skilled person does without vdiag, as fast as it can be done: ping, and a tcpdump at three places that are known beforehand.
# Prints where the request and the reply were seen, and the time of the first packet. Never why it was lost.
#
# Usage: bench/by-hand.sh COUNT NETNS|- INTERFACE ADDRESS PLACE PLACE PLACE   (PLACE: interface, or interface@namespace)
set -eu
count=$1 netns=$2 interface=$3 address=$4; shift 4
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
inside() { if [ "$1" = - ]; then shift; exec "$@"; else exec ip netns exec "$@"; fi; }

jobs=()
n=0
for place; do
  ns=-; case $place in *@*) ns=${place#*@} ;; esac
  # To files, each packet at once; never waiting for names.
  (inside "$ns" tcpdump -ttnl --immediate-mode -i "${place%@*}" 'arp or icmp') >"$out/$n" 2>"$out/err$n" &
  jobs+=($!); n=$((n + 1))
done
# Not a moment longer than it takes until all of them listen.
for ((tries = 0; tries < 2000; tries++)); do
  [ "$(cat "$out"/err* | grep -c '^listening on')" = "$n" ] && break
  sleep 0.002
done

(inside "$netns" ping -n -c "$count" -i 0.2 -W 1 -I "$interface" "$address") >"$out/ping" || true
kill "${jobs[@]}"; wait "${jobs[@]}" || true

grep -hE "^[0-9]+\." "$out"/[0-9]* | sort -n | head -n 1 | cut -d" " -f1
grep -E 'packets transmitted' "$out/ping"
n=0
for place; do
  for what in 'who-has' 'is-at' 'echo request' 'echo reply'; do
    if grep -q -- "$what" "$out/$n"; then echo "$place: $what seen"; else echo "$place: no $what"; fi
  done
  n=$((n + 1))
done
