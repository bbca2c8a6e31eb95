/**
 * Against the real CNI plugins, called as a runtime calls them on a Kubernetes node: what works. The picture is in cni-host.sh; each test
 * takes its pods away again, and cni0 with the last of them.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { cniHost, cniLacks, type Node, type Pod, type PodOptions } from './cni-host.ts';
import { cbr0, lan, ptp } from './cni-networks.ts';
import type { Traced } from './real-host.ts';

const lacks = cniLacks();

describe.skipIf(lacks !== undefined)(`cni${lacks === undefined ? '' : `: ${lacks}`}`, { timeout: 120_000 }, () => {
  let node: Node;
  let pods: Pod[] = [];
  beforeAll(async () => {
    node = await cniHost();
  }, 60_000);
  afterAll(async () => {
    await node?.close();
  }, 30_000);
  afterEach(async () => {
    for (const pod of pods.splice(0)) await pod.remove();
    await node.sh(`ip link del cni0 2>/dev/null || :
      rm -rf /run/cni-networks
      sysctl -qw net.ipv4.ip_forward=1
      iptables -P FORWARD ACCEPT; iptables -F FORWARD; iptables -F CNI-ADMIN 2>/dev/null || :`);
  });

  async function pod(name: string, network = cbr0(), options: PodOptions = {}): Promise<Pod> {
    const made = await node.pod(name, network, options);
    pods = [...pods, made];
    return made;
  }
  async function two(network = cbr0()): Promise<void> {
    await pod('shop/web-1', network);
    await pod('shop/db-1', network);
  }
  const trace = (...words: string[]): Promise<Traced> => node.trace(...words, '-c', '2', '-i', '0.2');
  async function verdict(...words: string[]): Promise<string> {
    const { outcome, rules } = await trace(...words);
    return `${outcome} ${rules}`.trim();
  }

  test('between two pods, the node and the outside, by every name', async () => {
    await two();
    for (const words of [
      ['pod:shop/web-1', 'pod:shop/db-1'],
      ['web-1', 'db-1'],
      ['web-1', '10.244.1.1'],
      ['cni0', 'shop/db-1'],
      ['web-1', '198.51.100.2'],
    ])
      expect(await verdict(...words), words.join(' ')).toBe('healthy');
    const { target, said } = await trace('web-1', 'db-1');
    expect(target).toMatchObject({ interface: 'eth0', container: 'shop/web-1', addressOf: 'shop/db-1' });
    expect(said).toMatch(/^vdiag: from eth0 of shop\/web-1 \(containerd [0-9a-f]{12}\) to 10\.244\.1\.3 of shop\/db-1/);
  });

  test('names by crictl, where it is installed, before those of the bundles', async () => {
    await two();
    const sandbox =
      'ctr -n k8s.io c ls -q | while read -r id; do if grep -q sandbox-name.*web-1 /run/containerd/io.containerd.runtime.v2.task/k8s.io/$id/config.json; then echo $id; fi; done';
    const [first, second] = (await node.sh(sandbox)).split('\n');
    const pods = {
      items: [{ id: first, metadata: { name: 'api-7', namespace: 'prod', uid: 'u' }, state: 'SANDBOX_READY' }],
    };
    const containers = {
      containers: [{ id: second, podSandboxId: first, metadata: { name: 'main' }, state: 'CONTAINER_RUNNING' }],
    };
    await node.sh(
      `mkdir -p /run/bin
      echo "$PODS" >/run/bin/pods; echo "$CONTAINERS" >/run/bin/ps
      printf '#!/bin/sh\\ncat /run/bin/"$1"\\n' >/run/bin/crictl
      chmod +x /run/bin/crictl`,
      { PODS: JSON.stringify(pods), CONTAINERS: JSON.stringify(containers) },
    );
    try {
      const { stdout } = await node.vdiag('map');
      expect(stdout).toContain('eth0 of prod/api-7 (containerd: main), 10.244.1.2/24');
      expect(stdout).toContain('eth0 of shop/db-1 (containerd: app), 10.244.1.3/24');
      expect(await verdict('pod:prod/api-7', 'db-1')).toBe('healthy');
    } finally {
      await node.sh('rm -r /run/bin');
    }
  });

  test('ptp: a /32 of its own for every pod, and pods on the bridge beside them', async () => {
    await two(ptp);
    await pod('shop/old-1');
    for (const words of [
      ['web-1', 'db-1'],
      ['web-1', '198.51.100.2'],
      ['old-1', 'db-1'],
      ['db-1', 'old-1'],
    ])
      expect(await verdict(...words), words.join(' ')).toBe('healthy');
    expect((await node.map()).oddities).toEqual([]);
  });

  test('macvlan pods reach each other and the network of their parent', async () => {
    await two(lan);
    expect(await verdict('web-1', 'db-1')).toBe('healthy');
    expect(await verdict('web-1', '198.51.100.2')).toBe('healthy');
  });

  test('FORWARD drops, and the firewall plugin lets its pods through', async () => {
    await node.sh('iptables -P FORWARD DROP');
    await two(cbr0({}, { type: 'firewall', backend: 'iptables' }));
    expect(await verdict('web-1', 'db-1')).toBe('healthy');
    expect(await verdict('web-1', '198.51.100.2')).toBe('healthy');
  });

  test('a hostPort, also from the pod behind it: the ping is answered by the node', async () => {
    const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }];
    await pod('shop/web-1', cbr0(), { command: '/bin/httpd -f -p 80 -h /', portMappings });
    await pod('shop/db-1');
    const url = 'http://198.51.100.1:8080/bin/busybox';
    const fetched = (netns: string): Promise<string> =>
      node.sh(`for _ in $(seq 20); do
          size=$(timeout 5 ip netns exec ${netns} busybox wget -q -O- ${url} | wc -c)
          [ "$size" = 0 ] || break; sleep 0.2
        done; echo $size`);
    const size = await node.sh('wc -c </bin/busybox');
    // It works: from outside, from another pod, and from itself by hairpin.
    for (const netns of ['outside', ...pods.map((one) => one.netns)]) expect(await fetched(netns), netns).toBe(size);
    for (const from of ['eth0@outside', 'web-1', 'db-1']) expect(await verdict(from, '198.51.100.1')).toBe('healthy');
  });
});
