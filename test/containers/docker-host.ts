/** A real Docker for tests: a daemon of their own. The picture is in docker-host.sh. */
import { readFileSync } from 'node:fs';
import { hostLacks, type RealHost, realHost } from './real-host.ts';

const programs = new Map([
  ['dockerd', 'docker.io'],
  ['docker', 'docker.io'],
  ['runc', 'runc'],
  ['iptables', 'iptables'],
]);

/** Why there is none here; undefined where Docker is installed. That it then runs is for the test to find out. */
export function dockerLacks(): string | undefined {
  return hostLacks(programs);
}

export interface DockerHost extends RealHost {
  /** Containers of the action's own, removed with their networks when it ends. */
  with(
    create: string,
    names: readonly string[],
    action: () => Promise<void>,
    networks?: readonly string[],
  ): Promise<void>;
  /** The host's end of a container's pair. */
  portOf(container: string): Promise<string>;
}

/** The command that starts a container. */
export function run(name: string, options = ''): string {
  return `docker run -d --name ${name} ${options} busy:1 sleep 3600 >/dev/null\n`;
}

export async function dockerHost(): Promise<DockerHost> {
  const script = readFileSync(new URL('docker-host.sh', import.meta.url), 'utf8');
  const host = await realHost('docker-host', script, { DOCKER_HOST: 'unix:///run/docker.sock' });
  return {
    ...host,
    async with(create, names, action, networks = []) {
      await host.sh(create);
      try {
        await action();
      } finally {
        await host.sh(
          `docker rm -f ${names.join(' ')} >/dev/null; for n in ${networks.join(' ')}; do docker network rm $n; done`,
        );
      }
    },
    async portOf(container) {
      const { stdout } = await host.vdiag('peer', container, '--json');
      return JSON.parse(stdout).ends[0].other.name;
    },
  };
}
