# A host with a dockerd of its own, in the namespaces that openLab made: everything it writes is in /run, which is gone with
# them; its cgroups are below /vdiag-*, whose name is left in /run/cgroup-parent for whoever takes them away.
#
#   outside:eth0 198.51.100.2/24 --- up0 198.51.100.1/24 (default route)    docker0 172.17.0.1/16 --- web, db
#
# outside knows no way back to 172.16.0.0/12: what is not masqueraded is not answered.
set -eu
mount --make-rprivate /
ip link set lo up
ip netns add outside
ip link add up0 type veth peer name eth0 netns outside
ip addr add 198.51.100.1/24 dev up0
ip link set up0 up
ip -n outside addr add 198.51.100.2/24 dev eth0
ip -n outside link set eth0 up
ip -n outside link set lo up
ip route add default via 198.51.100.2
parent=/vdiag-$(cat /proc/sys/kernel/random/uuid)
echo "$parent" >/run/cgroup-parent
mkdir -p /run/image/bin
cp /bin/busybox /run/image/bin/
ln -s busybox /run/image/bin/sh
ln -s busybox /run/image/bin/sleep
dockerd --data-root /run/docker-data --exec-root /run/docker-exec --pidfile /run/dockerd.pid --host unix:///run/docker.sock \
  --storage-driver vfs --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "$parent/docker" --ip6tables=false \
  >/run/dockerd.log 2>&1 &
for _ in $(seq 150); do
  docker -H unix:///run/docker.sock version >/dev/null 2>&1 && break
  sleep 0.1
done
export DOCKER_HOST=unix:///run/docker.sock
tar -C /run/image -c . | docker import - busy:1 >/dev/null
docker run -d --name web busy:1 sleep 3600 >/dev/null
docker run -d --name db busy:1 sleep 3600 >/dev/null
