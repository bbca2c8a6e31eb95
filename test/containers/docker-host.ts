/** A real Docker for tests: a daemon of their own, alone in its namespaces, gone with them. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { labEnvironment } from '../../src/lab/isolation.ts';
import type { Lab } from '../../src/lab/lab.ts';
import { vdiagProgram } from '../../src/lab/run.ts';
import { type CommandResult, openLab } from '../../src/lab/session.ts';

/** What of a report the tests look at. */
export interface Traced {
  readonly outcome: string;
  /** The rules of its findings but notes, those that would stop the packet next behind a >. */
  readonly rules: string;
  readonly title: string;
  readonly target: {
    readonly interface: string;
    readonly address: string;
    readonly container?: string;
    readonly addressOf?: string;
  };
  readonly commands: readonly string[];
  readonly said: string;
}

export interface DockerHost {
  /** A shell script on the host, which must succeed. */
  sh(script: string): Promise<string>;
  vdiag(...words: string[]): Promise<CommandResult>;
  /** `vdiag ping-trace --json` */
  trace(...words: string[]): Promise<Traced>;
  /** `vdiag map --json` */
  map(): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

/** Why there is none here; undefined where Docker is installed. That it then runs is for the test to find out. */
export function dockerLacks(): string | undefined {
  if (process.getuid?.() !== 0) return 'dockerd needs root';
  for (const program of ['dockerd', 'docker', 'runc', 'iptables'])
    if (spawnSync('which', [program], { env: labEnvironment() }).status !== 0)
      return `needs ${program} (apt-get install docker.io)`;
  const busybox = spawnSync('ldd', ['/bin/busybox'], { encoding: 'utf8' });
  if (!/not a dynamic executable|statically/.test(busybox.stdout + busybox.stderr)) return 'needs busybox-static';
  try {
    // Where the machine's own cgroups are read-only (a container of CI) no runtime can run.
    return readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .some((line) => / - cgroup2? /.test(line) && / rw[, ]/.test(line))
      ? undefined
      : 'the cgroups here are read-only';
  } catch {
    return 'no /proc/self/mountinfo';
  }
}

export async function dockerHost(): Promise<DockerHost> {
  const script = readFileSync(new URL('docker-host.sh', import.meta.url), 'utf8');
  const trace = { interface: 'web', address: 'db' };
  const lab: Lab = {
    name: 'docker-host',
    expect: 'healthy',
    next: [],
    trace,
    args: [],
    ping: 'ok',
    cure: false,
    afterCure: trace,
    needs: [],
    settleMs: 300,
    description: '',
    curedBy: [],
    script,
  };
  const session = await openLab(lab);
  const env = { DOCKER_HOST: 'unix:///run/docker.sock' };
  const vdiag = (...words: string[]): Promise<CommandResult> => session.exec([...vdiagProgram(), ...words], { env });
  const sh = async (text: string): Promise<string> => {
    const { status, stdout, stderr } = await session.exec(['bash', '-euc', text], { env });
    if (status !== 0) throw new Error(`${text}: ${status}\n${stdout}${stderr}`);
    return stdout.trim();
  };
  const parent = await sh('cat /run/cgroup-parent');
  return {
    sh,
    vdiag,
    async trace(...words) {
      const { stdout, stderr } = await vdiag('ping-trace', ...words, '--json');
      try {
        return { ...tracedIn(JSON.parse(stdout)), said: stderr };
      } catch (cause) {
        throw new Error(`${words.join(' ')}: ${stderr}${stdout.slice(0, 500)}`, { cause });
      }
    },
    async map() {
      return JSON.parse((await vdiag('map', '--json')).stdout);
    },
    async close() {
      await session.close();
      removeCgroups(parent);
    },
  };
}

interface Report {
  readonly outcome: string;
  readonly target: Traced['target'];
  readonly findings: readonly {
    readonly rule: string;
    readonly severity: string;
    readonly title: string;
    readonly blocks?: string;
    readonly remedy: readonly { readonly commands: readonly string[] }[];
  }[];
}

function tracedIn({ outcome, target, findings }: Report): Omit<Traced, 'said'> {
  const told = findings.filter(({ severity }) => severity !== 'note');
  return {
    outcome,
    target,
    rules: told.map(({ rule, blocks }) => (blocks === 'next' ? `>${rule}` : rule)).join(' '),
    title: told[0]?.title ?? '',
    commands: told[0]?.remedy[0]?.commands ?? [],
  };
}

/** The daemon was killed with its containers: their cgroups stay, empty, and can only be removed from below. */
function removeCgroups(parent: string): void {
  if (!/^\/vdiag-[0-9a-f-]{36}$/.test(parent)) throw new Error(`no cgroup of ours: ${parent}`);
  const roots = ['/sys/fs/cgroup', ...directoriesIn('/sys/fs/cgroup')];
  for (const root of roots) remove(`${root}${parent}`, 3);
}

function remove(path: string, depth: number): void {
  for (const below of depth > 0 ? directoriesIn(path) : []) remove(below, depth - 1);
  try {
    rmdirSync(path);
  } catch {
    // of another hierarchy, or not yet empty
  }
}

function directoriesIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${path}/${entry.name}`);
  } catch {
    return [];
  }
}
