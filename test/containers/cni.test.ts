/**
 * Against the real CNI plugins, called as a runtime calls them on a Kubernetes node. The picture is in cni-host.sh; each test
 * takes its pods away again, and cni0 with the last of them.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Conflist, cniHost, cniLacks, type Node, type Pod, type PodOptions } from './cni-host.ts';

const lacks = cniLacks();

/** host-local keeps what it has given away below /var/lib/cni, which is the machine's. */
function ipam(subnet: string, more: object = {}) {
  return {
    type: 'host-local',
    dataDir: '/run/cni-networks',
    ranges: [[{ subnet }]],
    routes: [{ dst: '0.0.0.0/0' }],
    ...more,
  };
}

const bridge = {
  type: 'bridge',
  bridge: 'cni0',
  isGateway: true,
  ipMasq: true,
  hairpinMode: true,
  ipam: ipam('10.244.1.0/24'),
};
const portmap = { type: 'portmap', capabilities: { portMappings: true } };
const firewall = { type: 'firewall', backend: 'iptables' };
const flannel: Conflist = { name: 'cbr0', plugins: [{ type: 'loopback' }, bridge, portmap] };
/** The same with some of the bridge plugin's words changed. */
const but = (words: object, name = 'cbr0'): Conflist => ({
  name,
  plugins: [{ type: 'loopback' }, { ...bridge, ...words }, portmap],
});
const ptp: Conflist = { name: 'routed', plugins: [{ type: 'ptp', ipMasq: true, ipam: ipam('10.244.2.0/24') }] };

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
    await node.sh('ip link del cni0 2>/dev/null || :; rm -rf /run/cni-networks; sysctl -qw net.ipv4.ip_forward=1');
  });

  async function pod(name: string, network: Conflist = flannel, options: PodOptions = {}): Promise<Pod> {
    const made = await node.pod(name, network, options);
    pods = [...pods, made];
    return made;
  }
  async function two(network: Conflist = flannel): Promise<void> {
    await pod('shop/web-1', network);
    await pod('shop/db-1', network);
  }
  /** The rules that are found, and that the root cause's commands cure it. */
  async function cured(words: readonly string[]) {
    const found = await node.trace(...words);
    if (process.env.SHOW)
      console.log(
        `${expect.getState().currentTestName}: ${found.title} [${found.rules}]\n${found.commands.join('\n')}`,
      );
    return found;
  }
  async function cure(commands: readonly string[], words: readonly string[]): Promise<string> {
    await node.sh(commands.join('\n'));
    const { outcome, rules } = await node.trace(...words);
    return `${outcome} ${rules}`.trim();
  }

  describe('healthy', () => {
    test.each([
      ['pod to pod', ['pod:shop/web-1', 'pod:shop/db-1']],
      ['pod to pod by bare names', ['web-1', 'db-1']],
      ['pod to node', ['web-1', '10.244.1.1']],
      ['node to pod', ['cni0', 'shop/db-1']],
      ['pod to outside, masqueraded', ['web-1', '198.51.100.2']],
    ])('%s', async (_, words) => {
      await two();
      const { outcome, rules } = await cured(words);
      expect({ outcome, rules }).toEqual({ outcome: 'healthy', rules: '' });
    });
  });

  describe('faults', () => {
    test('cni0 is down', async () => {
      await two();
      await node.sh('ip link set cni0 down');
      const words = ['web-1', 'db-1'];
      const { rules, commands } = await cured(words);
      expect(rules).toMatch(/^link-down/);
      expect(await cure(commands, words)).toBe('healthy');
    });
    test('FORWARD drop, outside', async () => {
      await two();
      await node.sh('iptables -P FORWARD DROP');
      const words = ['web-1', '198.51.100.2'];
      const { commands } = await cured(words);
      console.log(await cure(commands, words));
      await node.sh('iptables -F FORWARD; iptables -P FORWARD ACCEPT');
    });
    test('FORWARD drop, pod to pod', async () => {
      await two();
      await node.sh('iptables -P FORWARD DROP');
      const words = ['web-1', 'db-1'];
      const { commands } = await cured(words);
      console.log(await cure(commands, words));
      await node.sh('iptables -F FORWARD; iptables -P FORWARD ACCEPT');
    });
    test('forwarding off', async () => {
      await two();
      await node.sh('sysctl -qw net.ipv4.ip_forward=0');
      const words = ['web-1', '198.51.100.2'];
      const { commands } = await cured(words);
      console.log(await cure(commands, words));
    });
    test('isGateway false', async () => {
      await two(but({ isGateway: false, ipMasq: true }));
      const words = ['web-1', '198.51.100.2'];
      const { commands } = await cured(words);
      console.log(await cure(commands, words));
      console.log((await node.vdiag('map')).stdout);
    });
    test('mtu', async () => {
      await pod('shop/web-1');
      await pod('shop/db-1', but({ mtu: 1400 }));
      const words = ['web-1', 'db-1', '-s', '1450'];
      const { commands } = await cured(words);
      console.log(await cure(commands, words));
      console.log((await node.vdiag('map')).stdout);
    });
    test('address on port', async () => {
      await two();
      const port = JSON.parse((await node.vdiag('peer', 'web-1', '--json')).stdout).ends[0].other.name;
      await node.sh(`ip addr del 10.244.1.1/24 dev cni0; ip addr add 10.244.1.1/24 dev ${port}`);
      const words = ['web-1', '10.244.1.1'];
      const { commands } = await cured(words);
      console.log(await cure(commands, words));
      console.log((await node.vdiag('map')).stdout);
    });
    test('duplicate', async () => {
      await two();
      await node.sh('rm -rf /run/cni-networks');
      await pod('shop/late-1');
      await cured(['cni0', '10.244.1.2']);
      await cured(['db-1', '10.244.1.2']);
      await cured(['late-1', '10.244.1.3']);
      await cured(['db-1', 'late-1']);
      console.log((await node.vdiag('map')).stdout);
    });
    test('old podCIDR', async () => {
      await pod('shop/web-1');
      await pod('shop/db-1', but({ isGateway: false, ipam: ipam('10.244.7.0/24') }));
      await cured(['db-1', 'web-1']);
      await cured(['db-1', '198.51.100.2']);
      await cured(['web-1', 'db-1']);
      console.log((await node.vdiag('map')).stdout);
    });
    test('no masquerade', async () => {
      await pod('shop/web-1', but({ ipMasq: false }));
      const words = ['web-1', '198.51.100.2'];
      const { commands } = await cured(words);
      console.log(await cure(commands, words));
    });
    test('DEL while alive', async () => {
      const { netns } = await pod('shop/web-1');
      await node.cni('DEL', flannel, netns);
      const words = ['web-1', '10.244.1.1'];
      await cured(words);
      console.log((await node.vdiag('map')).stdout);
    });
    test('port detached', async () => {
      await two();
      const port = JSON.parse((await node.vdiag('peer', 'web-1', '--json')).stdout).ends[0].other.name;
      await node.sh(`ip link set ${port} nomaster`);
      const words = ['web-1', 'db-1'];
      const { commands } = await cured(words);
      console.log(await cure(commands, words));
    });
    test('ptp', async () => {
      await pod('shop/web-1', ptp);
      await pod('shop/db-1', ptp);
      await pod('shop/b-1');
      await cured(['web-1', 'db-1']);
      await cured(['web-1', '198.51.100.2']);
      await cured(['b-1', 'db-1']);
      await cured(['db-1', 'b-1']);
      console.log((await node.vdiag('map')).stdout);
      await node.sh('sysctl -qw net.ipv4.ip_forward=0');
      await cured(['web-1', 'db-1']);
      await node.sh('sysctl -qw net.ipv4.ip_forward=1; ip route del 10.244.2.3');
      const words = ['web-1', '10.244.2.3'];
      const { commands } = await cured(words);
      console.log(await cure(commands, words));
    });
    test('macvlan', async () => {
      const lan: Conflist = {
        name: 'lan',
        plugins: [
          {
            type: 'macvlan',
            master: 'up0',
            ipam: ipam('198.51.100.0/24', {
              ranges: [[{ subnet: '198.51.100.0/24', rangeStart: '198.51.100.50', gateway: '198.51.100.2' }]],
            }),
          },
        ],
      };
      await pod('shop/web-1', lan);
      await pod('shop/db-1', lan);
      await cured(['web-1', 'db-1']);
      await cured(['web-1', '198.51.100.2']);
      await cured(['web-1', '198.51.100.1']);
      await cured(['up0', 'web-1']);
      console.log((await node.vdiag('map')).stdout);
    });
    test('tuning', async () => {
      await pod('shop/web-1');
      await pod('shop/db-1', {
        name: 'cbr0',
        plugins: [bridge, { type: 'tuning', sysctl: { 'net.ipv4.icmp_echo_ignore_all': '1' } }],
      });
      const words = ['web-1', 'db-1'];
      const { commands } = await cured(words);
      console.log(await cure(commands, words));
    });
    test('firewall', async () => {
      await node.sh('iptables -P FORWARD DROP');
      await two({ name: 'cbr0', plugins: [bridge, portmap, firewall] });
      await cured(['web-1', 'db-1']);
      await cured(['web-1', '198.51.100.2']);
      await node.sh('iptables -A CNI-ADMIN -s 10.244.1.0/24 ! -d 10.244.1.0/24 -j DROP');
      const words = ['web-1', '198.51.100.2'];
      const { commands } = await cured(words);
      console.log(await cure(commands, words));
      await node.sh('iptables -F CNI-ADMIN; iptables -P FORWARD ACCEPT');
    });
    test('portmap', async () => {
      await pod('shop/web-1', flannel, {
        command: '/bin/httpd -f -p 80 -h /',
        portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
      });
      await pod('shop/db-1');
      console.log(
        await node.sh(
          'ip netns exec outside busybox wget -q -O- http://198.51.100.1:8080/bin/busybox | wc -c; iptables -t nat -S',
        ),
      );
      await cured(['web-1', '198.51.100.1']);
      await cured(['db-1', '198.51.100.1']);
      await cured(['web-1', 'web-1']).catch((e) => console.log(String(e)));
      await cured(['eth0@outside', '198.51.100.1']);
      await cured(['eth0@outside', 'web-1']).catch((e) => console.log(String(e)));
    });
  });
});
