# A Kubernetes node: containerd of its own without its CRI plugin, whose part the test plays: it makes the sandbox's namespace,
# calls the CNI plugins, and starts what lives in the pod. Everything is in /run, cgroups below /vdiag-*.
#
#   outside:eth0 198.51.100.2/24 --- up0 198.51.100.1/24 (default route)    cni0 10.244.1.1/24 --- pods
#
# outside knows no way back to 10.244.0.0/16: what is not masqueraded is not answered.
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
mkdir -p /run/image/bin /run/containerd
cp /bin/busybox /run/image/bin/
ln -s busybox /run/image/bin/sleep
ln -s busybox /run/image/bin/httpd
cat >/run/containerd/config.toml <<TOML
version = 2
root = "/run/containerd-root"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "/run/containerd/containerd.sock"
TOML
containerd -c /run/containerd/config.toml >/run/containerd.log 2>&1 &
for _ in $(seq 150); do
  ctr version >/dev/null 2>&1 && break
  sleep 0.1
done
ctr version >/dev/null
