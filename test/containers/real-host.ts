/** A host for tests on which a real container runtime runs, alone in its namespaces, gone with them. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandResult } from '../../src/lab/collect.ts';
import { labEnvironment } from '../../src/lab/isolation.ts';
import type { Lab } from '../../src/lab/lab.ts';
import { vdiagProgram } from '../../src/lab/run.ts';
import { openLab } from '../../src/lab/session.ts';

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
  /** Of the first finding's first remedy. */
  readonly commands: readonly string[];
  /** Of every finding's first remedy. */
  readonly allCommands: readonly string[];
  readonly said: string;
}

export interface RealHost {
  /** A shell script on the host, which must succeed. */
  sh(script: string, env?: Readonly<Record<string, string>>): Promise<string>;
  vdiag(...words: string[]): Promise<CommandResult>;
  /** `vdiag ping-trace --json` */
  trace(...words: string[]): Promise<Traced>;
  /** `vdiag map --json` */
  map(): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

/** What every such host needs: root, the programs, a static busybox for its images, cgroups that may be made. */
export function hostLacks(programs: ReadonlyMap<string, string>): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const [program, debian] of programs)
    if (spawnSync('which', [program], { env: labEnvironment() }).status !== 0)
      return `needs ${program} (apt-get install ${debian})`;
  const busybox = spawnSync('ldd', ['/bin/busybox'], { encoding: 'utf8' });
  if (!/not a dynamic executable|statically/.test(busybox.stdout + busybox.stderr))
    return 'needs busybox-static (apt-get install busybox-static)';
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

/**
 * @param script builds it, with everything it writes in /run; leaves the name of its cgroup (/vdiag-UUID) in /run/cgroup-parent
 */
export async function realHost(
  name: string,
  script: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RealHost> {
  const trace = { interface: 'web', address: 'db' };
  const lab: Lab = {
    name,
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
  const vdiag = (...words: string[]): Promise<CommandResult> => session.exec([...vdiagProgram(), ...words], { env });
  const sh: RealHost['sh'] = async (text, more = {}) => {
    const { status, stdout, stderr } = await session.exec(['bash', '-euc', text], { env: { ...env, ...more } });
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
      await removeCgroups(parent);
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
    allCommands: told.flatMap(({ remedy }) => remedy[0]?.commands ?? []),
  };
}

/** The runtime was killed with its containers: their cgroups are empty soon, and can only be removed from below. */
async function removeCgroups(parent: string): Promise<void> {
  if (!/^\/vdiag-[0-9a-f-]{36}$/.test(parent)) throw new Error(`no cgroup of ours: ${parent}`);
  const places = ['/sys/fs/cgroup', ...directoriesIn('/sys/fs/cgroup')].map((root) => `${root}${parent}`);
  for (let tries = 0; tries < 20; tries += 1) {
    const left = places.filter((place) => !isRemoved(place, 5));
    if (left.length === 0) return;
    await sleep(50);
  }
}

function isRemoved(path: string, depth: number): boolean {
  for (const below of depth > 0 ? directoriesIn(path) : []) isRemoved(below, depth - 1);
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT';
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
