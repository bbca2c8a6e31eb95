/** Private namespaces for a lab: which of them this user may make, and how (unshare(1), user_namespaces(7)). */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Isolation {
  /** Of unshare. */
  readonly unshare: readonly string[];
  /** A user namespace: the one who is not root outside is root inside. */
  readonly user: boolean;
  /** A process namespace: whatever the lab started dies with it, also when vdiag is killed. */
  readonly pid: boolean;
}

const PROBE_TIMEOUT_MS = 10_000;
/** Debian keeps the network programs out of an ordinary user's PATH. */
const SYSTEM_PATH = '/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin';

/** The environment of everything that runs in a lab. */
export function labEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: process.env.PATH ? `${process.env.PATH}:${SYSTEM_PATH}` : SYSTEM_PATH };
}

/** Why labs cannot run here, one line with what to do; undefined when they can. Makes one namespace and lets it go. */
export function labCan(): string | undefined {
  const isolation = findIsolation();
  return typeof isolation === 'string' ? isolation : undefined;
}

/** The strongest isolation that works here, tried out for real; or why there is none. */
export function findIsolation(): Isolation | string {
  if (process.platform !== 'linux') return `labs need Linux network namespaces, this is ${process.platform}`;
  let complaint = '';
  for (const isolation of candidates()) {
    // A device is made as well: being root in a user namespace does not yet mean that the kernel lets one.
    const script = 'mount -t tmpfs lab /run && mkdir /run/netns && ip netns add probe && ip link add probe type bridge';
    const probe = spawnSync('unshare', [...isolation.unshare, 'bash', '-c', script], {
      encoding: 'utf8',
      env: labEnvironment(),
      timeout: PROBE_TIMEOUT_MS,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    if (probe.error && 'code' in probe.error && probe.error.code === 'ENOENT')
      return 'labs need the program unshare: apt-get install util-linux';
    if (probe.status === 0) return isolation;
    if (/\bip: (command )?not found/.test(probe.stderr)) return 'labs need the program ip: apt-get install iproute2';
    complaint = probe.stderr.trim().split('\n').at(-1) || probe.error?.message || `unshare ended with ${probe.status}`;
  }
  return forbidden() ?? `this user may not make network namespaces (${complaint}): run as root`;
}

/** Root needs no user namespace, unless it is a container's root without CAP_SYS_ADMIN. */
function candidates(): Isolation[] {
  const users = process.getuid?.() === 0 ? [false, true] : [true];
  return users.flatMap((user) =>
    // A container runtime may forbid a fresh /proc, and with it the process namespace.
    [true, false].map((pid) => ({
      user,
      pid,
      unshare: [
        '--net',
        '--mount',
        ...(user ? ['--user', '--map-root-user'] : []),
        ...(pid ? ['--pid', '--mount-proc'] : []),
        '--fork',
        '--kill-child',
      ],
    })),
  );
}

/** The setting that forbids user namespaces, and the line that allows them. */
function forbidden(): string | undefined {
  const settings = [
    { name: 'kernel.unprivileged_userns_clone', bad: '0', good: '1' },
    { name: 'kernel.apparmor_restrict_unprivileged_userns', bad: '1', good: '0' },
    { name: 'user.max_user_namespaces', bad: '0', good: '1000' },
    { name: 'user.max_net_namespaces', bad: '0', good: '1000' },
  ];
  for (const { name, bad, good } of settings) {
    if (readSetting(name) !== bad) continue;
    return `${name} is ${bad}, so only root may make namespaces: run as root, or sysctl -w ${name}=${good}`;
  }
  return undefined;
}

function readSetting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}
