/**
 * Giving up the rights of this thread (capabilities(7)): for what reads bytes from the network and prints names that others
 * chose, once everything that needs rights is done.
 *
 * The kernel keeps capabilities for each thread, and no system call changes another thread's. JavaScript, and every child
 * process, runs on this one. The threads of libuv's pool, on which gzip is unpacked, are asked one by one; those of V8, which
 * compile and collect garbage, keep theirs.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { type CFunction, libc } from './libc.ts';

/** Numbers of include/uapi/linux/capability.h, for what may have to be kept. */
const numbers = { CAP_DAC_OVERRIDE: 1, CAP_DAC_READ_SEARCH: 2, CAP_FOWNER: 3, CAP_SYSLOG: 34 } as const;
export type Capability = keyof typeof numbers;

export interface DropOptions {
  /** Kept where this thread has them. Default: none. */
  readonly keep?: readonly Capability[];
}

/** include/uapi/linux/prctl.h */
const prctlOption = { capbsetDrop: 24, setNoNewPrivs: 38, ambient: 47 };
const PR_CAP_AMBIENT_RAISE = 2;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
/** _LINUX_CAPABILITY_VERSION_3: two sets of 32 bits. */
const version3 = 0x20080522;

/** The capabilities of this thread that count, as a set of bits; undefined where /proc does not tell. */
export function effectiveCapabilities(): bigint | undefined {
  return ownStatus('CapEff');
}

/**
 * Takes all capabilities but those to keep from this thread and from what it starts, for good: also no program with the
 * setuid bit or file capabilities gives them back (PR_SET_NO_NEW_PRIVS). A thread that has none is left as it is.
 *
 * @returns false where the kernel refused, or does not tell what there is
 */
export function dropCapabilities({ keep = [] }: DropOptions = {}): boolean {
  const permitted = ownStatus('CapPrm');
  if (permitted === undefined) return false;
  if (permitted === 0n) return true;
  const kept = keep.reduce((bits, name) => bits | (1n << BigInt(numbers[name])), 0n) & permitted;
  const { library } = libc();
  const prctl: CFunction = library.func('int prctl(int option, ulong a, ulong b, ulong c, ulong d)');
  const capset: CFunction = library.func('int capset(void *header, void *data)');
  // While CAP_SETPCAP is still there. What is kept may not be added again either: nothing is started that needs it.
  const bounding = ownStatus('CapBnd') ?? 0n;
  for (let number = 0; number < 64; number++)
    if ((bounding >> BigInt(number)) & 1n) prctl(prctlOption.capbsetDrop, number, 0, 0, 0);
  prctl(prctlOption.ambient, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  const withoutGain = prctl(prctlOption.setNoNewPrivs, 1, 0, 0, 0) === 0;
  return capset(header(), sets(kept)) === 0 && withoutGain;
}

/** Threads of libuv's pool unless UV_THREADPOOL_SIZE says otherwise, and the most there can be (libuv, threadpool.c). */
const POOL = 4;
const LARGEST_POOL = 1024;
/** How long all threads but one are kept busy, ms, and how often that is tried: which of them takes what is by chance. */
const BUSY_MS = 1;
const MOST_ROUNDS = 64;

/**
 * Takes the capabilities from the threads of libuv's pool too, once `dropCapabilities` has taken them from this one: what is
 * unpacked or read there is bytes of others. Costs some milliseconds where there are any to take, else nothing.
 *
 * @returns true when every thread of the pool has no more than this one
 */
export async function dropPoolCapabilities(): Promise<boolean> {
  const given = Number(process.env.UV_THREADPOOL_SIZE ?? POOL);
  const size = Math.min(LARGEST_POOL, Math.max(1, Number.isInteger(given) ? given : POOL));
  const kept = ownStatus('CapPrm');
  if (kept === undefined || !threadsBeyond(kept)) return kept !== undefined;
  const { library } = libc();
  const capset: CFunction = library.func('int capset(void *header, void *data)');
  const poll: CFunction = library.func('int poll(void *fds, unsigned long count, int timeout)');
  const job = (call: CFunction, ...words: readonly unknown[]): Promise<void> =>
    new Promise((resolve, reject) => {
      call.async(...words, (error: unknown) => (error ? reject(error) : resolve()));
    });
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const busy = Array.from({ length: size - 1 }, () => job(poll, new Uint8Array(8), 0, BUSY_MS));
    await Promise.all([...busy, job(capset, header(), sets(kept))]);
    // This thread, and those of the pool.
    if (threadsWithin(kept) > size) return true;
  }
  return false;
}

