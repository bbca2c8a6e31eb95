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

export function dockerHost(): Promise<RealHost> {
  const script = readFileSync(new URL('docker-host.sh', import.meta.url), 'utf8');
  return realHost('docker-host', script, { DOCKER_HOST: 'unix:///run/docker.sock' });
}
