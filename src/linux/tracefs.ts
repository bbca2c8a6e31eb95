/**
 * The trace file system, wherever it is, or a mount of one's own where it is nowhere mounted: mounted to no directory, seen
 * by nobody else, gone with its file descriptor (fsopen(2), fsmount(2); Linux 5.2).
 */
import { accessSync, closeSync, constants, readFileSync } from 'node:fs';
import { errnoName } from './errno.ts';
import { VdiagError } from './error.ts';
import { libc } from './libc.ts';

export interface Tracefs {
  /** The directory that holds `events` and `instances`. */
  readonly path: string;
  /** Lets go of a mount of its own; what was opened in it stays open. Idempotent. */
  close(): void;
}

/** System call numbers, the same on every architecture since Linux 5.2. */
const call = { fsopen: 430, fsconfig: 431, fsmount: 432 };
const FSOPEN_CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;
const FSMOUNT_CLOEXEC = 1;
/** MOUNT_ATTR_NOSUID, _NODEV, _NOEXEC */
const attributes = 0x2 | 0x4 | 0x8;

/**
 * @throws VdiagError `permission` without CAP_SYS_ADMIN in the initial user namespace, `unsupported-platform` for a kernel
 *   without tracing
 */
export function openTracefs(): Tracefs {
  const mounted = mountedAt().find(isWritable);
  if (mounted !== undefined) return { path: mounted, close: () => undefined };
  const fd = mountDetached();
  let open = true;
  return {
    path: `/proc/self/fd/${fd}`,
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

/** Where it is mounted whole: field 4 is the root of the mount, field 5 the mount point (proc_pid_mountinfo(5)). */
function mountedAt(): string[] {
  try {
    return readFileSync('/proc/thread-self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => / - tracefs /.test(line))
      .map((line) => line.split(' '))
      .flatMap(([, , , root, point]) => (root === '/' && point !== undefined ? [point] : []))
      .filter((point) => !point.includes('\\'));
  } catch {
    return [];
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(`${path}/instances`, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function mountDetached(): number {
  const { koffi, library } = libc();
  const open = library.func('syscall', 'long', ['long', 'str', 'uint32']);
  const configure = library.func('syscall', 'long', ['long', 'int', 'uint32', 'void *', 'void *', 'int']);
  const mount = library.func('syscall', 'long', ['long', 'int', 'uint32', 'uint32']);
  const context = Number(open(call.fsopen, 'tracefs', FSOPEN_CLOEXEC));
  if (context < 0) throw refused(koffi.errno());
  try {
    if (Number(configure(call.fsconfig, context, FSCONFIG_CMD_CREATE, null, null, 0)) < 0) throw refused(koffi.errno());
    const fd = Number(mount(call.fsmount, context, FSMOUNT_CLOEXEC, attributes));
    if (fd < 0) throw refused(koffi.errno());
    return fd;
  } finally {
    closeSync(context);
  }
}

function refused(errno: number): VdiagError {
  const name = errnoName(errno);
  if (name === 'EPERM' || name === 'EACCES')
    return new VdiagError(
      'permission',
      `tracefs may not be mounted (${name})`,
      'run it as root of the machine itself (sudo), outside user namespaces',
    );
  return new VdiagError(
    'unsupported-platform',
    `there is no tracefs here (${name})`,
    'this kernel was built without CONFIG_TRACING: its drop events cannot be read',
  );
}
