/**
 * Against a real Docker: a daemon of the test's own in private namespaces, images by `docker import`, containers really run.
 * The picture is in docker-host.sh; each test puts back what it changes.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dockerHost, dockerLacks } from './docker-host.ts';
import type { RealHost } from './real-host.ts';

const lacks = dockerLacks();

describe.skipIf(lacks !== undefined)(`docker${lacks === undefined ? '' : `: ${lacks}`}`, { timeout: 120_000 }, () => {
  let docker: RealHost;
  beforeAll(async () => {
    docker = await dockerHost();
  }, 60_000);
  afterAll(async () => {
    await docker?.close();
  }, 30_000);

  /** A container of its own, removed with its networks when the action ends. */
  async function withContainers(
    create: string,
    names: readonly string[],
    action: () => Promise<void>,
    networks: readonly string[] = [],
  ) {
    await docker.sh(create);
    try {
      await action();
    } finally {
      await docker.sh(
        `docker rm -f ${names.join(' ')} >/dev/null; for n in ${networks.join(' ')}; do docker network rm $n; done`,
      );
    }
  }
  const run = (name: string, options = ''): string =>
    `docker run -d --name ${name} ${options} busy:1 sleep 3600 >/dev/null\n`;

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
      await withContainers(
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
      await withContainers(run('hosty', '--network host'), ['hosty'], async () => {
        const { outcome, target, said } = await docker.trace('hosty', 'db');
        expect(outcome).toBe('healthy');
        expect(target).toMatchObject({ interface: 'docker0' });
        expect(target).not.toHaveProperty('container');
        expect(said).toMatch(/hosty \(docker [0-9a-f]{12}\) uses the host's network: tracing from there/);
        expect((await docker.trace('web', 'hosty')).target.address).toBe('172.17.0.1');
      });
    });

    test("another container's network", async () => {
      await withContainers(run('side', '--network container:web'), ['side'], async () => {
        expect((await docker.trace('side', 'db')).target).toMatchObject({ interface: 'eth0', container: 'web' });
      });
    });

    test("a stopped container's successor is given its address", async () => {
      await withContainers(run('first'), ['second'], async () => {
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
      await withContainers(
        `docker network create front >/dev/null\n${run('shop', '--network front')}`,
        ['shop'],
        async () => {
          const { rules, title } = await docker.trace('web', 'shop');
          expect(rules).toBe('filter-forward-drop');
          expect(title).toContain('DOCKER-ISOLATION-STAGE-2');
        },
        ['front'],
      );
    });

    test('an internal network leads nowhere', async () => {
      await withContainers(
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
      await withContainers(run('lonely', '--network none'), ['lonely'], async () => {
        const { rules, title } = await docker.trace('lonely', 'db');
        expect(rules).toBe('container-no-network');
        expect(title).toBe('lonely has no network: its only interface is lo');
        const { status, stderr } = await docker.vdiag('ping-trace', 'web', 'lonely');
        expect(status).toBe(2);
        expect(stderr).toMatch(/^vdiag: lonely has no address/);
      });
    });

    test('a container that is stopped, while its neighbours still know it', async () => {
      await withContainers(run('gone'), ['gone'], async () => {
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
      await withContainers(run('loose'), ['loose'], async () => {
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
      await withContainers(
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
      await withContainers(
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
      const port = await portOf('web');
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
      const port = await portOf('web');
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

  async function portOf(name: string): Promise<string> {
    const { stdout } = await docker.vdiag('peer', name, '--json');
    return JSON.parse(stdout).ends[0].other.name;
  }

  describe('which veth belongs to which container', () => {
    test("as the tutorials find it: iflink, ip link, ethtool, the bridge's table", async () => {
      const pid = await docker.sh("docker inspect -f '{{.State.Pid}}' web");
      const port = await portOf('web');
      const own = `nsenter -t ${pid} -n`;
      const iflink = await docker.sh(`${own} ip -o link show eth0 | sed -n 's/.*eth0@if\\([0-9]*\\):.*/\\1/p'`);
      expect(await docker.sh(`ip -o link | sed -n 's/^${iflink}: \\([^@]*\\)@.*/\\1/p'`)).toBe(port);
      const peer = await docker.sh(`${own} ethtool -S eth0 2>/dev/null | sed -n 's/.*peer_ifindex: *//p' || :`);
      if (peer !== '') expect(peer).toBe(iflink);
      const mac = await docker.sh(
        `${own} cat /proc/net/arp >/dev/null; ${own} ip -o link show eth0 | sed -n 's/.*link.ether \\([^ ]*\\).*/\\1/p'`,
      );
      await docker.trace('web', '172.17.0.1');
      expect(
        await docker.sh(`bridge fdb show br docker0 | sed -n 's/^${mac} dev \\([^ ]*\\) .*/\\1/p' | head -1`),
      ).toBe(port);
      // And from the host's end.
      expect(JSON.parse((await docker.vdiag('peer', port, '--json')).stdout).ends[0].other).toMatchObject({
        container: 'web',
        name: 'eth0',
        peer: { interface: port },
      });
    });

    test('the map', async () => {
      await withContainers(
        `docker network create --internal back >/dev/null\n${run('app', '--network back')}docker network connect bridge app\n` +
          `${run('lonely', '--network none')}${run('hosty', '--network host')}${run('side', '--network container:web')}` +
          'docker create --name done busy:1 sleep 1 >/dev/null',
        ['app', 'lonely', 'hosty', 'side', 'done'],
        async () => {
          const { stdout, status } = await docker.vdiag('map');
          expect(status).toBe(0);
          const text = stdout
            .replaceAll(/veth[0-9a-f]{7}/g, 'VETH')
            .replaceAll(/br-[0-9a-f]{12}/g, 'BR')
            .replaceAll(/[0-9a-f]{12}(?=\))|[0-9a-f]{12}$/gm, 'ID')
            .replaceAll(/\(docker [0-9a-f]{12}\)/g, '(docker ID)');
          expect(text).toContain(`|- docker0 bridge, docker network bridge, 172.17.0.1/16
|  |- VETH <-> eth0 of web (docker, with side), 172.17.0.2/16
|  |- VETH <-> eth0 of db (docker), 172.17.0.3/16
|  \`- VETH <-> eth1 of app (docker), 172.17.0.4/16
`);
          expect(text).toMatch(
            /\|- BR bridge, docker network back \(internal\), 172\.\d+\.0\.1\/16\n\| {2}`- VETH <-> eth0 of app \(docker\), 172\.\d+\.0\.2\/16\n/,
          );
          expect(text).toContain('`- hosty (docker ID) uses this network (host)\n');
          expect(text).toContain('lonely (docker ID), busy:1\n`- ! no network\n');
          expect(text).toContain('without a network now: done (docker ID), created\n');
          expect(text.match(/^! .*/gm)).toEqual(['! lonely has no interface but lo']);
        },
        ['back'],
      );
    });

    test('without the daemon: ids and host names from the kernel', async () => {
      const id = (await docker.sh("docker inspect -f '{{.Id}}' web")).slice(0, 12);
      await withContainers(run('named', '--hostname front'), ['named'], async () => {
        await docker.sh('mv /run/docker.sock /run/docker.sock.away');
        try {
          expect((await docker.vdiag('map')).stdout).toContain(`eth0 of ${id} (docker), 172.17.0.2/16`);
          expect((await docker.trace(id, '172.17.0.3')).target).toMatchObject({ interface: 'eth0', container: id });
          expect((await docker.trace(`container:${id.slice(0, 6)}`, '172.17.0.3')).outcome).toBe('healthy');
          expect((await docker.trace('front', '172.17.0.3')).outcome).toBe('healthy');
        } finally {
          await docker.sh('mv /run/docker.sock.away /run/docker.sock');
        }
      });
    });

    test('a recording of a container, and of the way between two', async () => {
      const { status, stdout } = await docker.vdiag(
        'record',
        '-w',
        '/run/web.pcapng',
        '--on',
        'web',
        '--duration',
        '0.3',
      );
      expect({ status, places: /on (\d+) interface/.exec(stdout)?.[1] }).toEqual({ status: 0, places: '1' });
      const way = await docker.vdiag('record', '-w', '/run/way.pcapng', 'web', 'db', '--duration', '0.3');
      expect(way.stdout).toMatch(/on [45] interfaces/);
    });

    test('mistyped names', async () => {
      expect((await docker.vdiag('ping-trace', 'webb', 'db')).stderr).toBe(
        'vdiag: no such interface or container: webb\n  did you mean web?\n',
      );
      expect((await docker.vdiag('check', 'web', 'dbb')).stderr).toBe(
        'vdiag: neither an IP address nor a container: dbb\n  did you mean db?\n',
      );
      expect((await docker.vdiag('peer', 'docker:wb')).stderr).toBe(
        'vdiag: no container docker:wb\n  did you mean db, web?\n',
      );
    });
  });
});
