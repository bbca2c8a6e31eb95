/**
 * A private tracefs instance: its own ring, its own events, seen by nobody who does not look for it.
 * It outlives the process that made it, so it carries that process in its name, is taken away however the process ends,
 * and what a killed one left is swept by the next.
 */
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { VdiagError } from '../../linux/error.ts';
import { openTracefs, type Tracefs } from '../../linux/tracefs.ts';
import { type EventRole, eventNames } from './event-decode.ts';
import { type EventFormat, type PageFormat, parseEventFormat, parsePageFormat } from './event-format.ts';

/** All processors together; of that each gets its part, within these bounds. 1 MiB holds some 20,000 events. */
const togetherBytes = 1 << 24;
const leastBytes = 1 << 18;
const mostBytes = 1 << 20;
/** In order of preference. `tai` steps with the wall clock that frames are stamped with; it came after 5.17. */
const clocks = ['tai', 'mono', 'global'];
const prefix = 'vdiag-';
const mostInstances = 64;

export interface InstanceOptions {
  /** Kernel filters (Documentation/trace/events.rst, "Event filtering") by event; absent: every event. */
  readonly filters?: EventFilters;
}

/** The filters, made of what this kernel's events look like. */
export type EventFilters = (
  formats: ReadonlyMap<EventRole, EventFormat>,
) => Partial<Readonly<Record<EventRole, string>>>;

export interface TraceInstance {
  readonly formats: ReadonlyMap<EventRole, EventFormat>;
  readonly page: PageFormat;
  /** trace_pipe_raw of every processor, non-blocking. */
  readonly fds: readonly number[];
  /** Lets events into the ring, or keeps them out, which costs the kernel next to nothing. */
  turn(on: boolean): void;
  /** Writes a mark into the ring, on this thread's time. */
  mark(text: string): void;
  /** Takes it away. Idempotent, and safe where the process is about to end. */
  close(): void;
}

/**
 * Makes an instance and turns its events on.
 * @throws VdiagError `permission`, `unsupported-platform`, `system-call`
 */
export function openInstance(options: InstanceOptions): TraceInstance {
  const tracefs = openTracefs();
  const undo: (() => void)[] = [() => tracefs.close()];
  const close = () => {
    for (const step of undo.splice(0).reverse()) attempt(step);
  };
  try {
    // Before there is anything to take away: a signal may come at any moment.
    undo.push(onEnd(close));
    sweep(tracefs);
    const path = makeInstance(tracefs);
    undo.push(() => rmdirSync(path));
    // While one of these is open the kernel refuses to remove the instance: no sweep takes what lives.
    const fds = openPipes(path, undo);
    const formats = readFormats(tracefs);
    const page = parsePageFormat(readFileSync(`${tracefs.path}/events/header_page`, 'utf8'));
    if (!page) throw new VdiagError('unsupported-platform', 'the trace ring of this kernel has an unknown page format');
    configure(path, fds.length);
    for (const [role, filter] of Object.entries(options.filters?.(formats) ?? {})) setFilter(path, role, filter);
    for (const role of formats.keys())
      if (role !== 'mark') writeFileSync(`${path}/events/${eventNames[role]}/enable`, '1');
    const marker = openSync(`${path}/trace_marker`, 'w');
    undo.push(() => closeSync(marker));
    const gate = openSync(`${path}/tracing_on`, 'w');
    undo.push(() => closeSync(gate));
    const turn = (on: boolean) => {
      writeSync(gate, on ? '1' : '0', 0);
    };
    const mark = (text: string) => {
      writeSync(marker, text);
    };
    return { formats, page, fds, mark, turn, close };
  } catch (cause) {
    close();
    throw explained(cause);
  }
}

/** Something is better than a half-made cleanup: what one step cannot do must not keep the next from trying. */
function attempt(step: () => void): void {
  try {
    step();
  } catch {
    // Gone already, or the next run's sweep takes it.
  }
}

