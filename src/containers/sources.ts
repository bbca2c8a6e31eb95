/** The runtimes of this machine that can be asked, all at once, each with an end to its time. */
import { existsSync, realpathSync, statSync } from 'node:fs';
import type { Runtime, RuntimeNetwork, Told } from './container.ts';
import { askCri } from './cri.ts';
import { askDocker } from './docker.ts';
import { askIncus } from './incus.ts';
import { installed } from './program.ts';
import { configuredLxc, type RecordPlaces, storedContainers } from './records.ts';

export interface Asked {
  readonly told: readonly Told[];
  readonly networks: readonly RuntimeNetwork[];
  /** Why a runtime that is there said nothing, one line each. */
  readonly gaps: readonly string[];
  /** The Docker-like sockets that answered, for further questions. */
  readonly sockets: readonly RuntimeSocket[];
}

export interface RuntimeSocket {
  readonly path: string;
  readonly runtime: Runtime;
}

/** What the kernel has shown of runtimes: programs are asked only where there is something to ask them about. */
export interface Hints {
  readonly runtimes: ReadonlySet<Runtime>;
  readonly pods: boolean;
}

export interface Environment {
  readonly [name: string]: string | undefined;
}

/** A socket answers at once or not at all; a program has to be started first. */
const socketTimeoutMs = 300;
const programTimeoutMs = 800;

interface Answer {
  readonly told: readonly Told[];
  readonly networks?: readonly RuntimeNetwork[];
  readonly socket?: RuntimeSocket;
}

interface Source {
  readonly name: string;
  readonly ask: () => Promise<Answer>;
}

export async function askRuntimes(hints: Hints, env: Environment = process.env, places?: RecordPlaces): Promise<Asked> {
  const { sockets, gaps } = runtimeSockets(env);
  const sources: Source[] = sockets.map((socket) => ({
    name: `${socket.runtime} (${socket.path})`,
    ask: async () => {
      const { containers, networks } = await askDocker(socket.path, socket.runtime, socketTimeoutMs);
      return { told: containers, networks, socket };
    },
  }));
  if (hints.pods && installed('crictl')) {
    const runtime = hints.runtimes.has('cri-o') ? 'cri-o' : 'containerd';
    sources.push({ name: 'crictl', ask: async () => ({ told: await askCri(runtime, programTimeoutMs) }) });
  }
  for (const { program, home } of [
    { program: 'incus', home: '/var/lib/incus' },
    { program: 'lxc', home: '/var/lib/lxd' },
    { program: 'lxc', home: '/var/snap/lxd' },
  ]) {
    if (!existsSync(home) || !installed(program)) continue;
    sources.push({ name: program, ask: async () => ({ told: await askIncus(program, programTimeoutMs) }) });
  }
  const answers = await Promise.all(
    sources.map(async ({ name, ask }) => {
      try {
        return await ask();
      } catch (cause) {
        gaps.push(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`);
        return { told: [] };
      }
    }),
  );
  const live = answers.flatMap(({ told }) => told);
  return {
    // What answers is believed before what is written in a file.
    told: [...live, ...storedContainers(places), ...configuredLxc(places)],
    networks: answers.flatMap((answer: Answer) => answer.networks ?? []),
    gaps,
    sockets: answers.flatMap((answer: Answer) => answer.socket ?? []),
  };
}

/** DOCKER_HOST and CONTAINER_HOST where they name a Unix socket, the sockets of the system's daemons, and this user's own. */
export function runtimeSockets(env: Environment): { sockets: RuntimeSocket[]; gaps: string[] } {
  const own = env.XDG_RUNTIME_DIR?.startsWith('/') ? env.XDG_RUNTIME_DIR : undefined;
  const gaps: string[] = [];
  const wanted: RuntimeSocket[] = [];
  for (const [name, runtime] of [
    ['DOCKER_HOST', 'docker'],
    ['CONTAINER_HOST', 'podman'],
  ] as const) {
    const host = env[name];
    if (host === undefined || host === '') continue;
    const path = /^unix:\/\/(\/.*)$/s.exec(host)?.[1];
    if (path === undefined) gaps.push(`${name} names no socket of this machine: its containers are not asked for`);
    else wanted.push({ path, runtime });
  }
  wanted.push({ path: '/run/docker.sock', runtime: 'docker' }, { path: '/var/run/docker.sock', runtime: 'docker' });
  wanted.push({ path: '/run/podman/podman.sock', runtime: 'podman' });
  if (own !== undefined) {
    wanted.push({ path: `${own}/docker.sock`, runtime: 'docker' });
    wanted.push({ path: `${own}/podman/podman.sock`, runtime: 'podman' });
  }
  const seen = new Set<string>();
  const sockets = wanted.filter(({ path }) => {
    const real = realSocket(path);
    if (real === undefined || seen.has(real)) return false;
    seen.add(real);
    return true;
  });
  return { sockets, gaps };
}

/** Two names of one socket are one daemon. */
function realSocket(path: string): string | undefined {
  try {
    const real = realpathSync(path);
    return statSync(real).isSocket() ? real : undefined;
  } catch {
    return undefined;
  }
}
