/**
 * Against a real Docker: a daemon of the test's own in private namespaces, images by `docker import`, containers really run.
 * The picture is in docker-host.sh; each test puts back what it changes.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DockerHost, dockerHost, dockerLacks, run } from './docker-host.ts';

const lacks = dockerLacks();

describe.skipIf(lacks !== undefined)(`docker${lacks === undefined ? '' : `: ${lacks}`}`, { timeout: 120_000 }, () => {
  let docker: DockerHost;
  beforeAll(async () => {
    docker = await dockerHost();
  }, 60_000);
  afterAll(async () => {
    await docker?.close();
  }, 30_000);

  describe('healthy', () => {
    test('container to container, both by name', async () => {
      const { outcome, rules, target, said } = await docker.trace('web', 'db');
      expect({ outcome, rules }).toEqual({ outcome: 'healthy', rules: '' });
      expect(target).toMatchObject({ interface: 'eth0', address: '172.17.0.3', container: 'web', addressOf: 'db' });
      expect(said).toMatch(
        /^vdiag: from eth0 of web \(docker [0-9a-f]{12}\) to 172\.17\.0\.3 of db \(docker [0-9a-f]{12}\): the route there leaves by it\n$/,
      );
    });

    test.each([
      ['container to host', ['web', '172.17.0.1']],
      ['host to container', ['docker0', 'db']],
      ['to the outside, masqueraded', ['web', '198.51.100.2']],
      ['by the full name', ['docker:web', 'container:db']],
      ['by the interface', ['eth0@web', '172.17.0.3']],
    ])('%s', async (_, words) => {
      const { outcome, rules } = await docker.trace(...words);
      expect({ outcome, rules }).toEqual({ outcome: 'healthy', rules: '' });
    });

    test('two networks on one container: by the one that leads there', async () => {
      await docker.with(
        `docker network create --internal back >/dev/null\n${run('app', '--network back')}docker network connect bridge app`,
        ['app'],
        async () => {
          expect((await docker.trace('app', 'db')).target.interface).toBe('eth1');
          expect(await docker.trace('app', '198.51.100.2')).toMatchObject({ outcome: 'healthy' });
          expect((await docker.trace('web', 'app')).target.address).toBe('172.17.0.4');
        },
        ['back'],
      );
    });

    test("the host's network: said, and traced from the host", async () => {
      await docker.with(run('hosty', '--network host'), ['hosty'], async () => {
        const { outcome, target, said } = await docker.trace('hosty', 'db');
        expect(outcome).toBe('healthy');
        expect(target).toMatchObject({ interface: 'docker0' });
        expect(target).not.toHaveProperty('container');
        expect(said).toMatch(/hosty \(docker [0-9a-f]{12}\) uses the host's network: tracing from there/);
        expect((await docker.trace('web', 'hosty')).target.address).toBe('172.17.0.1');
      });
    });

    test("another container's network", async () => {
      await docker.with(run('side', '--network container:web'), ['side'], async () => {
        expect((await docker.trace('side', 'db')).target).toMatchObject({ interface: 'eth0', container: 'web' });
      });
    });

    test('the address by which ports are published: the host answers, and that is said', async () => {
      await docker.with(run('shop', '-p 8080:80 -p 127.0.0.1:5353:53/udp'), ['shop'], async () => {
        const { outcome, rules, said } = await docker.trace('eth0@outside', '198.51.100.1');
        expect({ outcome, rules }).toEqual({ outcome: 'healthy', rules: '' });
        expect(said).toBe(
          'vdiag: 198.51.100.1 is the host, which answers a ping itself, whatever becomes of the ports published there (8080->80/tcp of shop): to follow a packet into a container, name the container\n',
        );
        expect((await docker.trace('web', '198.51.100.2')).said).not.toContain('published');
        expect((await docker.trace('web', 'shop')).outcome).toBe('healthy');
      });
    });

    test("a stopped container's successor is given its address", async () => {
      await docker.with(run('first'), ['second'], async () => {
        await docker.trace('web', 'first');
        await docker.sh(`docker rm -f first >/dev/null\n${run('second')}`);
        expect(await docker.trace('web', '172.17.0.4')).toMatchObject({
          outcome: 'healthy',
          target: { addressOf: 'second' },
        });
      });
    });
  });

  describe('faults', () => {
    test('different networks: the isolation', async () => {
      await docker.with(
        `docker network create front >/dev/null\n${run('shop', '--network front')}`,
        ['shop'],
        async () => {
          const { rules, title } = await docker.trace('web', 'shop');
          expect(rules).toBe('filter-forward-drop');
          expect(title).toContain('DOCKER-ISOLATION-STAGE-2');
          const { stdout } = await docker.vdiag('ping-trace', 'web', 'shop', '-c', '1');
          expect(stdout.replaceAll(/\s+/g, ' ')).toContain('With this chain Docker keeps its networks apart');
          const wrong = await docker.trace('docker0', 'shop');
          expect(wrong.rules).toBe('route-missing');
          expect(wrong.title).toMatch(/^docker0 does not lead to 172\.\d+\.0\.2: the way there is by br-[0-9a-f]{12}$/);
        },
        ['front'],
      );
    });

    test('an internal network leads nowhere', async () => {
      await docker.with(
        `docker network create --internal back >/dev/null\n${run('app', '--network back')}`,
        ['app'],
        async () => {
          const { rules, title } = await docker.trace('app', '198.51.100.2');
          expect(rules).toMatch(/^filter-forward-drop /);
          expect(title).toContain('DOCKER-ISOLATION-STAGE-1');
        },
        ['back'],
      );
    });

    test('no network at all', async () => {
      await docker.with(run('lonely', '--network none'), ['lonely'], async () => {
        const { rules, title } = await docker.trace('lonely', 'db');
        expect(rules).toBe('container-no-network');
        expect(title).toBe('lonely has no network: its only interface is lo');
        const { status, stderr } = await docker.vdiag('ping-trace', 'web', 'lonely');
        expect(status).toBe(2);
        expect(stderr).toMatch(/^vdiag: lonely has no address/);
      });
    });

    test('a container that is stopped, while its neighbours still know it', async () => {
      await docker.with(run('gone'), ['gone'], async () => {
        expect((await docker.trace('web', 'gone')).outcome).toBe('healthy');
        await docker.sh('docker stop -t 0 gone');
        const { rules, title } = await docker.trace('web', '172.17.0.4');
        expect(rules).toBe('address-missing');
        expect(title).toBe('nobody on the segment of eth0@web has 172.17.0.4: its neighbour entry is left over');
        const { stderr } = await docker.vdiag('ping-trace', 'web', 'gone');
        expect(stderr).toMatch(
          /^vdiag: container gone does not run \(stopped\): it has no network now\n {2}start it: docker start [0-9a-f]{12}\n$/,
        );
      });
    });

    test('docker network disconnect', async () => {
      await docker.with(run('loose'), ['loose'], async () => {
        await docker.sh('docker network disconnect bridge loose');
        expect((await docker.trace('loose', 'web')).rules).toBe('container-no-network');
      });
    });

    test("a FORWARD policy changed behind Docker's back", async () => {
      await docker.sh('iptables-save -t filter >/run/filter; iptables -F FORWARD; iptables -P FORWARD DROP');
      try {
        expect(await docker.trace('web', '198.51.100.2')).toMatchObject({
          rules: 'filter-forward-drop',
          title: 'the policy of chain ip filter FORWARD drops the echo request from docker0 to up0',
        });
        expect((await docker.trace('web', 'db')).rules).toBe('bridge-netfilter-drop');
      } finally {
        await docker.sh('iptables-restore </run/filter');
      }
    });

    test('a rule in DOCKER-USER', async () => {
      await docker.sh('iptables -I DOCKER-USER -s 172.17.0.0/16 ! -d 172.17.0.0/16 -j DROP');
      try {
        const { rules, title } = await docker.trace('web', '198.51.100.2');
        expect(rules).toBe('filter-forward-drop');
        expect(title).toContain('DOCKER-USER');
      } finally {
        await docker.sh('iptables -D DOCKER-USER 1');
      }
    });

    test('containers kept apart (enable_icc=false), as long as bridges call iptables', async () => {
      const option = 'com.docker.network.bridge.enable_icc=false';
      await docker.with(
        `docker network create -o ${option} quiet >/dev/null\n${run('q1', '--network quiet')}${run('q2', '--network quiet')}`,
        ['q1', 'q2'],
        async () => {
          expect((await docker.trace('q1', 'q2')).rules).toBe('bridge-netfilter-drop');
          await docker.sh('sysctl -qw net.bridge.bridge-nf-call-iptables=0');
          try {
            expect((await docker.trace('q1', 'q2')).outcome).toBe('healthy');
          } finally {
            await docker.sh('sysctl -qw net.bridge.bridge-nf-call-iptables=1');
          }
        },
        ['quiet'],
      );
    });

    test('the masquerade is gone', async () => {
      await docker.sh('iptables-save -t nat >/run/nat; iptables -t nat -F POSTROUTING');
      try {
        expect((await docker.trace('web', '198.51.100.2')).rules).toMatch(
          /nat-masquerade-missing|route-return-missing/,
        );
      } finally {
        await docker.sh('iptables-restore </run/nat');
      }
    });

    test('forwarding switched off', async () => {
      await docker.sh('sysctl -qw net.ipv4.ip_forward=0');
      try {
        expect((await docker.trace('web', '198.51.100.2')).rules).toMatch(/^forwarding-off/);
      } finally {
        await docker.sh('sysctl -qw net.ipv4.ip_forward=1');
      }
    });

    test('a network with a smaller MTU', async () => {
      await docker.with(
        `docker network create -o com.docker.network.driver.mtu=1400 slim >/dev/null\n${run('s1', '--network slim')}${run('s2', '--network slim')}`,
        ['s1', 's2'],
        async () => {
          expect((await docker.trace('s1', 's2', '-s', '1380', '-M', 'do')).rules).toBe('fragmentation-needed');
          expect((await docker.trace('s1', 's2', '-s', '1300', '-M', 'do')).outcome).toBe('healthy');
        },
        ['slim'],
      );
    });

    test("the bridge's address on a port", async () => {
      const port = await docker.portOf('web');
      await docker.sh(`ip addr del 172.17.0.1/16 dev docker0; ip addr add 172.17.0.1/16 dev ${port}`);
      try {
        const { rules, commands } = await docker.trace('web', '172.17.0.1');
        expect(rules).toBe('bridge-port-owns-ip');
        await docker.sh(commands.join('\n'));
        expect((await docker.trace('web', '172.17.0.1')).outcome).toBe('healthy');
      } finally {
        await docker.sh(
          `ip addr del 172.17.0.1/16 dev ${port} 2>/dev/null || :; ip addr replace 172.17.0.1/16 dev docker0`,
        );
      }
    });

    test('a port taken out of its bridge, while the container knows the way', async () => {
      const port = await docker.portOf('web');
      await docker.trace('web', '172.17.0.1');
      await docker.sh(`ip link set ${port} nomaster`);
      try {
        const { rules, commands } = await docker.trace('web', '172.17.0.1');
        expect(rules).toMatch(/^bridge-port-detached/);
        expect(commands).toEqual([`ip link set ${port} master docker0`]);
        expect((await docker.map()).oddities).toContainEqual(
          expect.objectContaining({ kind: 'port-detached', interface: port }),
        );
      } finally {
        await docker.sh(`ip link set ${port} master docker0`);
      }
    });

    test("the container's end is down", async () => {
      const pid = await docker.sh("docker inspect -f '{{.State.Pid}}' db");
      await docker.sh(`nsenter -t ${pid} -n ip link set eth0 down`);
      try {
        expect(await docker.trace('web', '172.17.0.3')).toMatchObject({ rules: 'link-down', title: 'eth0@db is down' });
      } finally {
        await docker.sh(`nsenter -t ${pid} -n ip link set eth0 up`);
      }
    });
  });
});