/** Threads of this process that have no capability beyond those. */
function threadsWithin(kept: bigint): number {
  return capabilitiesOfThreads().filter((own) => (own & ~kept) === 0n).length;
}

function threadsBeyond(kept: bigint): boolean {
  return capabilitiesOfThreads().some((own) => (own & ~kept) !== 0n);
}

function capabilitiesOfThreads(): bigint[] {
  return readdirSync('/proc/self/task').flatMap((thread) => {
    try {
      const own = statusIn(readFileSync(`/proc/self/task/${thread}/status`, 'latin1'), 'CapPrm');
      return own === undefined ? [] : [own];
    } catch {
      // It has ended.
      return [];
    }
  });
}

/**
 * The rights of this thread, to be put aside for as long as it reads what came from the network: its effective set is empty then. It stays
 * permitted to take them up again (capabilities(7)): a protection against what is done by mistake, not against foreign code.
 * Jobs are no promises: what waits would go on without, or with, the rights of others.
 */
export interface Rights {
  /** Until they are taken up again; without effect where they are aside already. */
  putAside(): void;
  takeUp(): void;
  with<T>(job: () => T): T;
  without<T>(job: () => T): T;
}

/** Those that this thread has now. Where the kernel refuses, or there are none, nothing changes. */
export function ownRights(): Rights {
  const effective = ownStatus('CapEff') ?? 0n;
  const permitted = ownStatus('CapPrm') ?? 0n;
  const inheritable = ownStatus('CapInh') ?? 0n;
  const capset: CFunction | undefined =
    effective === 0n ? undefined : libc().library.func('int capset(void *header, void *data)');
  const [all, none] = [sets(permitted, inheritable, effective), sets(permitted, inheritable, 0n)];
  let aside = false;
  const set = (wanted: boolean): void => {
    if (wanted === aside) return;
    capset?.(header(), wanted ? none : all);
    aside = wanted;
  };
  const during = <T>(wanted: boolean, job: () => T): T => {
    const before = aside;
    set(wanted);
    try {
      return job();
    } finally {
      set(before);
    }
  };
  return {
    putAside: () => set(true),
    takeUp: () => set(false),
    with: (job) => during(false, job),
    without: (job) => during(true, job),
  };
}

/**
 * Lets programs that this thread starts have the capabilities that it has itself: those of a file (setcap(8)) stop at the
 * first execve(2) otherwise, and nft would not be allowed to list a rule. Root's programs have them anyhow.
 *
 * @returns false where there is nothing to pass on, or the kernel refused
 */
export function passOnCapabilities(): boolean {
  const permitted = ownStatus('CapPrm');
  if (permitted === undefined || permitted === 0n || process.getuid?.() === 0) return false;
  if (ownStatus('CapAmb') === permitted) return true;
  const { library } = libc();
  const prctl: CFunction = library.func('int prctl(int option, ulong a, ulong b, ulong c, ulong d)');
  const capset: CFunction = library.func('int capset(void *header, void *data)');
  if (capset(header(), sets(permitted, permitted)) !== 0) return false;
  let raised = true;
  for (let number = 0; number < 64; number++)
    if ((permitted >> BigInt(number)) & 1n)
      raised = prctl(prctlOption.ambient, PR_CAP_AMBIENT_RAISE, number, 0, 0) === 0 && raised;
  return raised;
}

/** struct __user_cap_header_struct: the version, and 0 for this thread. */
function header(): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, version3, true);
  return new Uint8Array(view.buffer);
}

/** Two of struct __user_cap_data_struct: effective, permitted and inheritable; low half first. */
function sets(permitted: bigint, inheritable = 0n, effective = permitted): Uint8Array {
  const view = new DataView(new ArrayBuffer(24));
  for (const half of [0, 1]) {
    const halfOf = (bits: bigint) => Number((bits >> BigInt(32 * half)) & 0xffffffffn);
    view.setUint32(12 * half, halfOf(effective), true);
    view.setUint32(12 * half + 4, halfOf(permitted), true);
    view.setUint32(12 * half + 8, halfOf(inheritable), true);
  }
  return new Uint8Array(view.buffer);
}

type CapabilitySet = 'CapEff' | 'CapPrm' | 'CapInh' | 'CapBnd' | 'CapAmb';

function ownStatus(field: CapabilitySet): bigint | undefined {
  try {
    return statusIn(readFileSync('/proc/thread-self/status', 'latin1'), field);
  } catch {
    return undefined;
  }
}

/** A set of bits, in hexadecimal. */
function statusIn(status: string, field: CapabilitySet): bigint | undefined {
  const value = new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1];
  return value === undefined ? undefined : BigInt(`0x${value}`);
}