function openPipes(path: string, undo: (() => void)[]): number[] {
  const processors = readdirSync(`${path}/per_cpu`)
    .flatMap((name) => /^cpu(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  return processors.map((cpu) => {
    const file = `${path}/per_cpu/cpu${cpu}/trace_pipe_raw`;
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    undo.push(() => closeSync(fd));
    return fd;
  });
}

/** Events that this kernel has, and vdiag understands. */
function readFormats({ path }: Tracefs): Map<EventRole, EventFormat> {
  const formats = new Map<EventRole, EventFormat>();
  for (const role of roles) {
    let text = '';
    try {
      text = readFileSync(`${path}/events/${eventNames[role]}/format`, 'utf8');
    } catch {
      continue;
    }
    const format = parseEventFormat(text);
    if (format) formats.set(role, format);
  }
  if (!formats.get('drop')?.fields.has('reason'))
    throw new VdiagError(
      'unsupported-platform',
      'this kernel does not say why it drops packets',
      'drop reasons came with Linux 5.17',
    );
  return formats;
}

const roles: readonly EventRole[] = ['drop', 'free', 'queue', 'out', 'in', 'resolve', 'mark'];

function configure(path: string, processors: number): void {
  const part = Math.floor(togetherBytes / Math.max(1, processors));
  const bytes = Math.min(mostBytes, Math.max(leastBytes, part));
  writeFileSync(`${path}/buffer_size_kb`, String(bytes >> 10));
  // Anything to read makes a pipe readable; absent before 5.0.
  attempt(() => writeFileSync(`${path}/buffer_percent`, '0'));
  const offered = readFileSync(`${path}/trace_clock`, 'utf8').split(/[\s[\]]+/);
  const clock = clocks.find((name) => offered.includes(name));
  if (clock !== undefined) writeFileSync(`${path}/trace_clock`, clock);
}

/** A kernel that lacks a field of the filter takes none: then more comes, and nothing is missed. */
function setFilter(path: string, role: string, filter: string): void {
  const known = roles.find((each) => each === role);
  if (known) attempt(() => writeFileSync(`${path}/events/${eventNames[known]}/filter`, filter));
}

/** vdiag-NAMESPACE-PID-START-N: process numbers repeat in time and between process namespaces; one process may have several. */
function makeInstance({ path }: Tracefs): string {
  const { namespace, start } = identify('self') ?? { namespace: '0', start: '0' };
  for (let number = 0; ; number++) {
    const instance = `${path}/instances/${prefix}${namespace}-${process.pid}-${start}-${number}`;
    try {
      mkdirSync(instance);
      return instance;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST') || number > mostInstances)
        throw error;
    }
  }
}

/** The process namespace and the start time of a process (field 22 of stat, proc_pid_stat(5)). */
function identify(pid: string): { namespace: string; start: string } | undefined {
  try {
    const namespace = /\d+/.exec(readlinkSync(`/proc/${pid}/ns/pid`))?.[0];
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return namespace !== undefined && start !== undefined ? { namespace, start } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Takes away what killed runs left. A living one is known by its process; where that is in another process namespace,
 * by the kernel's refusal to remove what is open.
 */
function sweep({ path }: Tracefs): void {
  const here = identify('self')?.namespace;
  for (const name of readdirSync(`${path}/instances`)) {
    const parts = new RegExp(`^${prefix}(\\d+)-(\\d+)-(\\d+)-\\d+$`).exec(name);
    if (!parts) continue;
    const [, namespace, pid = '', start] = parts;
    if (namespace === here && identify(pid)?.start === start) continue;
    attempt(() => rmdirSync(`${path}/instances/${name}`));
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls `close` when the process ends by itself, by an error, or by a signal that nobody else handles. */
function onEnd(close: () => void): () => void {
  const handlers = signals.map((signal) => {
    const handler = () => {
      // Whoever else listens decides what the signal means, and closes in its own time.
      if (process.listenerCount(signal) > 1) return;
      close();
      process.kill(process.pid, signal);
    };
    // First, while those who listen once are still counted.
    process.prependListener(signal, handler);
    return { signal, handler };
  });
  process.on('exit', close);
  return () => {
    for (const { signal, handler } of handlers) process.off(signal, handler);
    process.off('exit', close);
  };
}

function explained(cause: unknown): VdiagError {
  if (cause instanceof VdiagError) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'failed';
  if (code === 'EACCES' || code === 'EPERM')
    return new VdiagError(
      'permission',
      `the kernel's trace events may not be read (${code})`,
      'run it as root of the machine itself (sudo), outside user namespaces',
      { cause },
    );
  return new VdiagError('system-call', `the kernel's trace events cannot be read (${code})`, undefined, { cause });
}
