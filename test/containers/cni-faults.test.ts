/**
 * Against the real CNI plugins, called as a runtime calls them on a Kubernetes node: what is broken, and cured. The picture is in cni-host.sh; each test
 * takes its pods away again, and cni0 with the last of them.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { cniHost, cniLacks, type Node, type Pod, type PodOptions } from './cni-host.ts';
import { cbr0, ipam, lan, ptp } from './cni-networks.ts';
import type { Traced } from './real-host.ts';

const lacks = cniLacks();

describe.skipIf(lacks !== undefined)(
  `cni faults${lacks === undefined ? '' : `: ${lacks}`}`,
  { timeout: 120_000 },
  () => {
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
    /** What the commands that were found lead to. */
    async function cured({ allCommands }: Traced, ...words: string[]): Promise<string> {
      await node.sh(allCommands.join('\n'));
      return verdict(...words);
    }
    async function portOf(name: string): Promise<string> {
      return JSON.parse((await node.vdiag('peer', name, '--json')).stdout).ends[0].other.name;
    }

    test.each([
      {
        what: 'cni0 is down',
        broken: 'ip link set cni0 down',
        words: ['web-1', 'db-1'],
        rules: /^bridge-down$/,
        title: /^cni0 is down, and so are all its ports$/,
      },
      {
        what: 'FORWARD drops what leaves the node',
        broken: 'iptables -P FORWARD DROP',
        words: ['web-1', '198.51.100.2'],
        rules: /^filter-forward-drop$/,
        title: /^the policy of chain ip filter FORWARD drops the echo request from cni0 to up0$/,
      },
      {
        what: 'FORWARD drops what the bridge passes on',
        broken: 'iptables -P FORWARD DROP',
        words: ['web-1', 'db-1'],
        rules: /^bridge-netfilter-drop$/,
        title: /^the policy of chain ip filter FORWARD drops what cni0 passes from port to port \(br_netfilter\)$/,
      },
      {
        what: 'the node does not forward',
        broken: 'sysctl -qw net.ipv4.ip_forward=0',
        words: ['web-1', '198.51.100.2'],
        rules: /^forwarding-off$/,
        title: /^this machine does not forward: the echo request to 198\.51\.100\.2 stops at cni0$/,
      },
    ])('$what', async ({ broken, words, rules, title }) => {
      await two();
      await node.sh(broken);
      const found = await trace(...words);
      expect(found.rules).toMatch(rules);
      expect(found.title).toMatch(title);
      expect(await cured(found, ...words)).toBe('healthy');
    });

    test("cni0's address on a port", async () => {
      await two();
      const port = await portOf('web-1');
      await node.sh(`ip addr del 10.244.1.1/24 dev cni0; ip addr add 10.244.1.1/24 dev ${port}`);
      const found = await trace('web-1', '10.244.1.1');
      expect(found.rules).toMatch(/^bridge-port-owns-ip/);
      expect(await cured(found, 'web-1', '10.244.1.1')).toBe('healthy');
    });

    test('a port taken out of cni0', async () => {
      await two();
      const port = await portOf('web-1');
      await node.sh(`ip link set ${port} nomaster`);
      const found = await trace('web-1', 'db-1');
      expect(found.rules).toMatch(/^bridge-port-detached/);
      expect(found.commands).toEqual([`ip link set ${port} master cni0`]);
      expect(await cured(found, 'web-1', 'db-1')).toBe('healthy');
    });

    test('isGateway false: the default route leads to an address that nobody has', async () => {
      await two(cbr0({ isGateway: false }));
      const found = await trace('web-1', '198.51.100.2');
      expect(found.rules).toMatch(/^gateway-unreachable/);
      expect(found.title).toBe('the gateway 10.244.1.1 of eth0@shop/web-1 does not answer');
      expect((await node.map()).oddities).toContainEqual(expect.objectContaining({ kind: 'gateway-unowned' }));
      expect(await cured(found, 'web-1', '198.51.100.2')).toBe('healthy');
    });

    test('cni0 kept the address of the old pod network', async () => {
      await pod('shop/web-1');
      await pod('shop/new-1', cbr0({ isGateway: false, ipam: ipam('10.244.7.0/24') }));
      const found = await trace('new-1', '198.51.100.2');
      expect(found.rules).toBe('gateway-unreachable');
      expect(found.commands).toEqual(['ip addr add 10.244.7.1/24 dev cni0']);
      expect(await cured(found, 'new-1', '198.51.100.2')).toBe('healthy');
      expect(await verdict('web-1', 'new-1')).toBe('healthy');
    });

    test('a pod with a smaller MTU than the others', async () => {
      await pod('shop/web-1');
      await pod('shop/db-1', cbr0({ mtu: 1400 }));
      const words = ['web-1', 'db-1', '-s', '1450'];
      const found = await trace(...words);
      expect(found.rules).toMatch(/^link-mtu-smaller/);
      expect(await cured(found, ...words)).toBe('healthy');
    });

    test('an address given twice, after the records of host-local were lost', async () => {
      await two();
      await node.sh('rm -rf /run/cni-networks');
      await pod('shop/late-1');
      const { rules, title } = await trace('cni0', '10.244.1.2');
      expect(rules).toMatch(/^address-duplicate/);
      expect(title).toBe('eth0@shop/web-1 and eth0@shop/late-1 have the same address, 10.244.1.2');
      expect((await node.vdiag('map')).stdout).toMatch(
        /\n! 10\.244\.1\.2 is given twice: to eth0 of shop\/(web|late)-1 and eth0 of shop\/(web|late)-1\n$/,
      );
    });

    test('nothing masquerades', async () => {
      await pod('shop/web-1', cbr0({ ipMasq: false }));
      const found = await trace('web-1', '198.51.100.2');
      expect(found.rules).toMatch(/nat-masquerade-missing|route-return-missing/);
      expect(await cured(found, 'web-1', '198.51.100.2')).toBe('healthy');
    });

    test('the plugins were told DEL while the pod lives', async () => {
      const { netns } = await pod('shop/web-1');
      await node.cni('DEL', cbr0(), netns);
      const { rules, title } = await trace('web-1', '10.244.1.1');
      expect(rules).toBe('container-no-network');
      expect(title).toBe('shop/web-1 has no network: its only interface is lo');
      expect((await node.vdiag('map')).stdout).toMatch(/\n! shop\/web-1 has no interface but lo\n$/);
    });

    test("ptp: the route to a pod is gone, and the node's default route takes what is for it", async () => {
      await two(ptp);
      await node.sh('ip route del 10.244.2.3');
      const found = await trace('web-1', 'db-1');
      expect(found.rules).toBe('route-wrong-interface');
      expect(found.title).toMatch(
        /^this namespace sends packets for 10\.244\.2\.3 out of up0 .*, and the way there is by veth/,
      );
      expect(await cured(found, 'web-1', 'db-1')).toBe('healthy');
    });

    test('ptp: the node does not forward', async () => {
      await two(ptp);
      await node.sh('sysctl -qw net.ipv4.ip_forward=0');
      const found = await trace('web-1', 'db-1');
      expect(found.rules).toBe('forwarding-off');
      expect(await cured(found, 'web-1', 'db-1')).toBe('healthy');
    });

    test.each([
      ['from the pod', ['web-1', '198.51.100.1']],
      ['from the node', ['up0', 'web-1']],
    ])('macvlan and its parent, %s', async (_, words) => {
      await pod('shop/web-1', lan);
      const { rules, title } = await trace(...words);
      expect(rules).toBe('macvlan-parent-isolated');
      expect(title).toBe('eth0@shop/web-1 is a macvlan on up0: the two cannot reach each other');
    });

    test('the tuning plugin makes a pod ignore echo requests', async () => {
      await pod('shop/web-1');
      await pod('shop/db-1', cbr0({}, { type: 'tuning', sysctl: { 'net.ipv4.icmp_echo_ignore_all': '1' } }));
      const found = await trace('web-1', 'db-1');
      expect(found.rules).toBe('echo-ignored');
      expect(found.title).toBe('shop/db-1 ignores all echo requests (icmp_echo_ignore_all=1)');
      expect(await cured(found, 'web-1', 'db-1')).toBe('healthy');
    });

    test("a rule in the firewall plugin's CNI-ADMIN", async () => {
      await pod('shop/web-1', cbr0({}, { type: 'firewall', backend: 'iptables' }));
      await node.sh('iptables -A CNI-ADMIN -s 10.244.1.0/24 ! -d 10.244.1.0/24 -j DROP');
      const found = await trace('web-1', '198.51.100.2');
      expect(found.rules).toBe('filter-forward-drop');
      expect(found.title).toContain('CNI-ADMIN');
      expect(await cured(found, 'web-1', '198.51.100.2')).toBe('healthy');
    });
  },
);
