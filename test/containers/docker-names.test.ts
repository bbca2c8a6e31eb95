/** Names and the map against a real Docker: which veth belongs to which container. The picture is in docker-host.sh. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DockerHost, dockerHost, dockerLacks, run } from './docker-host.ts';

const lacks = dockerLacks();

describe.skipIf(lacks !== undefined)(
  `docker's names${lacks === undefined ? '' : `: ${lacks}`}`,
  { timeout: 120_000 },
  () => {
    let docker: DockerHost;
    beforeAll(async () => {
      docker = await dockerHost();
    }, 60_000);
    afterAll(async () => {
      await docker?.close();
    }, 30_000);

    test("as the tutorials find it: iflink, ip link, ethtool, the bridge's table", async () => {
      const pid = await docker.sh("docker inspect -f '{{.State.Pid}}' web");
      const port = await docker.portOf('web');
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
      await docker.with(
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

    test("an interface of the host with a container's name", async () => {
      await docker.sh(
        'ip link add web type veth peer name other; ip addr add 10.66.0.1/24 dev web; ip link set web up',
      );
      try {
        const { stdout } = await docker.vdiag('peer', 'web');
        expect(stdout).toMatch(/^\d+: web@other in this namespace/);
        const { target, said } = await docker.trace('web', '10.66.0.2', '-c', '1');
        expect(target).not.toHaveProperty('container');
        expect(said).toBe('vdiag: web is an interface here; the container of that name is container:web\n');
        expect((await docker.trace('container:web', 'db', '-c', '1')).outcome).toBe('healthy');
      } finally {
        await docker.sh('ip link del web');
      }
    });

    test('without the daemon: ids and host names from the kernel', async () => {
      const id = (await docker.sh("docker inspect -f '{{.Id}}' web")).slice(0, 12);
      await docker.with(run('named', '--hostname front'), ['named'], async () => {
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
  },
);
